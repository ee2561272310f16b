"""What goes wrong during the first phase of a run: at random times, of the sorts that the plan allows, some side by side."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from swarm_core.raft_node.errors import RaftNodeError
from swarm_core.runtime.tasks import Group

from swarm_testkit.disk import PowerCut
from swarm_testkit.simulation.machines import AgentMachine, ManagerMachine
from swarm_testkit.simulation.network import GOOD, Network, Quality
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.trace import Trace

_DRAIN_STATES = ("ACTIVE", "PAUSE", "DRAIN")
_MEMBERS_MIN = 2


class Faults:
    """`set_availability` asks some manager to change a node; it may fail."""

    def __init__(
        self,
        plan: Plan,
        managers: Sequence[ManagerMachine],
        agents: Sequence[AgentMachine],
        network: Network,
        rng: random.Random,
        trace: Trace,
        leaders: Callable[[], list[ManagerMachine]],
        set_availability: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        self._plan = plan
        self._managers = managers
        self._agents = agents
        self._network = network
        self._rng = rng
        self._trace = trace
        self._leaders = leaders
        self._set_availability = set_availability
        self.count = 0

    async def run(self) -> None:
        """Make trouble until cancelled."""
        async with Group() as group:
            while True:
                await self._ticks(self._rng.expovariate(1 / self._plan.fault_every_ticks))
                sort = self._rng.choice(self._plan.faults)
                self._trace.note(f"fault: {sort}")
                self.count += 1
                work: Callable[[], Awaitable[None]] = getattr(self, f"_{sort.replace(' ', '_')}")
                group.spawn(_as_coroutine(work), name=sort)

    def end(self) -> None:
        """Everything works again."""
        self._trace.note("all faults end")
        self._network.quality = GOOD
        self._network.heal()
        for manager in self._managers:
            manager.host.resume()
            manager.host.set_clock(rate=1.0, wall_offset_s=manager.host.clock.wall_offset_s)
            manager.down_s = 0.0
            manager.disk.capacity = 1 << 40
            manager.disk.failing_syncs = False
            manager.disk.latency = (0.0002, 0.005)
            manager.disk.spare_power()
            manager.release()
        for agent in self._agents:
            agent.host.resume()
            agent.down_s = 0.0

    # processes and machines

    async def _power_cut(self) -> None:
        await self._cut(self._any(), self._down_s())

    async def _kill(self) -> None:
        manager = self._any()
        manager.down_s = self._down_s()
        manager.kill()

    async def _stop(self) -> None:
        manager = self._any()
        manager.down_s = self._down_s()
        manager.stop()

    async def _all_at_once(self) -> None:
        count = self._rng.randint(2, len(self._managers))
        for manager in self._rng.sample(self._managers, count):
            manager.down_s = self._down_s()
            if self._rng.random() < 0.7:
                manager.power_cut()
            else:
                manager.kill()

    async def _leader(self) -> None:
        if not (leaders := self._leaders()):
            return
        leader = self._rng.choice(leaders)
        match self._rng.randrange(4):
            case 0:
                await self._cut(leader, self._down_s())
            case 1:
                leader.down_s = 0.0
                leader.kill()
            case 2:
                await self._pause_one(leader)
            case _:
                await self._for_a_while(lambda: self._isolate(leader.host.name))

    async def _pause(self) -> None:
        await self._pause_one(self._any_machine())

    async def _pause_one(self, machine: ManagerMachine | AgentMachine) -> None:
        machine.host.pause()
        await self._ticks(self._rng.uniform(1, 30))
        machine.host.resume()

    async def _clock(self) -> None:
        host = self._any_machine().host
        offset_s = self._rng.choice((0.0, -3600.0, 3600.0, -1.0, 86_400.0 * 365))
        host.set_clock(rate=self._rng.choice((0.7, 0.9, 1.0, 1.1, 1.4)), wall_offset_s=offset_s)

    async def _agent(self) -> None:
        agent = self._rng.choice(self._agents)
        if self._rng.random() < 0.5:
            agent.down_s = self._rng.uniform(0, 40)
            agent.kill()
        else:
            await self._for_a_while(lambda: self._isolate(agent.host.name))

    # the network

    async def _partition(self) -> None:
        names = self._names()
        self._rng.shuffle(names)
        cut = self._rng.randint(1, len(names) - 1)
        await self._for_a_while(lambda: self._network.divide(names[:cut], names[cut:]))

    async def _one_way(self) -> None:
        names = self._names()
        sources = self._rng.sample(names, self._rng.randint(1, len(names) - 1))
        targets = self._rng.sample(names, self._rng.randint(1, len(names) - 1))
        await self._for_a_while(lambda: self._network.block(sources, targets))

    async def _bridge(self) -> None:
        """Two sides, and one manager that sees both."""
        names = [manager.host.name for manager in self._managers]
        self._rng.shuffle(names)
        middle = len(names) // 2
        await self._for_a_while(lambda: self._network.divide(names[:middle], names[middle + 1 :]))

    async def _bad_network(self) -> None:
        tick_s, rng = self._plan.tick_s, self._rng
        self._network.quality = Quality(
            loss=rng.choice((0.0, 0.02, 0.1, 0.3)),
            double=rng.choice((0.0, 0.05, 0.3)),
            late=rng.choice((0.0, 0.05, 0.3)),
            delay_s=(0.0005, rng.choice((0.005, 0.1, 0.5)) * tick_s),
            late_s=rng.choice((0.5, 3.0, 15.0)) * tick_s,
        )
        await self._ticks(rng.uniform(5, 40))
        self._network.quality = GOOD

    # disks

    async def _disk_error(self) -> None:
        disk = self._any().disk
        disk.failing_syncs = True
        await self._ticks(self._rng.uniform(0, 10))
        disk.failing_syncs = False

    async def _disk_full(self) -> None:
        manager = self._any()
        manager.down_s = self._plan.tick_s
        manager.disk.fill(self._rng.choice((0, 100, 2000, 20_000)))
        await self._ticks(self._rng.uniform(2, 20))
        manager.disk.capacity = 1 << 40

    async def _slow_disk(self) -> None:
        manager = self._any()
        manager.disk.latency = (0.0, self._rng.choice((0.1, 1.0, 4.0)) * self._plan.tick_s)
        await self._ticks(self._rng.uniform(2, 20))
        manager.disk.latency = (0.0002, 0.005)

    # what people do

    async def _rotate_key(self) -> None:
        manager = self._any()
        if manager.life is not None and manager.is_up:
            await self._attempt(manager.life.raft.rotate_key())

    async def _member(self) -> None:
        """Take a manager out of the cluster. It joins again when it learns of it.

        Two stay: a cluster of one that admits a second which then dies before its first start has no quorum, and nothing
        but beginning anew helps (docs/critiques.md).
        """
        for leader in self._leaders():
            assert leader.life is not None
            raft = leader.life.raft
            if len(raft.members()) <= _MEMBERS_MIN:
                continue
            others = [one.raft_id for one in raft.members() if one.raft_id != raft.raft_id]
            if others and self._rng.random() < 0.8:
                await self._attempt(raft.remove(self._rng.choice(others)))
            else:
                await self._attempt(raft.remove(raft.raft_id))

    async def _transfer(self) -> None:
        for leader in self._leaders():
            assert leader.life is not None
            await self._attempt(leader.life.raft.transfer_leadership())

    async def _attempt(self, work: Awaitable[None]) -> None:
        """What a person asks for may come to nothing."""
        try:
            async with asyncio.timeout(30 * self._plan.tick_s):
                await work
        except (RaftNodeError, PowerCut, TimeoutError) as error:
            self._trace.note(f"refused: {type(error).__name__}: {error}")

    async def _drain(self) -> None:
        await self._set_availability(
            self._rng.choice(self._agents).host.name, self._rng.choice(_DRAIN_STATES)
        )

    # parts

    def _any(self) -> ManagerMachine:
        return self._rng.choice(self._managers)

    def _any_machine(self) -> ManagerMachine | AgentMachine:
        machines: list[ManagerMachine | AgentMachine] = [*self._managers, *self._agents]
        return self._rng.choice(machines)

    def _names(self) -> list[str]:
        return [one.host.name for one in self._managers] + [one.host.name for one in self._agents]

    def _down_s(self) -> float:
        return self._rng.choice((0.0, 2.0, 15.0, 40.0)) * self._plan.tick_s

    def _isolate(self, name: str) -> None:
        self._network.divide([name], [other for other in self._names() if other != name])

    async def _cut(self, manager: ManagerMachine, down_s: float) -> None:
        """Cut the power, often within a change of the disk."""
        manager.down_s = down_s
        disk = manager.disk
        if self._rng.random() < 0.7:
            disk.fail_after(self._rng.randrange(8))
            await self._ticks(self._rng.uniform(0, 5))
        if manager.disk is disk:
            manager.power_cut()

    async def _for_a_while(self, block: Callable[[], None]) -> None:
        if self._rng.random() < 0.5:
            self._network.heal()
        block()
        await self._ticks(self._rng.uniform(1, 40))
        self._network.heal()

    async def _ticks(self, count: float) -> None:
        await asyncio.sleep(count * self._plan.tick_s)


async def _as_coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()
