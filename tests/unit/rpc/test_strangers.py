"""Strangers have a share, and nodes of the cluster are not pushed out of theirs (docs/design/rpc.md 9.3 and 9.4)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from swarm_core.api.proto import ca_pb2, control_pb2
from swarm_core.ca import tls
from swarm_core.rpc import tls_listener
from swarm_core.rpc.framing import framed
from swarm_core.rpc.h2 import bounds, frames
from swarm_core.rpc.h2.bounds import STRANGERS
from swarm_core.rpc.refusals import Refusals
from swarm_core.rpc.server import RemoteServer, Services
from swarm_core.rpc.strangers import Shares, Strangers
from swarm_testkit.raw_http2 import RawClient, raw_client
from swarm_testkit.refusing import Refusing
from swarm_testkit.trust import EchoServices, connected, echo_services, make_authority, remote_server

AUTHORITY = make_authority()
NODE_CA = ca_pb2.DESCRIPTOR.services_by_name["NodeCA"]
ROOT = "/docker.swarmkit.v1.CA/GetRootCACertificate"
STATUS = "/docker.swarmkit.v1.NodeCA/NodeCertificateStatus"
GET = "/docker.swarmkit.v1.Control/GetNode"
STREAMS = 20_000
LONG_S = 200.0


@dataclass(eq=False)
class Guest:
    host: str = "10.0.0.1"
    is_at_work: bool = False
    has_to_go: bool = False

    def end(self) -> None:
        self.has_to_go = True


def book(**shares: int) -> Strangers:
    return Strangers(Refusals(), Shares(**shares))


def test_idle_strangers_give_way_to_new_ones() -> None:
    """The longest idle one of the same address goes first; one at work stays, and when all are, the new one is refused."""
    strangers = book(connections_by_address=3)
    busy, idle, idler = Guest(is_at_work=True), Guest(), Guest()
    for guest in (busy, idler, idle):
        assert strangers.admit(guest)
    strangers.call_begins(idle)
    strangers.call_ended(idle)
    first = Guest(is_at_work=True)
    assert strangers.admit(first)
    assert (busy.has_to_go, idle.has_to_go, idler.has_to_go) == (False, False, True)
    assert strangers.admit(Guest(is_at_work=True))
    assert idle.has_to_go
    assert not strangers.admit(Guest())
    assert strangers.admit(Guest(host="10.0.0.2"))
    strangers.left(busy)
    assert strangers.admit(Guest())
    assert strangers.refusals.total == {
        "idle connections of strangers that gave way": 2,
        "connections of strangers beyond their share": 1,
    }


def test_connections_in_all() -> None:
    """Many addresses share one bound; whoever is idle longest gives way, wherever it comes from."""
    strangers = book(connections=2)
    guests = [Guest(host=f"10.0.0.{number}") for number in range(3)]
    assert all(map(strangers.admit, guests))
    assert [guest.has_to_go for guest in guests] == [True, False, False]


def test_calls() -> None:
    """In all and by address; each that ends makes room."""
    strangers = book(calls=3, calls_by_address=2)
    here, there = Guest(), Guest(host="10.0.0.2")
    assert strangers.call_begins(here) and strangers.call_begins(here)
    assert not strangers.call_begins(here)
    assert strangers.call_begins(there)
    assert not strangers.call_begins(there)
    strangers.call_ended(here)
    assert strangers.call_begins(there)
    assert not strangers.call_begins(here)


async def test_the_longest_handshake_gives_way() -> None:
    """One more than there may be ends the oldest, not the newest."""
    strangers = book(handshakes=2)
    tasks = [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(3)]
    for task in tasks:
        strangers.handshake_begins(task)  # type: ignore[arg-type]
    await asyncio.wait(tasks[:1])
    assert [task.cancelled() for task in tasks] == [True, False, False]
    strangers.handshake_ended(tasks[1])  # type: ignore[arg-type]
    strangers.handshake_begins(asyncio.ensure_future(asyncio.sleep(0)))
    assert not tasks[2].cancelling()
    for task in tasks[1:]:
        task.cancel()


def test_news() -> None:
    """Each refusal is told once, by its reason and number."""
    refusals = Refusals()
    assert refusals.news() == ""
    for reason in ("b", "a", "b"):
        refusals.count(reason)
    assert refusals.news() == "1 × a, 2 × b"
    refusals.count("a")
    assert (refusals.news(), refusals.news()) == ("1 × a", "")


class Waiting:
    """A status that never comes, and notes how many wait for it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 0

    async def node_certificate_status(self, request: object, caller: object) -> object:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1
        raise AssertionError("an event nobody sets")


def services_of(waiting: Waiting) -> Services:
    services = echo_services(EchoServices(AUTHORITY.root.certificate))
    services.add(NODE_CA, waiting, Refusing(NODE_CA, waiting))
    return services


@asynccontextmanager
async def attacked() -> AsyncIterator[tuple[RemoteServer, Waiting]]:
    """A server with a manager of the cluster that calls it all the while. None of its calls may fail, and some must be made."""
    waiting = Waiting()
    async with (
        remote_server(AUTHORITY, services_of(waiting)) as server,
        connected(server.address, AUTHORITY, AUTHORITY.manager("m9")) as peer,
    ):
        calls, is_over = 0, False

        async def go_on_calling() -> None:
            nonlocal calls
            while not is_over:
                answer = await peer.call("Control.GetNode", control_pb2.GetNodeRequest(), timeout=40)
                assert answer.node.id == "m9"
                calls += 1

        async with asyncio.TaskGroup() as group:
            group.create_task(go_on_calling())
            yield server, waiting
            before = calls
            async with asyncio.timeout(40):
                while calls == before:
                    await asyncio.sleep(0.005)
            is_over = True


def stranger(server: RemoteServer):  # type: ignore[no-untyped-def]
    return raw_client(server.address, tls.client_context(AUTHORITY.root.certificate))


async def flood(client: RawClient, *pieces: bytes) -> None:
    """Send until all is sent or the other end has had enough."""
    try:
        for piece in pieces:
            client.send(piece)
            await client.drain()
    except ConnectionError:
        pass
    await client.closed()


async def test_anonymous_streams_without_end(caplog: pytest.LogCaptureFixture) -> None:
    """20 000 on each of five connections: few are taken, the connections end, honest calls go on, the log stays empty."""
    block = RawClient.block(STATUS)
    streams = [
        frames.header_frames(number, block, False, 16_384)
        + frames.frame(frames.DATA, frames.END_STREAM, number, framed(b""))
        for number in range(1, 2 * STREAMS, 2)
    ]
    pieces = [b"".join(streams[at : at + 500]) for at in range(0, STREAMS, 500)]
    with caplog.at_level(logging.INFO):
        async with attacked() as (server, waiting), AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(stranger(server)) for _ in range(5)]
            await asyncio.gather(*(flood(client, *pieces) for client in clients))
            assert waiting.most <= 5 * STRANGERS.streams
            async with asyncio.timeout(40):
                while waiting.waiting or server.listener.connections > 1:
                    await asyncio.sleep(0.005)
            assert server.listener.refusals.total["connections that asked for too much"] == 5
    assert [record for record in caplog.records if record.name.startswith("swarm")] == []


async def test_rapid_resets_of_a_stranger() -> None:
    """Streams opened and reset at once, by the thousand: the connection ends, and not one honest call fails."""
    block = RawClient.block(STATUS)
    streams = [
        frames.header_frames(number, block, False, 16_384)
        + frames.frame(frames.DATA, frames.END_STREAM, number, framed(b""))
        + frames.reset(number, 8)
        for number in range(1, 2 * STREAMS, 2)
    ]
    pieces = [b"".join(streams[at : at + 100]) for at in range(0, STREAMS, 100)]
    async with attacked() as (server, waiting):
        for _ in range(10):
            async with stranger(server) as client:
                await flood(client, *pieces)
        assert waiting.most <= STRANGERS.streams
        async with asyncio.timeout(40):
            while waiting.waiting:
                await asyncio.sleep(0.005)


async def test_unread_answers_of_a_stranger() -> None:
    """Asking without reading, and then leaving: not one honest call fails, and nothing is left behind."""
    async with attacked() as (server, _):
        for _ in range(10):
            async with stranger(server) as client:
                client.pause()
                for stream in range(1, 2 * STRANGERS.streams, 2):
                    client.request(stream, ROOT, framed(b""))
                await client.drain()
        async with asyncio.timeout(40):
            while server.listener.connections > 1:
                await asyncio.sleep(0.005)


@pytest.mark.parametrize("to_leader", [False, True])
async def test_strangers_are_refused_before_they_are_read(to_leader: bool) -> None:
    """The headers alone are enough: nothing of the request was sent yet, and what follows is not decoded."""

    class Elsewhere:
        leads = False

        async def leader(self, **_: object) -> None:
            raise AssertionError("nothing of a stranger's goes on to the leader")

    services = echo_services(EchoServices(), to_leader=to_leader)
    locator = Elsewhere() if to_leader else None
    async with remote_server(AUTHORITY, services, locator=locator) as server, stranger(server) as client:  # type: ignore[arg-type]
        client.request(1, GET, None, ended=False)
        assert (await client.answer(1)).status == "7"
        client.request(3, GET, framed(b"\xff\xff\xff"))
        assert (await client.answer(3)).status == "7"
        assert server.listener.refusals.total == {"calls of callers who may not make them": 2}


async def test_a_worker_is_refused_before_it_is_read() -> None:
    """A node without the role is no stranger, and is judged by its headers just the same."""
    context = tls.client_context(AUTHORITY.root.certificate, AUTHORITY.worker("w1"))
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as server:
        async with raw_client(server.address, context) as client:
            client.request(1, GET, None, ended=False)
            assert (await client.answer(1)).status == "7"
            assert client.settings[frames.MAX_CONCURRENT_STREAMS] > STRANGERS.streams


async def test_strangers_requests_are_small() -> None:
    """What a node may send is more than a stranger may."""
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as server, stranger(server) as client:
        assert tls_listener.STRANGERS_REQUEST_BYTES_MAX == 65_536
        client.request(1, ROOT, b"\0" + (65_537).to_bytes(4, "big"), ended=False)
        assert (await client.answer(1)).status == "8"
        await client.until(lambda: frames.MAX_CONCURRENT_STREAMS in client.settings)
        assert client.settings[frames.MAX_CONCURRENT_STREAMS] == STRANGERS.streams


async def test_answers_that_wait_hold_calls_up() -> None:
    """While much waits for a client that grants no window its further calls do not begin; once it takes something they do."""
    echo = EchoServices(bytes(100_000))
    async with remote_server(AUTHORITY, echo_services(echo)) as server, stranger(server) as client:
        streams = range(1, 2 * STRANGERS.streams, 2)
        for stream in streams:
            client.request(stream, ROOT, framed(b""))
        client.send(frames.frame(frames.PING, 0, 0, bytes(8)))
        await client.until(lambda: client.pongs)
        begun = len(echo.callers)
        assert 0 < begun <= STRANGERS.queued_bytes // 4 // 100_000 + 2
        client.grant(0, 10_000_000)
        for stream in streams:
            client.grant(stream, 1_000_000)
        for stream in streams:
            assert (await client.answer(stream)).status == "0"
        assert len(echo.callers) == STRANGERS.streams


async def test_silent_strangers_give_way_to_joiners_and_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle connections of one address up to its share keep neither a node nor a joiner out."""
    monkeypatch.setattr(Shares, "__init__", lambda self: None)
    for name, share in (
        ("handshakes", 512),
        ("connections", 60),
        ("connections_by_address", 50),
        ("calls", 100),
        ("calls_by_address", 100),
    ):
        monkeypatch.setattr(Shares, name, share)
    async with (
        remote_server(AUTHORITY, echo_services(EchoServices(b"root"))) as server,
        AsyncExitStack() as stack,
    ):
        silent = [await stack.enter_async_context(stranger(server)) for _ in range(50)]
        async with connected(server.address, AUTHORITY, AUTHORITY.manager("m2")) as peer:
            assert (await peer.call("Control.GetNode", control_pb2.GetNodeRequest())).node.id == "m2"
        assert not any(client.is_closed for client in silent)
        async with connected(server.address, AUTHORITY) as joiner:
            request = ca_pb2.GetRootCACertificateRequest()
            assert (await joiner.call("CA.GetRootCACertificate", request)).certificate == b"root"
        await silent[0].closed()
        assert silent[0].goaway == 0


async def test_two_hundred_joiners_from_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, each with its own connection and two calls: all are served."""
    # Each has the processor for a two hundredth of the time: on a busy machine a minute is not enough for that.
    monkeypatch.setattr(tls_listener, "HANDSHAKE_S", LONG_S)
    names = ("preface", "settings", "frame", "request", "stalled", "idle")
    times = {f"{name}_seconds": LONG_S for name in names}
    monkeypatch.setattr(bounds, "STRANGERS", replace(STRANGERS, **times))  # type: ignore[arg-type]
    async with remote_server(AUTHORITY, echo_services(EchoServices(b"root"))) as server:

        async def join() -> None:
            async with stranger(server) as client:
                for stream in (1, 3):
                    client.request(stream, ROOT, framed(b""))
                    answer = await client.answer(stream)
                    (message,) = answer.messages
                    assert ca_pb2.GetRootCACertificateResponse.FromString(message).certificate == b"root"

        await asyncio.gather(*(join() for _ in range(200)))
        assert server.listener.refusals.total == {}


async def test_what_is_refused_is_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with reasons and numbers, however many there were."""
    monkeypatch.setattr(tls_listener, "_TICK_S", 0.01)
    monkeypatch.setattr(tls_listener, "_TICKS_PER_TELLING", 20)
    is_over, news = False, Refusals.news
    # No minute ends before the last call was refused, however long that takes.
    monkeypatch.setattr(Refusals, "news", lambda refusals: news(refusals) if is_over else "")
    with caplog.at_level(logging.WARNING, "swarm_core.rpc"):
        async with (
            remote_server(AUTHORITY, echo_services(EchoServices())) as server,
            stranger(server) as client,
        ):
            for stream in range(1, 33, 2):
                client.request(stream, GET, framed(b""))
                await client.answer(stream)
            is_over = True
            async with asyncio.timeout(40):
                while not caplog.records:
                    await asyncio.sleep(0.01)
    told = sum(
        int(record.getMessage().split(": ")[1].split(" ×")[0])
        for record in caplog.records
        if "may not make them" in record.getMessage()
    )
    assert told == 16
    assert len(caplog.records) == 1
