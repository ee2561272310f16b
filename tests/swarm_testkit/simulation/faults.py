"""What goes wrong during the first phase of a run: at random times, of the sorts that the plan allows, some side by side."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import MANAGER, IssuanceStatus
from swarm_core.raft_node.errors import RaftNodeError
from swarm_core.runtime.tasks import Group

from swarm_testkit.disk import PowerCut
from swarm_testkit.simulation.network import GOOD, Network, Quality
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.people import People
from swarm_testkit.simulation.plan import Plan
from swarm_testkit.simulation.storage import Storage
from swarm_testkit.simulation.trace import Trace

_DRAIN_STATES = ("ACTIVE", "PAUSE", "DRAIN")
_MEMBERS_MIN = 2
_ISSUANCE_LOOKS, _ISSUANCE_TICKS = 200, 0.1
RENEW = IssuanceStatus.RENEW


class Faults:
    """`people` ask for changes through the product's API. The machines that began as managers come first."""

    def __init__(
        self,
        plan: Plan,
        machines: Sequence[NodeMachine],
        network: Network,
        rng: random.Random,
        trace: Trace,
        leaders: Callable[[], list[NodeMachine]],
        people: People,
        storage: Storage,
    ) -> None:
        self._plan = plan
        self._machines = machines
        self._network = network
        self._rng = rng
        self._trace = trace
        self._leaders = leaders
        self._people = people
        self._outside = storage
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
        self._outside.failing = 0.0
        for machine in self._machines:
            machine.host.resume()
            machine.host.set_clock(rate=1.0, wall_offset_s=0.0)
            machine.down_s = machine.daemon_down_s = 0.0
            machine.disk.capacity = 1 << 40
            machine.disk.failing_syncs = False
            machine.disk.latency = (0.0002, 0.005)
            machine.disk.spare_power()
            machine.release()
            machine.tasks_fail(0.0)

    # processes and machines

    async def _power_cut(self) -> None:
        await self._cut(self._any(), self._down_s())

    async def _kill(self) -> None:
        manager = self._any()
        manager.down_s = self._down_s()
        manager.kill()

    async def _stop(self) -> None:
        manager = self._any()
        manager.daemon_down_s = self._down_s()
        manager.stop()

    async def _all_at_once(self) -> None:
        managers = self._managers()
        for manager in self._rng.sample(managers, self._rng.randint(min(2, len(managers)), len(managers))):
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

    async def _pause_one(self, machine: NodeMachine) -> None:
        machine.host.pause()
        await self._ticks(self._rng.uniform(1, 30))
        machine.host.resume()

    async def _clock(self) -> None:
        host = self._any_machine().host
        offset_s = self._rng.choice((0.0, -3600.0, 3600.0, -1.0, 86_400.0 * 365))
        host.set_clock(rate=self._rng.choice((0.7, 0.9, 1.0, 1.1, 1.4)), wall_offset_s=offset_s)

    async def _agent(self) -> None:
        machine = self._any_machine()
        if self._rng.random() < 0.5:
            machine.daemon_down_s = self._rng.uniform(0, 40)
            machine.kill_daemon()
        else:
            await self._for_a_while(lambda: self._isolate(machine.host.name))

    async def _failing_tasks(self) -> None:
        """Tasks that begin on some machine fail, often or now and then."""
        machine = self._any_machine()
        machine.tasks_fail(self._rng.choice((0.1, 0.5, 1.0)))
        await self._ticks(self._rng.uniform(5, 40))
        machine.tasks_fail(0.0)

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
        names = [manager.host.name for manager in self._managers()]
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

    async def _slow_joiner(self) -> None:
        """A worker is made a manager, and its disk is slow from before its process begins: its own addition is written, or applied,
        there only after elections would have come to their end."""
        workers = [one for one in self._machines if one.identity is not None and not one.identity.is_manager]
        if not workers:
            return
        machine = self._rng.choice(workers)
        found = machine.identity
        assert found is not None
        longest_s = self._rng.choice((0.5, 2.0, 6.0, 20.0)) * self._plan.tick_s
        machine.disk.latency = (longest_s / 10, longest_s)
        self._trace.note(f"the disk of {machine.host.name} takes {longest_s:.1f} s")

        def promote(spec: NodeSpec) -> None:
            spec.desired_role = MANAGER

        await self._people.change_node(found.node_id, promote)
        await self._ticks(self._rng.uniform(2, 60))
        machine.disk.latency = (0.0002, 0.005)

    async def _storage(self) -> None:
        """The storage beside the cluster fails, often or always."""
        self._outside.failing = self._rng.choice((0.3, 1.0))
        await self._ticks(self._rng.uniform(5, 40))
        self._outside.failing = 0.0

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
            if len(raft.members.all()) <= _MEMBERS_MIN:
                continue
            others = [one.raft_id for one in raft.members.all() if one.raft_id != raft.members.raft_id]
            if others and self._rng.random() < 0.8:
                await self._attempt(raft.members.remove(self._rng.choice(others)))
            else:
                await self._attempt(raft.members.remove(raft.members.raft_id))

    async def _transfer(self) -> None:
        for leader in self._leaders():
            assert leader.life is not None
            await self._attempt(leader.life.raft.handover.transfer())

    async def _attempt(self, work: Awaitable[None]) -> None:
        """What a person asks for may come to nothing."""
        try:
            async with asyncio.timeout(30 * self._plan.tick_s):
                await work
        except (RaftNodeError, PowerCut, TimeoutError) as error:
            self._trace.note(f"refused: {type(error).__name__}: {error}")

    async def _drain(self) -> None:
        found = self._any_machine().identity
        availability = NodeSpec.Availability.Value(self._rng.choice(_DRAIN_STATES))

        def change(spec: NodeSpec) -> None:
            spec.availability = availability

        if found is not None:
            await self._people.change_node(found.node_id, change)

    async def _role(self) -> None:
        await self._people.change_role()

    async def _remove_node(self) -> None:
        await self._people.remove_a_worker()

    async def _root(self) -> None:
        await self._people.rotate_root()

    async def _by_hand(self) -> None:
        await self._people.attach_or_detach()

    async def _tokens(self) -> None:
        await self._people.rotate_tokens()

    async def _old_token(self) -> None:
        await self._people.try_an_old_token()

    async def _autolock(self) -> None:
        await self._people.change_autolock()

    async def _issuance(self) -> None:
        """The authority changes while certificates are asked for."""
        if not await self._people.rotate_root():
            return
        for _ in range(_ISSUANCE_LOOKS):
            for leader in self._leaders():
                assert leader.life is not None
                if any(node.certificate.status.state == RENEW for node in leader.life.store.find(Node)):
                    if self._rng.random() < 0.5:
                        leader.kill()
                    else:
                        await self._attempt(leader.life.raft.handover.transfer())
                    return
            await self._ticks(_ISSUANCE_TICKS)

    async def _days(self) -> None:
        """The calendar goes ahead: certificates come to be renewed, and none expires for good."""
        left_s = [
            (found.not_after_ns - machine.host.clock.wall_ns()) / 1e9 + machine.host.clock.wall_offset_s
            for machine in self._machines
            if (found := machine.identity) is not None
        ]
        days = max(min(left_s, default=0.0), 0.0) * self._rng.uniform(0.1, 0.6) / 86_400
        self._trace.note(f"{days:.1f} days go by")
        self._people.skip(days * 86_400)

    # parts

    def _managers(self) -> list[NodeMachine]:
        """Those that are managers now."""
        found = [one for one in self._machines if one.identity is not None and one.identity.is_manager]
        return found or list(self._machines)

    def _any(self) -> NodeMachine:
        return self._rng.choice(self._managers())

    def _any_machine(self) -> NodeMachine:
        return self._rng.choice(self._machines)

    def _names(self) -> list[str]:
        return [one.host.name for one in self._machines]

    def _down_s(self) -> float:
        return self._rng.choice((0.0, 2.0, 15.0, 40.0)) * self._plan.tick_s

    def _isolate(self, name: str) -> None:
        self._network.divide([name], [other for other in self._names() if other != name])

    async def _cut(self, manager: NodeMachine, down_s: float) -> None:
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
