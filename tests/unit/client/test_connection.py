"""Connections: finding trust, saying what is wrong, and surviving a manager's restart."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from swarm_core.api.proto import control_pb2, watch_pb2
from swarm_core.client import connection as connections
from swarm_core.client import trust as trusting
from swarm_core.client.connection import Connection
from swarm_core.client.errors import CallFailed, NotTaken, Unreachable, UntrustedManager
from swarm_core.rpc import dialler
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.server import Services
from swarm_testkit.free_ports import free_port
from swarm_testkit.refusing import Refusing
from swarm_testkit.trust import (
    Authority,
    EchoServices,
    connected,
    control_server,
    echo_services,
    make_authority,
    remote_server,
)

AUTHORITY = make_authority()
OTHER = make_authority()
GetNode = control_pb2.GetNodeRequest


@pytest.fixture
def echo() -> EchoServices:
    return EchoServices(AUTHORITY.root.certificate)


@pytest.fixture
async def control(echo: EchoServices, tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "state" / "control.sock"
    async with control_server(AUTHORITY, echo_services(echo), path):
        yield path


def put_root(directory: Path, authority: Authority) -> Path:
    path = directory / "certificates" / "swarm-root-ca.crt"
    path.parent.mkdir(parents=True)
    path.write_bytes(authority.root.certificate)
    return path


async def asked(target: str | Path, **how: object) -> str:
    async with await Connection.open(target, **how) as connection:  # type: ignore[arg-type]
        return str((await connection.call("Control.GetNode", GetNode(), timeout=40)).node.id)


async def test_trust_is_fetched_where_no_file_offers_it(control: Path, echo: EchoServices) -> None:
    """A socket's own permissions vouch for the root that it gives."""
    assert await asked(control) == "m1"
    assert len(echo.callers) == 2  # the root, then the call


@pytest.mark.parametrize("form", ["{}", "unix:{}", "unix://{}"])
async def test_trust_beside_the_socket(control: Path, echo: EchoServices, form: str) -> None:
    """The root certificate in the state directory is taken, and nothing is fetched; paths have three forms."""
    put_root(control.parent, AUTHORITY)
    assert await asked(form.format(control)) == "m1"
    assert len(echo.callers) == 1


async def test_trust_in_docker_s_layout(
    control: Path, tmp_path: Path, echo: EchoServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker's socket directory has its certificates in another place."""
    monkeypatch.setattr(trusting, "_DOCKER_RUN", (control.parent,))
    monkeypatch.setattr(trusting, "_DOCKER_STATE", tmp_path / "docker")
    put_root(tmp_path / "docker", AUTHORITY)
    assert await asked(control) == "m1"
    assert len(echo.callers) == 1


async def test_an_explicit_ca_file_decides(control: Path, tmp_path: Path) -> None:
    """The named file is used, and no other one when it does not fit or cannot be read."""
    put_root(control.parent, OTHER)
    right, wrong = put_root(tmp_path / "right", AUTHORITY), put_root(tmp_path / "wrong", OTHER)
    assert await asked(control, ca_file=right) == "m1"
    with pytest.raises(UntrustedManager, match="is not trusted"):
        await asked(control, ca_file=wrong)
    with pytest.raises(Unreachable, match="cannot be read: No such file"):
        await asked(control, ca_file=tmp_path / "missing")
    wrong.write_text("no certificate")
    with pytest.raises(UntrustedManager, match="CA certificate cannot be used"):
        await asked(control, ca_file=wrong)


async def test_root_of_another_cluster_beside_the_socket(control: Path) -> None:
    """A mismatch is told, not papered over by asking the socket."""
    put_root(control.parent, OTHER)
    with pytest.raises(UntrustedManager, match="is not trusted"):
        await asked(control)


@asynccontextmanager
async def answering(path: Path, answer: bytes) -> AsyncIterator[None]:
    async def answer_all(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(answer_all, path)
    async with server:
        yield


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", os.urandom(2000)], ids=["nothing", "http", "noise"]
)
@pytest.mark.parametrize("has_root", [True, False])
async def test_no_manager_behind_the_socket(tmp_path: Path, answer: bytes, has_root: bool) -> None:
    """Another program's socket is told apart, whether or not a root certificate lies beside it."""
    if has_root:
        put_root(tmp_path, AUTHORITY)
    async with answering(tmp_path / "x.sock", answer):
        with pytest.raises(Unreachable, match="is not a swarm manager"):
            await Connection.open(tmp_path / "x.sock")


async def test_silence(tmp_path: Path) -> None:
    """A socket that accepts and says nothing is given up after the timeout."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "x.sock"))
        silent.listen()
        with pytest.raises(Unreachable, match=r"did not answer within 0\.1 s"):
            await Connection.open(tmp_path / "x.sock", timeout=0.1)


async def test_what_is_wrong_with_a_path(tmp_path: Path) -> None:
    """Missing, dead, too long, no socket: one sentence each."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead.sock"))
    dead.close()
    (tmp_path / "file").touch()
    for target, text in (
        (tmp_path / "missing.sock", "there is no control socket at"),
        (tmp_path / "file" / "c.sock", "there is no control socket at"),
        (tmp_path / "dead.sock", "nobody is listening at"),
        (tmp_path / "file", "nobody is listening at"),
        (tmp_path / ("x" * 300), "File name too long"),
        ("nonsense", "neither the path of a control socket nor host:port"),
        ("host:port", "neither the path"),
        ("host:99999", "neither the path"),
        ("127.0.0.1:1", "CA certificate of the swarm at 127.0.0.1:1 is needed"),
    ):
        with pytest.raises(Unreachable, match=text) as failed:
            await Connection.open(target)
        assert "\n" not in str(failed.value)


async def test_permission_denied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A socket of somebody else's is told as such."""

    async def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(dialler, "open_tls", refuse)
    put_root(tmp_path, AUTHORITY)
    with pytest.raises(Unreachable, match=r"you may not open the control socket .*: permission denied"):
        await Connection.open(tmp_path / "c.sock")


async def test_remote_trust(echo: EchoServices) -> None:
    """Over the network: a dead port, a wrong root and a plain TCP service are told apart."""
    worker = AUTHORITY.worker()
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        with pytest.raises(UntrustedManager, match="not trusted"):
            await Connection.open(server.address, trust=OTHER.trust())
        with pytest.raises(CallFailed):
            await asked(server.address, trust=AUTHORITY.trust(worker))
    with pytest.raises(Unreachable, match="nobody is listening"):
        await Connection.open(f"127.0.0.1:{free_port()}", trust=AUTHORITY.trust(worker))


async def test_a_restarted_manager_is_found_again(tmp_path: Path, echo: EchoServices) -> None:
    """Calls fail at once while nobody is there, with a sentence, and work again on the same connection after."""
    path = tmp_path / "c.sock"
    services = echo_services(echo)
    async with control_server(AUTHORITY, services, path):
        connection = await Connection.open(path)
        await connection.call("Control.GetNode", GetNode())
    with pytest.raises(Unreachable, match=r"control socket|nobody is listening|was lost"):
        await connection.call("Control.GetNode", GetNode(), timeout=40)
    async with control_server(AUTHORITY, services, path), asyncio.timeout(40):
        while True:
            try:
                await connection.call("Control.GetNode", GetNode(), timeout=40)
                break
            except Unreachable:
                await asyncio.sleep(0.02)
        await connection.close()


async def test_a_stream_of_a_manager_that_ends(tmp_path: Path) -> None:
    """A reader of a stream hears that its manager is gone."""

    class Endless:
        async def watch(self, request: object, caller: object) -> AsyncIterator[watch_pb2.WatchMessage]:
            yield watch_pb2.WatchMessage()
            await asyncio.Event().wait()

    services = Services()
    services.add(watch_pb2.DESCRIPTOR.services_by_name["Watch"], Endless())
    path = tmp_path / "c.sock"
    async with control_server(AUTHORITY, services, path):
        connection = await Connection.open(path, trust=AUTHORITY.trust())
        stream = connection.stream("Watch.Watch", watch_pb2.WatchRequest())
        await anext(stream)
    with pytest.raises((Unreachable, CallFailed)):
        await anext(stream)
    await connection.close()


async def test_a_closed_connection_waits_for_no_collector(tmp_path: Path) -> None:
    """Whatever became of its calls, a connection ends with its closing; daemons look for garbage seldom."""

    class Waiting:
        async def get_node(self, request: object, caller: object) -> None:
            await asyncio.Event().wait()

        async def watch(self, request: object, caller: object) -> AsyncIterator[watch_pb2.WatchMessage]:
            yield watch_pb2.WatchMessage()
            await asyncio.Event().wait()

    async def watching(connection: Connection) -> None:
        async for _ in connection.stream("Watch.Watch", watch_pb2.WatchRequest()):
            begun.set()

    services, path, begun, kept = Services(), tmp_path / "c.sock", asyncio.Event(), []
    for module, name in ((control_pb2, "Control"), (watch_pb2, "Watch")):
        service = module.DESCRIPTOR.services_by_name[name]
        services.add(service, Waiting(), Refusing(service, Waiting()))
    async with control_server(AUTHORITY, services, path) as server:
        gc.collect()
        gc.disable()
        try:
            connection = await Connection.open(path, trust=AUTHORITY.trust())
            stream = asyncio.ensure_future(watching(connection))
            await begun.wait()
            try:
                await connection.call("Control.GetNode", GetNode(), timeout=0.05)
            except CallFailed as failure:
                kept.append(failure)  # as who tells it later does
            stream.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stream
            await connection.close()
            async with asyncio.timeout(40):
                while server.listener.connections:
                    await asyncio.sleep(0.005)
        finally:
            gc.enable()
    assert kept


async def test_closing_ends_calls(tmp_path: Path) -> None:
    """A call under way when its connection is closed fails as unreachable; a task's own cancellation stays one."""

    class Waiting:
        def __init__(self) -> None:
            self.entered = asyncio.Event()

        async def get_node(self, request: object, caller: object) -> None:
            self.entered.set()
            await asyncio.Event().wait()

    waiting, services, path = Waiting(), Services(), tmp_path / "c.sock"
    service = control_pb2.DESCRIPTOR.services_by_name["Control"]
    services.add(service, waiting, Refusing(service, waiting))
    async with control_server(AUTHORITY, services, path):
        connection = await Connection.open(path, trust=AUTHORITY.trust())
        for ending in ("cancel", "close"):
            waiting.entered.clear()
            task = asyncio.ensure_future(connection.call("Control.GetNode", GetNode()))
            await waiting.entered.wait()
            if ending == "cancel":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                await connection.close()
                with pytest.raises(Unreachable, match="is closed"):
                    await task
        with pytest.raises(Unreachable, match="is closed"):
            await connection.call("Control.GetNode", GetNode())


async def test_names_and_descriptors(control: Path) -> None:
    """A method is named by text or by its descriptor."""
    descriptor = control_pb2.DESCRIPTOR.services_by_name["Control"].methods_by_name["GetNode"]
    assert connections.descriptor_of("Control.GetNode") == descriptor
    async with connected(control) as connection:
        assert (await connection.call(descriptor, GetNode())).node.id == "m1"
    with pytest.raises(KeyError):
        connections.descriptor_of("Control.Nothing")


def test_importing_stays_light() -> None:
    """A command that connects loads neither cryptography nor Textual nor the whole protocol."""
    code = (
        "import sys, swarm_core.client.connection as c; c.descriptor_of('Control.ListNodes');"
        "print([m for m in ('cryptography', 'textual', 'swarm_core.store', 'swarm_core.api.proto.raft_pb2')"
        " if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


async def test_a_call_that_ends_before_it_is_taken_is_told_in_a_sentence() -> None:
    """grpcio says of it what went wrong in itself, and not what the call ended with."""
    own = 'Internal error from Core (Failed "execute_batch": (<Operation object>,))'
    nothing = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, nothing, nothing, details=own)
    failure = Connection(None, "/run/control.sock")._failure(error, "Exec.RunInTask", None)  # type: ignore[arg-type]
    assert isinstance(failure, NotTaken) and "Core" not in str(failure)
    assert str(failure).startswith("the manager at /run/control.sock ended Exec.RunInTask before it took")
