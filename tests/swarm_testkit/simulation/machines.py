"""The machines of the cluster: those of managers, which restart what fails on them, and those of agents.

A manager's process ends in three ways: stopped (it closes its files), killed (what it wrote is there, synced or not),
or by a power cut (see swarm_testkit.disk). Whatever else ends it must be a failure of its disk, its removal from the
cluster, or that nobody admitted it again; then it asks anew.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from swarm_agentd.agent.agent import Agent
from swarm_agentd.agent.storage import MemoryStorage
from swarm_agentd.executors.simulated import Behaviour, Machine, SimulatedExecutor
from swarm_core.api.proto import raftpb_pb2
from swarm_core.api.proto.raft_pb2 import JoinResponse
from swarm_core.api.proto.types_pb2 import WeightedPeer
from swarm_core.client.dispatch import AgentConnection
from swarm_core.client.errors import Unreachable
from swarm_core.raft_node.codec import message_from_raftpb
from swarm_core.raft_node.errors import DiskFailed, JoinFailed, MemberRemoved, NotMember
from swarm_core.rpc.caller import Caller
from swarm_core.runtime.tasks import Group

from swarm_testkit.disk import PowerCut
from swarm_testkit.raft_shell import MemoryKeyStore
from swarm_testkit.simulation.calls import SimulatedConnection
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.disk import SimulatedDisk
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.life import Life
from swarm_testkit.simulation.network import Network
from swarm_testkit.simulation.raft_transport import Receipt

CLUSTER_ID = "cluster"


class ManagerMachine:
    """`make_life` builds a process on a disk; the number of the life goes with it."""

    def __init__(
        self,
        host: Host,
        address: str,
        keys: MemoryKeyStore,
        rng: random.Random,
        findings: Findings,
        make_life: Callable[["ManagerMachine", int], Life],
        find: Callable[[str], "ManagerMachine"],
        ask: Callable[["ManagerMachine", frozenset[int]], Awaitable[JoinResponse]],
        *,
        is_ours: bool,
    ) -> None:
        self.host = host
        self.address = address
        self.is_ours = is_ours
        self.keys = keys
        self.disk = SimulatedDisk(host, rng, self.power_cut)
        self.life: Life | None = None
        self.down_s = 0.0
        self._find = find
        self._ask = ask
        self._rng = rng
        self._findings = findings
        self._make_life = make_life
        self._running: asyncio.Task[None] | None = None
        self._next_disk: Callable[[], SimulatedDisk] | None = None
        self._may_start = asyncio.Event()
        self._lives = 0

    # what the faults do

    def power_cut(self) -> None:
        """Lose the power now."""
        self._end("loses its power", lambda: self.disk.after_power_cut())

    def kill(self) -> None:
        """Kill the process."""
        self._end("is killed", lambda: self.disk.after_kill())

    def stop(self) -> None:
        """Ask the process to end."""
        if self._running is not None and self._next_disk is None:
            self.host.trace.note(f"{self.host.name} is stopped")
            self.host.resume()
            self._running.cancel()

    def hold(self) -> None:
        """Do not start the process when it is down."""
        self._may_start.clear()

    def release(self) -> None:
        self._may_start.set()

    def _end(self, what: str, next_disk: Callable[[], SimulatedDisk]) -> None:
        if self._running is None or self.life is None or self._next_disk is not None:
            return
        self.host.trace.note(f"{self.host.name} {what}")
        self._next_disk = next_disk
        self.host.forget_waiting()
        self.host.resume()
        self.life.end()
        self.disk.power_off()
        self._running.cancel()

    # what others see

    @property
    def is_up(self) -> bool:
        """Whether its manager is, or becomes, a member."""
        return self.life is not None and self.life.has_begun

    @property
    def is_serving(self) -> bool:
        """Whether its manager answers calls and takes messages."""
        return self.life is not None and self.life.group is not None

    def receive(self, data: bytes, tick_s: float) -> Receipt:
        """An encoded message of raft arrives."""
        life = self.life
        if life is None or life.group is None:
            return Receipt.NOBODY
        message = message_from_raftpb(raftpb_pb2.Message.FromString(data))
        try:
            if not life.receiver.take(message, tick_s=tick_s):
                life.group.spawn(life.receiver.take_vote(message, tick_s=tick_s), name="a request for a vote")
        except MemberRemoved:
            return Receipt.REMOVED
        return Receipt.TAKEN

    def address_of(self, raft_id: int) -> str | None:
        """See raft_transport.Peer."""
        if self.life is None or self.life.group is None:
            return None
        found = self._member(self.life, raft_id)
        return None if found is None else found.address

    def _member(self, life: Life, raft_id: int) -> "ManagerMachine | None":
        addresses = [member.address for member in life.raft.members() if member.raft_id == raft_id]
        return self._find(addresses[0]) if addresses else None

    def leader(self) -> "ManagerMachine | None":
        return None if self.life is None else self._member(self.life, self.life.raft.leader_id)

    # its life

    async def run(self) -> None:
        """Run the process, again and again, until cancelled."""
        self._may_start.set()
        async with Group() as group:
            while True:
                await self._may_start.wait()
                self._lives += 1
                self.life = self._make_life(self, self._lives)
                self._running = group.spawn(self._live(self.life), name=self.host.name)
                await asyncio.wait((self._running,))
                self._running = None
                self.life.end()
                self.life = None
                next_disk = self._next_disk or self.disk.after_kill
                self.disk, self._next_disk = next_disk(), None
                await asyncio.sleep(self._rng.uniform(0.05, max(self.down_s, 0.1)))

    async def _live(self, life: Life) -> None:
        try:
            await life.run(lambda former: self._ask(self, former))
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - judged here
            if self._next_disk is None:
                self._judge(error)

    def _judge(self, error: BaseException) -> None:
        for leaf in _leaves(error):
            self.host.trace.note(f"{self.host.name} ends: {leaf!r}")
            if not isinstance(leaf, DiskFailed | NotMember | JoinFailed):
                self._findings.add(f"{self.host.name} ended: {type(leaf).__name__}: {leaf}")


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [] if isinstance(error, asyncio.CancelledError | PowerCut) else [error]


class AgentMachine:
    """A worker: its tasks outlive the agent's process, as containers do."""

    def __init__(
        self,
        host: Host,
        managers: Sequence[ManagerMachine],
        network: Network,
        rng: random.Random,
        findings: Findings,
    ) -> None:
        self.host = host
        behaviour = Behaviour(prepare_s=(0.0, 1.0), start_s=(0.0, 0.5), stop_s=(0.0, 0.5), hostname=host.name)
        self.machine = Machine(behaviour, host.clock, rng)
        self.down_s = 0.0
        self._managers = managers
        self._network = network
        self._rng = rng
        self._findings = findings
        self._storage = MemoryStorage()
        self._caller = Caller(host.name, frozenset({"swarm-worker"}), CLUSTER_ID, "192.0.2.7:4242")
        self._running: asyncio.Task[None] | None = None

    def kill(self) -> None:
        """End the agent's process; its tasks go on."""
        if self._running is not None:
            self.host.trace.note(f"{self.host.name} is killed")
            self.host.forget_waiting()
            self.host.resume()
            self._running.cancel()

    async def run(self) -> None:
        """Run the agent, again and again, until cancelled."""
        async with Group() as group:
            while True:
                agent = Agent(
                    node_id=self.host.name,
                    executor=SimulatedExecutor(self.machine),
                    managers=self,
                    storage=self._storage,
                    clock=self.host.clock,
                    rng=self._rng,
                )
                self._running = group.spawn(self._live(agent), name=self.host.name)
                await asyncio.wait((self._running,))
                self._running = None
                await asyncio.sleep(self._rng.uniform(0.05, max(self.down_s, 0.1)))

    async def _live(self, agent: Agent) -> None:
        try:
            await agent.run()
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - an agent ends by nothing else
            for leaf in _leaves(error):
                self._findings.add(f"the agent of {self.host.name} ended: {type(leaf).__name__}: {leaf}")

    # the agent's port Managers

    async def connect(self) -> AgentConnection:
        """See agent.session.Managers."""
        target = self._rng.choice(self._managers)
        await self._network.carry(self.host.name, target.host)
        if not target.is_up:
            raise Unreachable(f"{target.host.name} is down")
        return SimulatedConnection(self.host, target, self._network, self._caller, self._findings)

    def observe(self, connection: AgentConnection, *, is_good: bool) -> None:
        """Every manager is as good as the others."""

    def learn(self, managers: Sequence[WeightedPeer]) -> None:
        """The managers stay the same."""
