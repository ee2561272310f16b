"""Members of one cluster in one process: real nodes on disks in memory, and a network that can be cut."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.errors import NotMember
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.transport import Reports
from swarm_core.raft_node.node import RaftNode
from swarm_core.runtime.clock import SystemClock

from swarm_testkit.disk import MemoryDisk
from swarm_testkit.raft_shell import MemoryKeyStore, RecordingMachine

ROOT = Path("/state/raft")
TICK_S = 0.1
"""With ten times shorter ones a busy machine takes longer to begin a member than a leader waits for one."""


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
        self.drained = 0

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
        arrives = host is not None and host.node.members.is_member and not is_cut
        if arrives and host is not None:
            host.node.incoming.step(message)
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

    async def drain(self, seconds: float) -> None:
        self.drained += 1

    def active_since(self, raft_id: int) -> float | None:
        host = self._network.hosts.get(raft_id)
        return (
            1.0
            if host is not None and host.node.members.is_member and raft_id not in self._network.cut
            else None
        )


class Host:
    """A member's process."""

    def __init__(
        self,
        network: Network,
        number: int,
        limits: LogLimits,
        *,
        disk: MemoryDisk | None = None,
        keys: MemoryKeyStore | None = None,
    ) -> None:
        self.network = network
        self.number = number
        self.disk = disk or MemoryDisk()
        self.machine = RecordingMachine()
        self.transport = LoopTransport(network)
        self.keys = keys or MemoryKeyStore()
        config = RaftNodeConfig(
            ROOT, f"node-{number}", f"10.0.0.{number}:1", tick_s=TICK_S, segment_bytes=65_536
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
        self.network.hosts[self.node.members.raft_id] = self
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
        await self.node.proposer.propose(data, self.machine.commit(data))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def hosts(count: int, limits: LogLimits | None = None) -> AsyncIterator[list[Host]]:
    """A cluster; the first host is its founder."""
    network = Network()
    made = [Host(network, number, limits or LogLimits()) for number in range(1, count + 1)]
    try:
        await made[0].start()
        await until(lambda: made[0].node.leadership.is_leader)
        for host in made[1:]:
            await join(made[0], host)
        yield made
    finally:
        for host in made:
            await host.end()


async def join(leader: Host, host: Host) -> Member:
    member = await leader.node.members.admit(f"node-{host.number}", f"10.0.0.{host.number}:1")
    await host.start(joined_as=member.raft_id)
    for one in leader.node.members.all():
        host.transport.add_peer(one.raft_id, one.address)
    await until(lambda: host.node.members.all() == leader.node.members.all())
    return member
