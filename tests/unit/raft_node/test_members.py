"""Members of a cluster in one process: joining, leaving, handing over, catching up."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.errors import (
    MembershipRefused,
    NotLeader,
    NotMember,
    QuorumAtRisk,
    TransferFailed,
)
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.storage import noted_raft_ids
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.transport import Reports
from swarm_core.raft_node.node import RaftNode
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.disk import MemoryDisk
from swarm_testkit.raft_shell import MemoryKeyStore, RecordingMachine

ROOT = Path("/state/raft")


@dataclass
class Network:
    """Carries messages between the hosts of one loop, except to and from those that are cut off."""

    hosts: dict[int, "Host"] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)
    snapshots: list[Message] = field(default_factory=list)


class LoopTransport:
    """The port, on a Network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._reports: Reports | None = None
        self.peers: dict[int, str] = {}
        self.own_id = 0

    def report_to(self, reports: Reports) -> None:
        self._reports = reports

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.type is MessageType.SNAP:
                self._network.snapshots.append(message)
            asyncio.get_running_loop().call_soon(self._deliver, message)

    def _deliver(self, message: Message) -> None:
        assert self._reports is not None
        host = self._network.hosts.get(message.to)
        is_cut = {message.to, message.from_} & self._network.cut
        arrives = host is not None and host.node.is_member and not is_cut
        if arrives and host is not None:
            host.node.step(message)
        else:
            self._reports.report_unreachable(message.to)
        if message.type is MessageType.SNAP:
            self._reports.report_snapshot(message.to, ok=arrives)

    def add_peer(self, raft_id: int, address: str) -> None:
        self.peers[raft_id] = address

    def remove_peer(self, raft_id: int) -> None:
        self.peers.pop(raft_id, None)

    def is_ours(self, raft_id: int) -> bool | None:
        return None

    def active_since(self, raft_id: int) -> float | None:
        host = self._network.hosts.get(raft_id)
        return 1.0 if host is not None and host.node.is_member and raft_id not in self._network.cut else None


class Host:
    """A member's process."""

    def __init__(
        self, network: Network, number: int, limits: LogLimits, *, disk: MemoryDisk | None = None
    ) -> None:
        self.network = network
        self.number = number
        self.disk = disk or MemoryDisk()
        self.machine = RecordingMachine()
        self.transport = LoopTransport(network)
        self.keys = MemoryKeyStore()
        config = RaftNodeConfig(
            ROOT, f"node-{number}", f"10.0.0.{number}:1", tick_s=0.01, segment_bytes=65_536
        )
        self.node = RaftNode(
            config,
            self.disk,
            self.transport,
            self.machine,
            SystemClock(),
            random.Random(number),
            keyring=Keyring(self.keys),
            limits=lambda: limits,
        )
        self.task: asyncio.Task[None] | None = None

    async def start(self, joined_as: int = 0) -> None:
        await self.node.start(joined_as=joined_as)
        self.network.hosts[self.node.raft_id] = self
        self.task = asyncio.get_running_loop().create_task(self.node.run())

    async def end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError, NotMember):
                await self.task

    @property
    def payloads(self) -> list[bytes]:
        return [data for _, data in self.machine.applied]

    async def propose(self, data: bytes) -> None:
        await self.node.propose(data, self.machine.commit(data))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def hosts(count: int, limits: LogLimits | None = None) -> AsyncIterator[list[Host]]:
    """A cluster; the first host is its founder."""
    network = Network()
    made = [Host(network, number, limits or LogLimits()) for number in range(1, count + 1)]
    try:
        await made[0].start()
        await until(lambda: made[0].node.is_leader)
        for host in made[1:]:
            await join(made[0], host)
        yield made
    finally:
        for host in made:
            await host.end()


async def join(leader: Host, host: Host) -> Member:
    member = await leader.node.admit(f"node-{host.number}", f"10.0.0.{host.number}:1")
    await host.start(joined_as=member.raft_id)
    for one in leader.node.members():
        host.transport.add_peer(one.raft_id, one.address)
    await until(lambda: host.node.members() == leader.node.members())
    return member


async def test_a_member_joins_empty_and_gets_the_log() -> None:
    """The joiner starts under the id it was given, with nothing, and ends with everything."""
    async with hosts(1) as (first,):
        await first.propose(b"before")
        second = Host(first.network, 2, LogLimits())
        member = await join(first, second)
        assert second.node.raft_id == member.raft_id
        await first.propose(b"after")
        await until(lambda: second.payloads == [b"before", b"after"])
        assert second.machine.restored == []
        assert second.transport.peers[first.node.raft_id] == "10.0.0.1:1"
        await second.end()


async def test_a_joiner_gets_a_snapshot_of_what_the_log_lacks() -> None:
    """The snapshot names the members of now, so that the joiner, who is in none that was stored, finds itself in it."""
    async with hosts(2, LogLimits(snapshot_interval=5, entries_for_slow_followers=0)) as (first, second):
        wanted = [str(number).encode() for number in range(30)]
        for data in wanted:
            await first.propose(data)
        await until(lambda: first.node.status().applied > 30 and not first.node._snapshotter.is_running)
        third = Host(first.network, 3, LogLimits())
        member = await join(first, third)
        await until(lambda: third.payloads == wanted)
        assert third.machine.restored
        sent = first.network.snapshots[-1].snapshot
        assert sent is not None
        assert member.raft_id in sent.conf_state.voters
        await until(lambda: second.payloads == wanted)
        assert any(name.endswith(".snap") for name in third.disk.names(ROOT / "snap-v3-encrypted"))
        await third.end()


async def test_joining_twice_is_joining_once() -> None:
    """The same node at the same address gets its id again; at another address everybody learns that."""
    async with hosts(2) as (first, second):
        member = await first.node.admit("node-2", "10.0.0.2:1")
        assert member.raft_id == second.node.raft_id
        moved = await first.node.admit("node-2", "10.9.9.9:1")
        assert moved == Member(member.raft_id, "node-2", "10.9.9.9:1")
        assert first.transport.peers[member.raft_id] == "10.9.9.9:1"
        await until(lambda: moved in second.node.members())


async def test_only_the_leader_admits() -> None:
    """A follower refuses, and says that nothing happened."""
    async with hosts(2) as (_, second):
        with pytest.raises(NotLeader) as refused:
            await second.node.admit("node-9", "10.0.0.9:1")
        assert refused.value.not_done


async def test_nobody_is_removed_at_the_quorum_s_expense() -> None:
    """Of three with one cut off only that one can go; unknown members cannot."""
    async with hosts(3) as (first, second, third):
        first.network.cut.add(third.node.raft_id)
        assert not first.node.can_remove(second.node.raft_id)
        with pytest.raises(QuorumAtRisk):
            await first.node.remove(second.node.raft_id)
        with pytest.raises(MembershipRefused, match="is not in the cluster"):
            await first.node.remove(4)
        assert first.node.can_remove(third.node.raft_id)
        await first.node.remove(third.node.raft_id)
        await until(lambda: len(second.node.members()) == 2)
        assert third.node.raft_id in first.node.removed_members()


async def test_a_removed_member_ends_and_can_be_erased() -> None:
    """It learns it from the log; erasing leaves neither log nor keys, only the id that it must never have again."""
    async with hosts(3) as (first, second, third):
        await first.node.remove(third.node.raft_id)
        assert third.task is not None
        with pytest.raises(NotMember):
            await third.task
        assert third.node.raft_id not in second.transport.peers
        await third.node.erase()
        assert not await third.node.has_state()
        assert third.keys.values == {}
        assert noted_raft_ids(third.disk, ROOT.with_name("raft-ids")) == {third.node.raft_id}
        again = Host(third.network, 3, LogLimits(), disk=third.disk)
        assert await again.node.former_raft_ids() == {third.node.raft_id}
        # What a member is now it may of course be again.
        assert await second.node.former_raft_ids() == frozenset()
        await first.propose(b"on")
        await until(lambda: second.payloads == [b"on"])


async def test_a_member_that_is_told_of_its_removal_ends() -> None:
    """What it missed in the log a peer says."""
    async with hosts(2) as (_, second):
        second.node.report_removed()
        assert second.task is not None
        with pytest.raises(NotMember):
            await second.task


async def test_leadership_is_handed_over() -> None:
    """Afterwards another one leads and this one refuses proposals without having made them."""
    async with hosts(3) as members:
        first = members[0]
        await first.node.transfer_leadership()
        assert not first.node.is_leader
        await until(lambda: any(host.node.is_leader for host in members[1:]))
        leader = next(host for host in members[1:] if host.node.is_leader)
        await leader.propose(b"new")
        await until(lambda: first.payloads == [b"new"])
        with pytest.raises(NotLeader):
            await first.propose(b"old")


async def test_leadership_stays_where_nobody_can_take_it() -> None:
    """With nobody in reach the transfer fails at once, and the leader goes on."""
    async with hosts(1) as (first,):
        with pytest.raises(TransferFailed):
            await first.node.transfer_leadership()
        await first.propose(b"on")
        assert not first.node.is_handing_over


async def test_a_change_whose_caller_has_gone_does_not_block_the_next() -> None:
    """Raft takes one change at a time: the next waits for the first, also when nobody else does."""
    async with hosts(1) as (first,):
        task = asyncio.get_running_loop().create_task(first.node.admit("node-2", "10.0.0.2:1"))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        second = Host(first.network, 2, LogLimits())
        await join(first, second)
        assert len({member.node_id for member in first.node.members()}) == 2
        await second.end()
