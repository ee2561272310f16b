"""Servers and plain handlers: every call shape, every failure, over real sockets."""

import asyncio
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_core.api.limits import REQUEST_BYTES_MAX
from swarm_core.api.proto import ca_pb2, control_pb2, logbroker_pb2, watch_pb2
from swarm_core.api.wire import delimited
from swarm_core.ca import tls
from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.rpc import channel as channels
from swarm_core.rpc.adapter import snake_case
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.server import Services
from swarm_core.runtime.listening import AddressUnusable
from swarm_testkit.refusing import Refusing
from swarm_testkit.trust import (
    LOCAL,
    Authority,
    EchoServices,
    connected,
    control_server,
    echo_services,
    make_authority,
    remote_server,
)

GetNode = control_pb2.GetNodeRequest
CONTROL = control_pb2.DESCRIPTOR.services_by_name["Control"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority()


@pytest.fixture
def echo(authority: Authority) -> EchoServices:
    return EchoServices(authority.root.certificate)


async def upload(*ids: str) -> AsyncIterator[logbroker_pb2.PublishLogsMessage]:
    for id_ in ids:
        yield logbroker_pb2.PublishLogsMessage(subscription_id=id_)


async def test_control_socket(authority: Authority, echo: EchoServices, tmp_path: Path) -> None:
    """Every shape of call works over the socket, each made as this node; the socket is its owner's alone."""
    path = tmp_path / "state" / "control.sock"
    async with control_server(authority, echo_services(echo), path), connected(path) as connection:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert os.listdir(path.parent) == ["control.sock"]
        assert (await connection.call("Control.GetNode", GetNode())).node.id == "m1"
        request = watch_pb2.WatchRequest()
        request.resume_from.index = 4
        numbers = [message.version.index async for message in connection.stream("Watch.Watch", request)]
        assert numbers == [0, 1, 2, 3]
        await connection.upload("LogBroker.PublishLogs", upload("a", "b"))
        assert echo.callers[-1] == LOCAL
    assert not path.exists()


async def test_remote_callers_are_named(authority: Authority, echo: EchoServices) -> None:
    """Over the network the handler learns the node, its roles and its address; a joiner is nobody."""
    async with remote_server(authority, echo_services(echo)) as server:
        async with connected(server.address, authority, authority.worker("w7")) as connection:
            await connection.upload("LogBroker.PublishLogs", upload("a"))
            with pytest.raises(CallFailed) as denied:
                await connection.call("Control.GetNode", GetNode())
        async with connected(server.address, authority) as connection:
            await connection.call("CA.GetRootCACertificate", _root_request())
    worker, joiner = echo.callers
    assert (worker.node_id, worker.roles, worker.is_local) == ("w7", {"swarm-worker"}, False)
    assert worker.remote_addr.startswith("127.0.0.1:")
    assert (joiner.node_id, joiner.roles) == ("", frozenset())
    assert denied.value.code == "PERMISSION_DENIED"


def _root_request() -> object:
    return ca_pb2.GetRootCACertificateRequest()


async def test_failures(
    authority: Authority, echo: EchoServices, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Typed failures keep code and text, plain ones are UNKNOWN with theirs, bugs are logged here and hidden there."""
    path = tmp_path / "c.sock"
    async with control_server(authority, echo_services(echo), path), connected(path) as connection:
        for asked, code, text in (
            ("missing", "NOT_FOUND", "node missing not found"),
            ("plain", "UNKNOWN", "update out of sequence"),
            ("bug", "INTERNAL", "internal error"),
        ):
            with (
                caplog.at_level(logging.CRITICAL if asked != "bug" else logging.ERROR),
                pytest.raises(CallFailed) as failed,
            ):
                await connection.call("Control.GetNode", GetNode(node_id=asked))
            assert (failed.value.code, failed.value.message) == (code, text)
        with pytest.raises(CallFailed) as failed:
            await connection.call("Control.ListNodes", control_pb2.ListNodesRequest())
        assert failed.value.code == "UNIMPLEMENTED"
        with pytest.raises(CallFailed) as failed:
            await connection.upload("LogBroker.PublishLogs", upload("a", ""))
        assert failed.value.code == "NOT_FOUND"
    assert "ZeroDivisionError" in caplog.text and "GetNode" in caplog.text


async def test_registered_plain_failures(authority: Authority, tmp_path: Path) -> None:
    """Exceptions that the registry was told of are plain too."""

    class Handler:
        async def get_node(self, request: GetNode, caller: Caller) -> control_pb2.GetNodeResponse:
            raise LookupError("lost leadership")

    services = Services(plain=(LookupError,))
    handler = Handler()
    services.add(CONTROL, handler, Refusing(CONTROL, handler))
    path = tmp_path / "c.sock"
    async with control_server(authority, services, path), connected(path, authority) as connection:
        with pytest.raises(CallFailed, match="lost leadership") as failed:
            await connection.call("Control.GetNode", GetNode())
        assert failed.value.code == "UNKNOWN"


async def test_unreadable_and_oversized_requests(
    authority: Authority, echo: EchoServices, tmp_path: Path
) -> None:
    """Bytes that are no message, and messages beyond the limit, are answers and not crashes."""
    path = tmp_path / "c.sock"
    async with control_server(authority, echo_services(echo), path), connected(path, authority) as connection:
        channel = channels.secure(
            f"unix:{path}", roots=authority.root.certificate, server_name="swarm-manager"
        )
        raw = channel.unary_unary("/docker.swarmkit.v1.Control/GetNode", None, None)
        for data, name in (
            (b"\xff\xff\xff", "INTERNAL"),
            (bytes(REQUEST_BYTES_MAX + 1), "RESOURCE_EXHAUSTED"),
        ):
            call = raw(data)
            assert (await call.code()).name == name
        await channel.close(None)
        assert (await connection.call("Control.GetNode", GetNode())).node.id == "m1"


class Cut:
    """Answers with the text it was asked for, less its last byte, as SwarmKit lets it through."""

    async def get_node(self, request: GetNode, caller: Caller) -> bytes:
        return delimited(1, delimited(1, request.node_id.encode() + "ß".encode()[:1]))


async def test_text_that_is_none(authority: Authority, tmp_path: Path) -> None:
    """A call whose text is no UTF-8 is served, and such an answer is read, with replacement characters."""
    path, services, cut = tmp_path / "c.sock", Services(), Cut()
    services.add(CONTROL, cut, Refusing(CONTROL, cut))
    async with control_server(authority, services, path), connected(path, authority) as connection:
        channel = channels.secure(
            f"unix:{path}", roots=authority.root.certificate, server_name="swarm-manager"
        )
        raw = channel.unary_unary("/docker.swarmkit.v1.Control/GetNode", None, None)
        answer = await raw(delimited(1, b"a" + "ß".encode()[:1]))
        assert answer == delimited(1, delimited(1, "a\ufffd".encode() + "ß".encode()[:1]))
        await channel.close(None)
        assert (await connection.call("Control.GetNode", GetNode(node_id="b"))).node.id == "b\ufffd"


class Gate:
    """A unary call and a stream that wait, and note how they ended."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.ended = asyncio.Event()

    async def get_node(self, request: GetNode, caller: Caller) -> control_pb2.GetNodeResponse:
        return await self._wait()

    async def watch(
        self, request: watch_pb2.WatchRequest, caller: Caller
    ) -> AsyncIterator[watch_pb2.WatchMessage]:
        yield watch_pb2.WatchMessage()
        await self._wait()

    async def _wait(self) -> control_pb2.GetNodeResponse:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError("an event nobody sets")


def gate_services(gate: Gate) -> Services:
    services = Services()
    services.add(CONTROL, gate, Refusing(CONTROL, gate))
    services.add(watch_pb2.DESCRIPTOR.services_by_name["Watch"], gate)
    return services


@pytest.mark.parametrize("shape", ["unary", "stream"])
async def test_a_client_that_leaves_ends_its_handler(
    authority: Authority, tmp_path: Path, shape: str
) -> None:
    """Cancelling a call, or closing a stream, cancels the handler."""
    gate, path = Gate(), tmp_path / "c.sock"
    async with control_server(authority, gate_services(gate), path), connected(path, authority) as connection:
        if shape == "unary":
            timeout_s = 0.05
            while not gate.entered.is_set():  # a busy machine may take longer to bring it there
                with pytest.raises(CallFailed, match="did not answer") as failed:
                    await connection.call("Control.GetNode", GetNode(), timeout=timeout_s)
                assert failed.value.code == "DEADLINE_EXCEEDED"
                timeout_s *= 2
        else:
            stream = connection.stream("Watch.Watch", watch_pb2.WatchRequest())
            assert await anext(stream) == watch_pb2.WatchMessage()
            await gate.entered.wait()
            await stream.aclose()  # type: ignore[attr-defined]
        async with asyncio.timeout(40):
            await gate.ended.wait()


async def test_stopping_ends_waiting_calls(authority: Authority, tmp_path: Path) -> None:
    """A server that stops cancels what is under way, and its clients hear that it is gone."""
    gate, path = Gate(), tmp_path / "c.sock"
    async with asyncio.timeout(40), asyncio.TaskGroup() as group:
        async with control_server(authority, gate_services(gate), path):
            connecting = connected(path, authority)
            connection = await connecting.__aenter__()
            call = group.create_task(_failure_of(connection.call("Control.GetNode", GetNode())))
            await gate.entered.wait()
        failure = await call
        await gate.ended.wait()
        await connecting.__aexit__(None, None, None)
    assert isinstance(failure, Unreachable | CallFailed)


async def _failure_of(call: object) -> Exception | None:
    try:
        await call  # type: ignore[misc]
    except (CallFailed, Unreachable) as error:
        return error
    return None


async def test_stale_socket_is_replaced_and_a_living_one_is_not(
    authority: Authority, echo: EchoServices, tmp_path: Path
) -> None:
    """A socket file that nobody serves gives way; a daemon's socket, and a file that is none, do not."""
    path = tmp_path / "c.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    services = echo_services(echo)
    async with control_server(authority, services, path), connected(path) as connection:
        with pytest.raises(AddressUnusable, match="in use by a running daemon"):
            async with control_server(authority, services, path):
                pass
        assert (await connection.call("Control.GetNode", GetNode())).node.id == "m1"
    path.write_text("mine")
    with pytest.raises(AddressUnusable, match="a file is in its place"):
        async with control_server(authority, services, path):
            pass
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == ["c.sock"]


async def test_unusable_places(authority: Authority, echo: EchoServices, tmp_path: Path) -> None:
    """Names too long for a file and directories that cannot be made are told in one sentence."""
    (tmp_path / "file").touch()
    for path, text in (
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "file" / "c.sock", "cannot serve"),
    ):
        with pytest.raises(AddressUnusable, match=text):
            async with control_server(authority, echo_services(echo), path):
                pass


async def test_what_a_killed_daemon_left_is_removed(
    authority: Authority, echo: EchoServices, tmp_path: Path
) -> None:
    """A place for this socket that nobody finished goes; those of other sockets stay."""
    for name in (".c.sock-abcdefgh", ".other.sock-abcdefgh"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s").touch()
    async with control_server(authority, echo_services(echo), tmp_path / "c.sock"):
        assert sorted(os.listdir(tmp_path)) == [".other.sock-abcdefgh", "c.sock"]


async def test_control_socket_shows_a_new_certificate(
    authority: Authority, echo: EchoServices, tmp_path: Path
) -> None:
    """After a reload new connections see the new certificate, old ones go on."""
    path = tmp_path / "c.sock"
    other = make_authority()
    async with control_server(authority, echo_services(echo), path) as server:
        async with connected(path, authority) as old:
            await old.call("Control.GetNode", GetNode())
            server.reload(tls.local_context(other.manager("m2")))
            assert (await old.call("Control.GetNode", GetNode())).node.id == "m1"
        async with connected(path, Authority(other.root)) as new:
            assert (await new.call("Control.GetNode", GetNode())).node.id == "m1"


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GetRootCACertificate", "get_root_ca_certificate"),
        ("CreateService", "create_service"),
        ("Watch", "watch"),
        ("ListServiceStatuses", "list_service_statuses"),
    ],
)
def test_snake_case(name: str, snake: str) -> None:
    """Methods of handlers are the names of the protocol in snake case."""
    assert snake_case(name) == snake
