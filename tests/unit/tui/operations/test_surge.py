"""Draining with the replacements first (docs/design/plans.md 13.9), on a cluster with the leader's own loops: the agents are the test's, and do
what they are asked when the test lets them. Nowhere on the way does a service run fewer tasks than before.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import ASSIGNED, FAILED, RUNNING, SHUTDOWN, TaskState, UpdateConfig
from swarm_core.api.states import is_agent_owned
from swarm_core.api.timestamps import timestamp
from swarm_core.client.cluster import Cluster
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.runtime.tasks import Group
from swarm_core.specs import surge as marks
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import GIB, make_cluster, make_node, make_resources, make_service, make_task_spec
from swarm_testkit.leader import ComponentType
from swarm_testkit.manual_clock import ManualClock, settle
from swarm_testkit.node_logs import LogLines
from swarm_testkit.sole_manager import CommitLog, ScriptedRaft, SoleManager
from swarm_tui.cli.plumbing.live import live
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.operations import nodes
from swarm_tui.operations import surge as operation
from swarm_tui.operations.model import Outcome, Plan, apply
from swarm_tui.operations.surge import Surge
from swarm_tui.operations.surge_course import Course, SurgeFailed

LOOPS: tuple[ComponentType, ...] = (
    ReplicatedOrchestrator,
    GlobalOrchestrator,
    TaskReaper,
    ConstraintEnforcer,
    Scheduler,
)
ROUNDS_MAX = 60
NAMES = ("a", "b", "c")


class World:
    """A manager with its loops, three nodes, and what is asked of them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        manager = SoleManager(CommitLog(10), self.clock, random.Random(1), ScriptedRaft(), LogLines())
        self._manager = manager
        self.store = manager.store
        self.cluster = Cluster(manager.connection(), clock=self.clock, target="here")
        self.failing: set[str] = set()
        """The services whose new tasks end instead of running."""
        self.lowest: dict[str, int] = {}
        """Of each service the fewest tasks that ran since `watch`."""
        self.mirror: Mirror | None = None

    @asynccontextmanager
    async def running(self, *services: Service, memory: int = 8 * GIB) -> AsyncIterator[Mirror]:
        def fill(transaction: Transaction) -> None:
            transaction.create(make_cluster("cluster"))
            for name in NAMES:
                resources = make_resources(cpus=4, memory=memory)
                transaction.create(make_node(name, hostname=name, state="READY", resources=resources))
            for service in services:
                transaction.create(service)

        async with self._manager.reached("Control"), self._manager.reached("Watch"), Group() as group:
            await self.store.update(fill)
            for number, loop in enumerate(LOOPS):
                work = loop(store=self.store, clock=self.clock, rng=random.Random(number)).run()
                group.spawn(work, name="loop")
            await self.rounds(4)
            async with live(self.cluster) as mirror:
                self.mirror = mirror
                self.lowest = dict(self.counts())
                yield mirror
            group.cancel_all()

    def counts(self) -> Counter[str]:
        """How many tasks run, by service."""
        return Counter(
            {
                service.id: sum(
                    task.service_id == service.id and task.status.state == RUNNING
                    for task in self.store.find(Task)
                )
                for service in self.store.find(Service)
            }
        )

    def on(self, node: str) -> int:
        """So many tasks are meant to run there."""
        return sum(task.node_id == node and task.desired_state <= RUNNING for task in self.store.find(Task))

    def availability(self, node: str) -> int:
        """What the node is meant to be."""
        found = self.store.get(Node, node)
        assert found is not None
        return found.spec.availability

    def service(self, id_: str) -> Service:
        """As it is stored."""
        found = self.store.get(Service, id_)
        assert found is not None
        return found

    async def rounds(self, count: int) -> None:
        """So often the agents do what they are asked, and time passes."""
        for _ in range(count):
            reports = [(task.id, state) for task in self.store.find(Task) if (state := self._next(task))]
            # One report after the other: what runs fewest is what somebody sees who looks at any moment.
            for report in reports:
                await self._report(*report)
            await self.clock.advance(6)
            self._look()
            await self.settle()

    async def settle(self) -> None:
        """Whoever looks on hears of everything, and does what follows."""
        for _ in range(4):
            await settle()
            if self.mirror is not None:
                self.mirror.flush()
        await settle()

    def _look(self) -> None:
        counts = self.counts()
        for id_ in self.lowest:
            self.lowest[id_] = min(self.lowest[id_], counts[id_])

    def _next(self, task: Task) -> "TaskState.ValueType | None":
        state = task.status.state
        if not is_agent_owned(state):
            return None
        if task.desired_state > RUNNING:
            return SHUTDOWN
        if not ASSIGNED <= state < RUNNING or task.desired_state != RUNNING:
            return None
        return FAILED if task.service_id in self.failing else RUNNING

    async def _report(self, id_: str, state: "TaskState.ValueType") -> None:
        def write(transaction: Transaction) -> None:
            held = transaction.get(Task, id_)
            if held is None:
                return
            task = Task()
            task.CopyFrom(held)
            task.status.state = state
            task.status.timestamp.CopyFrom(timestamp(self.clock.wall_ns()))
            transaction.update(task)

        await self.store.update(write)
        await settle()
        self._look()

    async def change(self, node: str, availability: "NodeSpec.Availability.ValueType") -> None:
        """Somebody else changes the node."""

        def write(transaction: Transaction) -> None:
            held = transaction.get(Node, node)
            assert held is not None
            new = Node()
            new.CopyFrom(held)
            new.spec.availability = availability
            transaction.update(new)

        await self.store.update(write)
        await settle()

    # -- the drain ---------------------------------------------------------------------------------

    async def apply(self, plan: Plan) -> list[Outcome]:
        return [outcome async for outcome in apply(plan, self.cluster.control)]

    def course(self, surge: Surge, mirror: Mirror) -> Course:
        return Course(surge, mirror, self.clock, self.apply, lambda: None)

    async def until_over(self, work: "asyncio.Task[None]") -> None:
        """Agents work until it has come to its end. Raises what it raised."""
        for _ in range(ROUNDS_MAX):
            await self.rounds(1)
            if work.done():
                break
        assert work.done(), "the drain does not come to its end"
        await work


def web(id_: str = "web", replicas: int = 6, *, start_first: bool = False) -> Service:
    service = make_service(
        id_, name=id_, replicas=replicas, task=make_task_spec(reservations=make_resources(cpus=0.1))
    )
    service.spec.annotations.labels["team"] = "shop"
    if start_first:
        service.spec.update.order = UpdateConfig.START_FIRST
        service.spec.update.failure_action = UpdateConfig.ROLLBACK
        service.spec.update.parallelism = 2
    return service


def every() -> Service:
    return make_service("every", name="every", is_global=True)


async def test_replacements_run_before_anything_stops() -> None:
    """Each service keeps its tasks at every moment; the node ends drained and empty, every spec as it was, and its slots stay those they were."""
    world = World()
    earlier = web()
    earlier.previous_spec.CopyFrom(earlier.spec)
    earlier.previous_spec.task.container.image = "nginx:0"
    async with world.running(earlier, web("api", 3, start_first=True), every()) as mirror:
        specs = {id_: world.service(id_).spec.SerializeToString(deterministic=True) for id_ in ("web", "api")}
        surge = operation.prepared(mirror, ["a"], rest_plainly=False)
        assert surge.shown.refusals == ()
        assert world.on("a") == 4
        course = world.course(surge, mirror)
        await world.until_over(asyncio.ensure_future(course.run()))
        await world.rounds(3)
        assert (world.lowest["web"], world.lowest["api"]) == (6, 3)
        assert world.counts() == {"web": 6, "api": 3, "every": 2}
        assert (world.on("a"), world.availability("a")) == (0, NodeSpec.DRAIN)
        for id_, before in specs.items():
            assert world.service(id_).spec.SerializeToString(deterministic=True) == before
        tasks = [task for task in world.store.find(Task) if task.service_id == "web"]
        assert {task.slot for task in tasks if task.desired_state <= RUNNING} == {1, 2, 3, 4, 5, 6}
        # What a rollback by docker goes to is the image before.
        assert world.service("web").previous_spec.task.container.image == "nginx:0"


async def test_the_plan_says_what_moves_and_where() -> None:
    """Of a service none stops, so `y` is enough; a task of a global one stops with its node, so the name is asked for."""
    world = World()
    async with world.running(web()) as mirror:
        told = operation.described(operation.prepared(mirror, ["a"], rest_plainly=False), mirror)
        assert (told.title, told.word, int(told.level)) == ("Drain a, replacements first", "", 3)
        assert ("web", "2 tasks, their replacements first") in told.changes
        assert "New tasks land on b 1, c 1." in told.effects
        assert told.cautions == ()
        assert told.docker.lines[0] == "docker node update --availability pause a"
        assert "--constraint-add node.id!=a" in told.docker.lines[1].replace("'", "")
        assert "--update-order start-first" in told.docker.lines[1]
        assert told.docker.lines[2] == "docker node update --availability drain a"
        assert "--constraint-rm" in told.docker.lines[3]
    world = World()
    async with world.running(web(), every()) as mirror:
        told = operation.described(operation.prepared(mirror, ["a"], rest_plainly=False), mirror)
        assert told.word == "a"
        assert "Beside it 1 global service, which stops here with the drain." in told.effects


async def test_what_does_not_fit_is_refused_by_name() -> None:
    """Without room for a replacement nothing is begun; with `rest_plainly` it is said, and the others are moved first all the same."""
    world = World()
    big = make_service(
        "big", name="big", replicas=3, task=make_task_spec(reservations=make_resources(memory=6 * GIB))
    )
    async with world.running(web(), big) as mirror:
        refused = operation.prepared(mirror, ["a"], rest_plainly=False).shown.refusals
        assert refused[0].startswith("Could not move big first: ")
        assert "memory" in refused[0]
        assert "'node drain --surge --rest-plainly a'" in refused[1]
        surge = operation.prepared(mirror, ["a"], rest_plainly=True)
        assert surge.moving == ("web",)
        assert surge.shown.warnings[0].startswith("big stops with the drain: ")
        assert operation.described(surge, mirror).word == "a"
        await world.until_over(asyncio.ensure_future(world.course(surge, mirror).run()))
        await world.rounds(3)
        assert world.lowest["web"] == 6
        assert world.counts()["big"] == 2


@pytest.mark.parametrize("is_paused", [False, True], ids=["active", "paused"])
async def test_only_what_can_be_mended_is_a_reason(is_paused: bool) -> None:
    """The node's own pause and the constraint that keeps tasks off it are the drain's doing: the reasons are those of the other nodes."""
    world = World()
    big = make_service(
        "big", name="big", replicas=3, task=make_task_spec(reservations=make_resources(memory=6 * GIB))
    )
    async with world.running(big) as mirror:
        if is_paused:
            await world.change("a", NodeSpec.PAUSE)
            await world.settle()
        refused = operation.prepared(mirror, ["a"], rest_plainly=False).shown.refusals[0]
        assert refused == (
            "Could not move big first: No other node can take it: 6 GiB of memory asked, at most 2 GiB free (b)."
        )


async def test_an_update_on_its_way_is_not_written_over() -> None:
    """A service that is updated, or whose update is paused, is refused by name."""
    world = World()
    going = web()
    async with world.running(going) as mirror:

        def begin(transaction: Transaction) -> None:
            new = Service()
            new.CopyFrom(world.service("web"))
            new.spec.task.force_update = 1
            new.spec_version.index += 1
            transaction.update(new)

        await world.store.update(begin)
        await world.settle()
        (first, _) = operation.prepared(mirror, ["a"], rest_plainly=False).shown.refusals
        assert first == "Could not move web first: an update of it is on its way."


async def test_stopped_in_between_leaves_it_sane() -> None:
    """A person stops it: specs and node are as they were, nothing runs less, and what moved stays."""
    world = World()
    async with world.running(web()) as mirror:
        before = world.service("web").spec.SerializeToString(deterministic=True)
        work = asyncio.ensure_future(
            world.course(operation.prepared(mirror, ["a"], rest_plainly=False), mirror).run()
        )
        await world.rounds(1)
        assert marks.is_marked(world.service("web").spec)
        assert world.availability("a") == NodeSpec.PAUSE
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await world.rounds(6)
        assert world.service("web").spec.SerializeToString(deterministic=True) == before
        assert world.availability("a") == NodeSpec.ACTIVE
        assert (world.lowest["web"], world.counts()["web"]) == (6, 6)


async def test_a_failing_replacement_gives_the_node_back() -> None:
    """What cannot run elsewhere pauses, and then the old tasks go on where they were."""
    world = World()
    async with world.running(web()) as mirror:
        world.failing = {"web"}
        course = world.course(operation.prepared(mirror, ["a"], rest_plainly=False), mirror)
        with pytest.raises(SurgeFailed, match=r"web: update paused.*0 of 2 tasks had moved"):
            await world.until_over(asyncio.ensure_future(course.run()))
        world.failing = set()
        await world.rounds(6)
        assert (world.lowest["web"], world.counts()["web"]) == (6, 6)
        assert world.availability("a") == NodeSpec.ACTIVE
        assert not marks.is_marked(world.service("web").spec)


async def test_one_that_was_cut_off_is_completed_by_a_second() -> None:
    """Whoever ran it is gone in the middle: the node is paused, the service says so, and another run comes to the same end."""
    world = World()
    async with world.running(web()) as mirror:
        first = operation.prepared(mirror, ["a"], rest_plainly=False)
        for plan in (operation.pausing(mirror, first), operation.marking(mirror, first)):
            await world.apply(plan)
            await world.settle()
        mark = marks.mark_of(world.service("web").spec)
        assert mark is not None
        assert mark.nodes == ("a",)
        again = operation.prepared(mirror, ["a"], rest_plainly=False)
        assert again.moving == ("web",)
        await world.until_over(asyncio.ensure_future(world.course(again, mirror).run()))
        assert world.lowest["web"] == 6
        assert (world.on("a"), world.availability("a")) == (0, NodeSpec.DRAIN)
        assert not marks.is_marked(world.service("web").spec)


async def test_one_that_was_cut_off_after_the_drain() -> None:
    """Of a node that is drained already only the specs are left to be put back; where nothing is left that is said."""
    world = World()
    async with world.running(web()) as mirror:
        first = operation.prepared(mirror, ["a"], rest_plainly=False)
        for plan in (operation.pausing(mirror, first), operation.marking(mirror, first)):
            await world.apply(plan)
        await world.rounds(6)
        await world.apply(operation.draining(mirror, first))
        await world.settle()
        again = operation.prepared(mirror, ["a"], rest_plainly=False)
        assert [step.changes for step in again.shown.steps] == [
            ("its spec as it was",),
            ("without the label",),
        ]
        await world.course(again, mirror).run()
        await world.settle()
        assert not marks.is_marked(world.service("web").spec)
        assert operation.prepared(mirror, ["a"], rest_plainly=False).shown.refusals == (
            "a is drained already.",
        )


async def test_one_that_was_cut_off_is_ended() -> None:
    """The other way out: specs as they were, and the node takes tasks again, in this order."""
    world = World()
    async with world.running(web()) as mirror:
        first = operation.prepared(mirror, ["a"], rest_plainly=False)
        for plan in (operation.pausing(mirror, first), operation.marking(mirror, first)):
            await world.apply(plan)
            await world.settle()
        assert [one.id for one in operation.marked_for(mirror, ["a"])] == ["web"]
        (warning,) = nodes.availability(mirror, ["a"], "active").warnings
        assert warning.startswith("What is left here of web will stop at once")
        for plan in operation.stopped(mirror, ["a"]):
            await world.apply(plan)
        await world.rounds(6)
        assert (world.lowest["web"], world.counts()["web"]) == (6, 6)
        assert world.availability("a") == NodeSpec.ACTIVE
        assert not marks.is_marked(world.service("web").spec)


async def test_somebody_lets_the_node_take_tasks_meanwhile() -> None:
    """That ends it: the specs are put back at once, and the node stays active."""
    world = World()
    async with world.running(web()) as mirror:
        course = world.course(operation.prepared(mirror, ["a"], rest_plainly=False), mirror)
        work = asyncio.ensure_future(course.run())
        await world.settle()
        await world.change("a", NodeSpec.ACTIVE)
        with pytest.raises(SurgeFailed, match="somebody let a node take tasks meanwhile"):
            await world.until_over(work)
        await world.rounds(3)
        assert world.availability("a") == NodeSpec.ACTIVE
        assert not marks.is_marked(world.service("web").spec)


async def test_time_is_over() -> None:
    """Where agents do nothing it is given up, and says how far it came."""
    world = World()
    async with world.running(web()) as mirror:
        course = world.course(operation.prepared(mirror, ["a"], rest_plainly=False), mirror)
        with pytest.raises(SurgeFailed, match=r"not done in 0\.2 s, 0 of 2 tasks moved · web: 2 to go"):
            await course.run(0.2)
        await world.settle()
        assert world.availability("a") == NodeSpec.ACTIVE
