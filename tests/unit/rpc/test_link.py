"""Links between managers: messages, calls, refusals, and who gets one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from swarm_core.api.proto import control_pb2
from swarm_core.ca import tls
from swarm_core.rpc import link
from swarm_core.rpc.authorization import Authorizer
from swarm_core.rpc.caller import Caller, Peer
from swarm_core.rpc.errors import Code, NotFound
from swarm_core.rpc.link import (
    Kind,
    LinkClient,
    LinkLost,
    LinkRefusal,
    NotSpoken,
    pack_call,
    pack_refusal,
    unpack_call,
    unpack_refusal,
)
from swarm_core.rpc.link_server import LinkServer
from swarm_core.rpc.server import LinkUse, serve_remote
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.trust import EchoServices, PlainFailure, echo_services, make_authority, remote_server

AUTHORITY = make_authority()
TICK_S = 0.125
GET = "/docker.swarmkit.v1.Control/GetNode"


@dataclass
class Manager:
    """The answering end."""

    ticks: set[float] = field(default_factory=set)
    got: list[bytes] = field(default_factory=list)
    leads: bool = True
    refuses: bool = False
    echo: EchoServices = field(default_factory=EchoServices)

    async def message(self, data: bytes, tick_s: float) -> None:
        if self.refuses:
            raise NotFound("raft: member was removed from the cluster")
        self.got.append(data)
        self.ticks.add(tick_s)


@asynccontextmanager
async def serving(manager: Manager) -> AsyncIterator[str]:
    context = tls.server_context(AUTHORITY.manager("m2"))
    authorizer = Authorizer(AUTHORITY.organization, lambda: ())
    use = LinkUse(manager.message, lambda: manager.leads)
    services = echo_services(manager.echo)
    services.plain = (PlainFailure,)
    async with serve_remote(
        services, "127.0.0.1:0", context, authorizer, SystemClock(), links=use, grace_s=0
    ) as server:
        yield server.address


@asynccontextmanager
async def linked(address: str, identity: tls.TlsIdentity | None = None) -> AsyncIterator[LinkClient]:
    own = identity or AUTHORITY.manager("m1")
    client = await link.dial(address, tls.ClientTls(own.roots, identity=own))
    try:
        yield client
    finally:
        client.abort()
        await asyncio.sleep(0)


async def deliver(client: LinkClient, messages: list[bytes]) -> None:
    """Send and wait until they were taken."""
    client.send(messages, TICK_S)
    await client.confirm()


def get(node_id: str = "") -> bytes:
    return control_pb2.GetNodeRequest(node_id=node_id).SerializeToString()


async def test_messages_arrive_in_order_before_they_are_confirmed() -> None:
    """Of any size, many at once."""
    manager = Manager()
    wanted = [bytes([number % 256]) * (number * 997 % 70_000) for number in range(300)]
    async with serving(manager) as address, linked(address) as client:
        await deliver(client, wanted[:200])
        assert manager.got == wanted[:200]
        await asyncio.gather(deliver(client, wanted[200:250]), deliver(client, wanted[250:]))
        assert manager.got == wanted
        assert manager.ticks == {TICK_S}


async def test_a_refused_message_is_said() -> None:
    """The confirmation of the batch is the refusal; the next batch has its own."""
    manager = Manager(refuses=True)
    async with serving(manager) as address, linked(address) as client:
        with pytest.raises(LinkRefusal, match="raft: member was removed") as refusal:
            await deliver(client, [b"one", b"two"])
        assert refusal.value.code is Code.NOT_FOUND
        manager.refuses = False
        await deliver(client, [b"three"])
        assert manager.got == [b"three"]


async def test_calls_are_made_as_their_caller() -> None:
    """Of the manager itself, and of whom it speaks for; side by side; failures keep code and text."""
    manager = Manager()
    forwarded = (
        ("forwarded_cert", "true"),
        ("forwarded_cert_cn", "n7"),
        ("forwarded_cert_org", AUTHORITY.organization),
        ("forwarded_cert_ou", "swarm-manager"),
        ("remote_addr", "10.0.0.7:1"),
    )
    async with serving(manager) as address, linked(address) as client:
        answers = await asyncio.gather(client.call(GET, get(), ()), client.call(GET, get(), forwarded))
        ids = [control_pb2.GetNodeResponse.FromString(answer).node.id for answer in answers]
        assert ids == ["m1", "n7"]
        assert manager.echo.callers[1] == Caller(
            "n7", frozenset({"swarm-manager"}), AUTHORITY.organization, "10.0.0.7:1", forwarder="m1"
        )
        worker = (*forwarded[:3], ("forwarded_cert_ou", "swarm-worker"))
        for path, request, metadata, code in (
            (GET, get("missing"), (), Code.NOT_FOUND),
            (GET, get("plain"), (), Code.UNKNOWN),
            (GET, get(), worker, Code.PERMISSION_DENIED),
            (GET, b"\xff", (), Code.INTERNAL),
            ("/docker.swarmkit.v1.Control/Nothing", b"", (), Code.UNIMPLEMENTED),
            ("/docker.swarmkit.v1.Watch/Watch", b"", (), Code.UNIMPLEMENTED),
        ):
            with pytest.raises(LinkRefusal) as refusal:
                await client.call(path, request, metadata)
            assert (refusal.value.code, refusal.value.not_done) == (code, False)


async def test_only_a_leader_takes_calls() -> None:
    """Who does not lead says that nothing happened."""
    async with serving(Manager(leads=False)) as address, linked(address) as client:
        with pytest.raises(LinkRefusal) as refusal:
            await client.call(GET, get(), ())
        assert refusal.value.not_done


async def test_links_are_for_managers_of_this_cluster() -> None:
    """A worker and somebody without a certificate of ours are cut off; so is a sender of nonsense."""
    async with serving(manager := Manager()) as address:
        async with linked(address, AUTHORITY.worker()) as client:
            with pytest.raises(LinkLost):
                await deliver(client, [b"x"])
        async with linked(address) as client:
            assert client.transport is not None
            client.transport.write(b"\xff" * 100)
            with pytest.raises(LinkLost):
                await deliver(client, [b"x"])
        assert manager.got == []


async def test_who_speaks_grpc_alone() -> None:
    """It is recognised, and grpcio's clients are served where links are offered."""
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as server:
        with pytest.raises(NotSpoken):
            async with linked(server.address):
                pass


class Pipe(asyncio.Transport):
    """Takes what is written."""

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass


@pytest.mark.parametrize("waits", [False, True], ids=["begun", "behind a message"])
@pytest.mark.parametrize("kind", [Kind.CALL, Kind.STREAM])
async def test_a_call_that_is_cancelled_at_once_is_not_made(kind: Kind, waits: bool) -> None:
    """Whether its task has not had its first step, or a message before it is still taken: it would be carried out for nobody, and a
    stream go on until the link ends. Nothing of it is left, and what comes later is served."""
    made: list[str] = []
    taken = asyncio.Event()

    async def message() -> None:
        await taken.wait()

    class Service:
        def message(self, body: bytes, tick_s: float) -> Any:
            return message()

        async def call(self, body: bytes, peer: Peer) -> bytes:
            made.append(body.decode())
            return b""

        async def stream(self, body: bytes, peer: Peer) -> AsyncIterator[bytes]:
            made.append(body.decode())
            yield b""

    server = LinkServer(Service(), Peer("here", None))  # type: ignore[arg-type]
    server.connection_made(Pipe())
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.run())
        await asyncio.sleep(0)
        if waits:
            server.frame_received(Kind.MESSAGE, 1, b"")
            await asyncio.sleep(0)
        server.frame_received(kind, 7, b"cancelled")
        server.frame_received(Kind.CANCEL, 7, b"")
        server.frame_received(kind, 8, b"later")
        taken.set()
        async with asyncio.timeout(60):
            while not made:
                await asyncio.sleep(0)
        server.connection_lost(None)
        await serving
    assert made == ["later"]
    assert not server._calls


async def test_an_end_in_the_middle_is_noticed() -> None:
    """Who waits is told; afterwards nothing can be sent."""
    manager = Manager()
    async with serving(manager) as address:
        async with linked(address) as client:
            await deliver(client, [b"x"])
            server_gone = asyncio.get_running_loop().create_task(client._ask(Kind.PONG, b""))
            await asyncio.sleep(0)
            client.abort()
            with pytest.raises(LinkLost) as lost:
                await server_gone
            assert lost.value.was_sent
            with pytest.raises(LinkLost) as lost:
                await deliver(client, [b"y"])
            assert not lost.value.was_sent


def test_calls_and_refusals_are_packed() -> None:
    """What is packed comes out again; what is cut short is refused."""
    pairs = (("a", "ä"), ("b-bin", b"\xff\x00"), ("c", ""))
    packed = pack_call("/s/m", pairs, b"request")
    assert unpack_call(packed) == ("/s/m", pairs, b"request")
    for size in range(len(packed) - len(b"request")):
        with pytest.raises(ValueError, match="a call is"):
            unpack_call(packed[:size])
    refusal = unpack_refusal(pack_refusal(Code.ABORTED, "später", not_done=True))
    assert isinstance(refusal, LinkRefusal)
    assert (refusal.code, refusal.message, refusal.not_done) == (Code.ABORTED, "später", True)
    assert isinstance(unpack_refusal(b""), LinkLost)
    assert isinstance(unpack_refusal(b"\xff\x00"), LinkLost)
