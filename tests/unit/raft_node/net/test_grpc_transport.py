"""The transport between real servers, those that speak gRPC alone and those that offer links: order, loss, snapshots,
removal, addresses."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import health_pb2, raft_pb2, raftpb_pb2
from swarm_core.ca import tls
from swarm_core.manager.health import RAFT, Health
from swarm_core.raft.types import ConfState, Message, MessageType, Snapshot
from swarm_core.raft_node.errors import REMOVED_TEXT
from swarm_core.raft_node.net import peer
from swarm_core.raft_node.net.grpc_transport import GrpcTransport
from swarm_core.raft_node.net.peer import QUEUE_MAX
from swarm_core.rpc import channel as channels
from swarm_core.rpc import link
from swarm_core.rpc.authorization import Authorizer
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import NotFound
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.server import LinkUse, Services, serve_remote
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.free_ports import free_port
from swarm_testkit.trust import Authority, make_authority

AUTHORITY = make_authority()
IDENTITY = AUTHORITY.manager("m1")
WAY = {"links": False}
BIG = random.Random(1).randbytes(9 << 20)


def dial(address: str) -> grpc.aio.Channel:
    return channels.secure(
        address,
        roots=IDENTITY.roots,
        server_name=MANAGER_ROLE,
        certificate=IDENTITY.certificate,
        key=IDENTITY.key,
    )


@pytest.fixture(params=["gRPC", "links"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the servers of a test want to be spoken to."""
    monkeypatch.setitem(WAY, "links", request.param == "links")
    monkeypatch.setattr(link, "HANDSHAKE_S", 40)  # what is not reached in time is lost, too


async def dial_link(address: str) -> link.LinkClient:
    return await link.dial(address, tls.ClientTls(IDENTITY.roots, identity=IDENTITY))


@dataclass
class Reports:
    """What the transport says."""

    unreachable: list[int] = field(default_factory=list)
    snapshots: list[tuple[int, bool]] = field(default_factory=list)
    removed: int = 0
    said_tick_s: float = 0.25

    def report_unreachable(self, raft_id: int) -> None:
        self.unreachable.append(raft_id)

    def report_snapshot(self, raft_id: int, ok: bool) -> None:
        self.snapshots.append((raft_id, ok))

    def report_removed(self) -> None:
        self.removed += 1


@dataclass
class Member:
    """The other end: remembers messages, and fails as told."""

    got: list[raftpb_pb2.Message] = field(default_factory=list)
    parts: int = 0
    delay_s: float = 0.0
    failure: Exception | None = None
    addresses: dict[int, str] = field(default_factory=dict)

    @property
    def commits(self) -> list[int]:
        return [message.commit for message in self.got]

    async def process_raft_message(
        self, request: raft_pb2.ProcessRaftMessageRequest, caller: Caller
    ) -> bytes:
        assert caller.node_id == "m1"
        await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        self.got.append(request.message)
        return b""

    async def message(self, data: bytes, tick_s: float) -> None:
        await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        self.got.append(raftpb_pb2.Message.FromString(data))

    async def stream_raft_message(
        self, requests: AsyncIterator[raft_pb2.StreamRaftMessageRequest], caller: Caller
    ) -> bytes:
        whole: raftpb_pb2.Message | None = None
        async for request in requests:
            self.parts += 1
            if whole is None:
                whole = request.message
            else:
                whole.snapshot.data += request.message.snapshot.data
        if self.failure is not None:
            raise self.failure
        assert whole is not None
        self.got.append(whole)
        return b""

    async def resolve_address(
        self, request: raft_pb2.ResolveAddressRequest, caller: Caller
    ) -> raft_pb2.ResolveAddressResponse:
        if request.raft_id not in self.addresses:
            raise NotFound("unknown")
        return raft_pb2.ResolveAddressResponse(addr=self.addresses[request.raft_id])


@asynccontextmanager
async def serving(member: Member, authority: Authority = AUTHORITY) -> AsyncIterator[str]:
    services, health = Services(), Health()
    health.set(RAFT, True)
    services.add(raft_pb2.DESCRIPTOR.services_by_name["Raft"], member)
    services.add(health_pb2.DESCRIPTOR.services_by_name["Health"], health)
    context = tls.server_context(authority.manager("m2"))
    use = LinkUse(member.message, lambda: True) if WAY["links"] else None
    authorizer = Authorizer(authority.organization, lambda: ())
    async with serve_remote(
        services, "127.0.0.1:0", context, authorizer, SystemClock(), links=use, grace_s=0
    ) as server:
        yield server.address


@asynccontextmanager
async def running() -> AsyncIterator[tuple[GrpcTransport, Reports]]:
    # What takes too long is lost, and a busy machine takes its time.
    transport = GrpcTransport(dial, SystemClock(), dial_link=dial_link, timeout_s=40)
    reports = Reports()
    transport.report_to(reports)
    task = asyncio.get_running_loop().create_task(transport.run())
    try:
        yield transport, reports
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(120):  # two hundred calls, one after the other, on a busy machine
        while not condition():
            await asyncio.sleep(0.005)


def vote(commit: int = 0, *, to: int = 2) -> Message:
    """A message that is never put together with another."""
    return Message(MessageType.VOTE, to, 1, term=1, commit=commit)


async def test_messages_arrive_in_order() -> None:
    """Many at once, each once."""
    async with serving(member := Member()) as address, running() as (transport, reports):
        transport.add_peer(2, address)
        transport.send([vote(number) for number in range(200)])
        await until(lambda: len(member.got) == 200)
        assert member.commits == list(range(200))
        # The member has a message before its answer is back.
        await until(lambda: transport.active_since(2) is not None)
        assert reports == Reports()


async def test_a_large_snapshot_arrives_whole_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes in parts that the server takes, and does not hold up what follows."""
    monkeypatch.setattr(peer, "_TAKE_SNAPSHOT_S", 40)
    async with serving(member := Member()) as address, running() as (transport, reports):
        transport.add_peer(2, address)
        snapshot = Snapshot(7, 1, ConfState((1, 2)), BIG)
        transport.send([Message(MessageType.SNAP, 2, 1, term=1, snapshot=snapshot), vote(5)])
        # They go by two connections: either may be the first.
        await until(lambda: reports.snapshots and len(member.got) == 2)
        assert reports.snapshots == [(2, True)]
        assert member.parts == 3
        assert {message.type: message.snapshot.data for message in member.got} == {
            raftpb_pb2.MsgSnap: BIG,
            raftpb_pb2.MsgVote: b"",
        }


async def test_failures_are_reported() -> None:
    """Nobody there: message and snapshot are reported lost, and the member is not active."""
    async with running() as (transport, reports):
        transport.add_peer(2, f"127.0.0.1:{free_port()}")
        transport.send([vote()])
        await until(lambda: reports.unreachable)
        snapshot = Snapshot(7, 1, ConfState((1, 2)), b"x")
        transport.send([Message(MessageType.SNAP, 2, 1, term=1, snapshot=snapshot)])
        await until(lambda: reports.snapshots)
        assert reports.snapshots == [(2, False)]
        assert transport.active_since(2) is None
        assert not await transport.answers(2)
        assert not await transport.answers(9)


async def test_a_member_that_comes_back_is_found() -> None:
    """A health check notices it although nobody sends anything."""
    port = free_port()
    async with running() as (transport, reports):
        transport.add_peer(2, f"127.0.0.1:{port}")
        transport.send([vote()])
        await until(lambda: reports.unreachable)
        async with serving(member := Member()) as address:
            transport.add_peer(2, address)
            await until(lambda: transport.active_since(2) is not None)
            transport.send([vote(3)])
            await until(lambda: member.commits == [3])


async def test_a_slow_member_costs_one_timeout_a_message() -> None:
    """What it does not take in time is lost; the queue takes no more than its size."""
    async with serving(Member(delay_s=30)) as address, running() as (transport, reports):
        transport.add_peer(2, address)
        await until(lambda: transport.active_since(2) is not None)
        transport._peers[2]._timeout_s = 0.1  # not before: to be reached in so short a time is luck
        transport.send([vote(number) for number in range(QUEUE_MAX + 50)])
        assert len(reports.unreachable) >= 50
        lost = len(reports.unreachable)
        await until(lambda: len(reports.unreachable) > lost)
        assert transport.active_since(2) is None


async def test_a_removed_member_hears_it() -> None:
    """The text of the refusal is what counts."""
    member = Member(failure=NotFound(REMOVED_TEXT))
    async with serving(member) as address, running() as (transport, reports):
        transport.add_peer(2, address)
        transport.send([vote()])
        await until(lambda: reports.removed)
    member = Member(failure=NotFound("something else"))
    async with serving(member) as address, running() as (transport, reports):
        transport.add_peer(2, address)
        transport.send([vote()])
        await until(lambda: reports.unreachable)
        assert reports.removed == 0


async def test_a_member_that_moves_is_reached_at_its_new_address() -> None:
    """The next message goes there."""
    async with (
        serving(old := Member()) as first,
        serving(new := Member()) as second,
        running() as (transport, _),
    ):
        transport.add_peer(2, first)
        transport.send([vote(1)])
        await until(lambda: old.commits == [1])
        transport.add_peer(2, second)
        transport.send([vote(2)])
        await until(lambda: new.commits == [2])
        transport.redial()
        transport.send([vote(3)])
        await until(lambda: new.commits == [2, 3])


async def test_a_peer_that_is_removed_gets_what_was_sent_before() -> None:
    """So a removed member hears of its removal; later messages find nobody."""
    async with serving(member := Member(delay_s=0.01)) as address, running() as (transport, _):
        transport.add_peer(2, address)
        await until(lambda: transport.active_since(2) is not None)
        transport.send([vote(number) for number in range(20)])
        transport.remove_peer(2)
        transport.send([vote(99)])
        await transport.drain(40)
        assert member.commits == list(range(20))
        assert transport.active_since(2) is None


async def test_a_stranger_s_address_is_asked_of_another_member() -> None:
    """A message for a member that nobody added goes where a known one says."""
    async with serving(stranger := Member()) as there, serving(known := Member()) as address:
        known.addresses[3] = there
        async with running() as (transport, reports):
            transport.add_peer(2, address)
            await until(lambda: transport.active_since(2) is not None)
            transport.send([vote(7, to=3)])
            await until(lambda: stranger.commits == [7])
            snapshot = Snapshot(7, 1, ConfState((1, 2)), b"x")
            await until(lambda: not transport._is_resolving)
            transport.send([Message(MessageType.SNAP, 4, 1, term=1, snapshot=snapshot)])
            await until(lambda: reports.snapshots == [(4, False)])


async def test_a_foreign_server_is_not_talked_to() -> None:
    """A server of another root gets nothing."""
    async with serving(member := Member(), make_authority()) as address, running() as (transport, reports):
        transport.add_peer(2, address)
        transport.send([vote()])
        await until(lambda: reports.unreachable)
        assert member.got == []


@pytest.mark.parametrize("number", [1, 20])
async def test_ending_leaves_nothing_behind(number: int) -> None:
    """Cancelled in the middle of sending."""
    async with serving(Member(delay_s=0.2)) as address, running() as (transport, _):
        for raft_id in range(2, 2 + number):
            transport.add_peer(raft_id, address)
            transport.send([vote(to=raft_id)])
        await asyncio.sleep(0)
