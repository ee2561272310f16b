"""Calls to this node's own manager: over a link where there can be one, else over gRPC, and the same to whoever makes them (docs/design/rpc.md 9.5)."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from swarm_core.api.proto import control_pb2, watch_pb2
from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import Version
from swarm_core.api.store_versions import COUNT, LEADS, LIFE, PLACE_OF
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_core.client.linked import LinkedConnection
from swarm_core.rpc import link
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import NotFound
from swarm_core.rpc.forwarding import Route
from swarm_core.rpc.link import NotSpoken
from swarm_core.rpc.server import Services
from swarm_core.runtime.shared_numbers import SharedNumbers
from swarm_testkit.refusing import Refusing
from swarm_testkit.trust import (
    Authority,
    EchoServices,
    control_server,
    echo_services,
    make_authority,
    remote_server,
)

AUTHORITY = make_authority()
_NOBODY = 65534
SERVICE = control_pb2.DESCRIPTOR.services_by_name["Control"]
GetNode = control_pb2.GetNodeRequest


@dataclass
class Elsewhere:
    """A locator of a manager that does not lead, and to which nobody does."""

    leads = False

    async def leader(self, *, other_than: Route | None = None) -> None:
        return None


@dataclass
class Waiting:
    """A manager that does not answer."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    was_cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def get_node(self, request: object, caller: Caller) -> control_pb2.GetNodeResponse:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_cancelled.set()
        raise AssertionError("it waits for ever")


def put_root(path: Path, authority: Authority) -> None:
    place = path.parent / "certificates" / "swarm-root-ca.crt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(authority.root.certificate)


def alone(handler: object) -> Services:
    services = Services()
    services.add(SERVICE, handler, Refusing(SERVICE, handler))
    return services


@asynccontextmanager
async def opened(path: Path, services: Services, **how: object) -> AsyncIterator[LinkedConnection]:
    put_root(path, AUTHORITY)
    async with control_server(AUTHORITY, services, path, **how):  # type: ignore[arg-type]
        connection = await LinkedConnection.open(path)
        try:
            yield connection
        finally:
            await connection.close()


async def node_id(connection: LinkedConnection, asked: str = "", timeout: float = 40) -> str:
    return str((await connection.call("Control.GetNode", GetNode(node_id=asked), timeout=timeout)).node.id)


async def watched(connection: LinkedConnection, count: int = 3) -> list[int]:
    request = watch_pb2.WatchRequest(resume_from=Version(index=count))
    return [one.version.index async for one in connection.stream("Watch.Watch", request)]


async def test_calls_and_streams_go_over_links(tmp_path: Path) -> None:
    """The caller is this node itself, as over gRPC (9.5.4); gRPC is not asked."""
    async with opened(tmp_path / "control.sock", echo_services(EchoServices())) as connection:
        await connection._connection.close()
        assert await node_id(connection) == "m1"
        assert connection.is_linked
        assert await watched(connection) == [0, 1, 2]
        assert await node_id(connection) == "m1"


async def test_a_manager_that_does_not_lead_streams_over_grpc(tmp_path: Path) -> None:
    """As it is asked (9.5.5); each message comes once."""
    services = echo_services(EchoServices())
    async with opened(tmp_path / "control.sock", services, locator=Elsewhere()) as connection:
        assert await watched(connection) == [0, 1, 2]


@dataclass
class Watched:
    """Sends messages of a kilobyte as long as they are taken, fails after `ends_after` of them, and counts what it made."""

    ends_after: int = 1 << 30
    made: int = 0
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, request: object, caller: Caller) -> AsyncIterator[watch_pb2.WatchMessage]:
        try:
            while self.made < self.ends_after:
                self.made += 1
                event = watch_pb2.WatchMessage.Event()
                event.object.config.spec.data = b"x" * 1000
                yield watch_pb2.WatchMessage(events=[event], version=Version(index=self.made))
                await asyncio.sleep(0)
            raise NotFound("the end")
        finally:
            self.has_ended.set()


def watching(handler: Watched) -> Services:
    services = Services()
    services.add(watch_pb2.DESCRIPTOR.services_by_name["Watch"], handler)
    services.add(SERVICE, echo := EchoServices(), Refusing(SERVICE, echo))
    return services


async def test_a_stream_ends_as_the_manager_says(tmp_path: Path) -> None:
    """With its code and text, after what came before; nothing is asked again."""
    handler = Watched(ends_after=5)
    async with opened(tmp_path / "control.sock", watching(handler)) as connection:
        seen = []
        with pytest.raises(CallFailed, match="the end") as failed:
            async for one in connection.stream("Watch.Watch", watch_pb2.WatchRequest()):
                seen.append(one.version.index)
        assert failed.value.code == "NOT_FOUND"
        assert seen == [1, 2, 3, 4, 5] and handler.made == 5


async def test_who_reads_a_stream_slowly_holds_the_manager_up_and_nobody_else(tmp_path: Path) -> None:
    """What is made and not read is bounded; other calls are answered; reading on brings all of it, and who stops reading ends it."""
    handler = Watched()
    async with opened(tmp_path / "control.sock", watching(handler)) as connection:
        stream = connection.stream("Watch.Watch", watch_pb2.WatchRequest())
        assert (await anext(stream)).version.index == 1
        made = 0
        while made != handler.made:
            made = handler.made
            for _ in range(50):
                await node_id(connection)
        assert 1000 < made < 20_000
        for number in range(2, made + 500):
            assert (await anext(stream)).version.index == number
        await stream.aclose()  # type: ignore[attr-defined]
        await handler.has_ended.wait()


async def test_a_stream_is_lost_with_its_manager(tmp_path: Path) -> None:
    """And with the connection that it belongs to."""
    path = tmp_path / "control.sock"
    put_root(path, AUTHORITY)
    for ends_itself in (True, False):
        async with control_server(AUTHORITY, watching(Watched()), path):
            connection = await LinkedConnection.open(path)
            stream = connection.stream("Watch.Watch", watch_pb2.WatchRequest())
            await anext(stream)
            if ends_itself:
                await connection.close()
        with pytest.raises(Unreachable):
            async for _ in stream:
                pass
        await connection.close()


@pytest.mark.parametrize("linked", [True, False])
async def test_refusals_are_the_same_either_way(tmp_path: Path, linked: bool) -> None:
    """Code and text of what a manager refuses, and nothing of a bug (9.5.4)."""
    services = echo_services(EchoServices())
    async with opened(
        tmp_path / "control.sock", services, locator=None if linked else Elsewhere()
    ) as connection:
        for asked, code, text in (
            ("missing", "NOT_FOUND", "node missing not found"),
            ("bug", "INTERNAL", "internal error"),
        ):
            with pytest.raises(CallFailed) as failed:
                await node_id(connection, asked)
            assert (failed.value.code, failed.value.message) == (code, text)


async def test_a_manager_that_does_not_lead_is_asked_over_grpc(tmp_path: Path) -> None:
    """It may pass the call on to whoever leads (9.5.5)."""
    echo = EchoServices()
    async with opened(tmp_path / "control.sock", echo_services(echo), locator=Elsewhere()) as connection:
        assert await node_id(connection) == "m1"
    assert len(echo.callers) == 1


@pytest.mark.root
async def test_the_socket_of_another_user_gets_no_link(tmp_path: Path) -> None:
    """The kernel says whose it is (9.5.4); gRPC's handshake finds out whether to believe it all the same."""
    path, bare = tmp_path / "control.sock", tmp_path / "bare.sock"
    put_root(path, AUTHORITY)
    with _listening_as(_NOBODY, bare):
        with pytest.raises(NotSpoken, match="another user's"):
            await link.dial_local(bare)
        async with control_server(AUTHORITY, echo_services(EchoServices()), path):
            connection = await LinkedConnection.open(path)
            connection._path = bare
            assert await node_id(connection) == "m1"
            assert not connection.is_linked
            await connection.close()


@contextmanager
def _listening_as(user: int, path: Path) -> Iterator[None]:
    """A unix socket that another user listens on."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        os.seteuid(user)
        try:
            listening.listen()
        finally:
            os.seteuid(0)
        yield


async def test_who_speaks_no_links_is_asked_over_grpc(tmp_path: Path) -> None:
    """As the manager of another make, which takes a frame for a broken handshake (9.5.5)."""
    path = tmp_path / "control.sock"
    put_root(path, AUTHORITY)
    async with remote_server(AUTHORITY, echo_services(EchoServices()), listening=[_bound(path)]):
        connection = await LinkedConnection.open(path)
        with pytest.raises(CallFailed, match="no client certificates"):
            await node_id(connection)
        assert not connection.is_linked
        await connection.close()


def _bound(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    listening.setblocking(False)
    return listening


async def test_what_is_neither_a_frame_nor_tls_ends_the_connection(tmp_path: Path) -> None:
    """So does a frame that is too large; others are still answered."""
    path = tmp_path / "control.sock"
    async with opened(path, echo_services(EchoServices())) as connection:
        for beginning in (b"PRI * HTTP/2.0", b"\x01\xff\xff\xff\x01" + bytes(8)):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(beginning)
            while await reader.read(1000):
                pass
            writer.close()
        assert await node_id(connection) == "m1"


async def test_a_restarted_manager_is_asked_again(tmp_path: Path) -> None:
    """A link that was lost is dialled anew by a later call, which nobody has to repeat (9.5.5)."""
    path = tmp_path / "control.sock"
    put_root(path, AUTHORITY)
    async with control_server(AUTHORITY, echo_services(EchoServices()), path):
        connection = await LinkedConnection.open(path)
        assert await node_id(connection) == "m1"
    with pytest.raises(Unreachable):
        await node_id(connection)
    async with control_server(AUTHORITY, echo_services(EchoServices()), path):
        assert await node_id(connection) == "m1"
        assert connection.is_linked
        await connection.close()


async def test_a_call_that_may_have_been_taken_is_not_made_again(tmp_path: Path) -> None:
    """The manager is gone while it works on it (9.5.5)."""
    path, manager = tmp_path / "control.sock", Waiting()
    put_root(path, AUTHORITY)
    async with control_server(AUTHORITY, alone(manager), path):
        connection = await LinkedConnection.open(path)
        asking = asyncio.ensure_future(node_id(connection))
        await manager.asked.wait()
    with pytest.raises(Unreachable, match="was lost"):
        await asking
    await connection.close()


async def test_late_answers_and_callers_that_go_end_the_call(tmp_path: Path) -> None:
    """The manager is told, and its work ends."""
    manager = Waiting()
    async with opened(tmp_path / "control.sock", alone(manager)) as connection:
        # With a link that is served already the manager has the call before it is given up.
        with pytest.raises(CallFailed):
            await connection.call("Control.ListNodes", control_pb2.ListNodesRequest(), timeout=40)
        assert connection.is_linked
        with pytest.raises(CallFailed, match=r"did not answer Control\.GetNode within 0\.05 s") as late:
            await node_id(connection, timeout=0.05)
        assert late.value.code == "DEADLINE_EXCEEDED"
        await manager.was_cancelled.wait()


async def test_a_closed_connection_refuses(tmp_path: Path) -> None:
    """In a sentence."""
    async with opened(tmp_path / "control.sock", echo_services(EchoServices())) as connection:
        await node_id(connection)
        await connection.close()
        with pytest.raises(ClientError, match="is closed"):
            await node_id(connection)


async def test_what_the_manager_tells_is_believed_while_the_link_is_open(tmp_path: Path) -> None:
    """Of the kinds that are asked about, while the manager leads; a link that was lost tells nothing (1.11)."""
    path, file = tmp_path / "control.sock", tmp_path / "store-versions"
    put_root(path, AUTHORITY)
    told = SharedNumbers.make(file, COUNT)
    told[LIFE], told[PLACE_OF[Node]], told[PLACE_OF[Task]] = 5, 6, 7
    async with control_server(AUTHORITY, echo_services(EchoServices()), path):
        connection = await LinkedConnection.open(path, file)
        assert connection.versions((Node,)) is None
        await node_id(connection)
        assert connection.versions((Node,)) is None
        told[LEADS] = 1
        assert connection.versions((Task, Node)) == (5, 7, 6)
        told[PLACE_OF[Node]] = 8
        assert connection.versions((Node,)) == (5, 8)
    with pytest.raises(Unreachable):
        await node_id(connection)
    assert connection.versions((Node,)) is None
    await connection.close()


async def test_a_manager_that_tells_nothing_is_asked_all_the_same(tmp_path: Path) -> None:
    """As one that was started by an earlier version."""
    path = tmp_path / "control.sock"
    put_root(path, AUTHORITY)
    async with control_server(AUTHORITY, echo_services(EchoServices()), path):
        connection = await LinkedConnection.open(path, tmp_path / "store-versions")
        assert await node_id(connection) == "m1"
        assert connection.versions((Node,)) is None
        await connection.close()
