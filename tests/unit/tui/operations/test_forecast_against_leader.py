"""What plans are said to come to (docs/design/scheduling.md 3.15), against what comes of them: random plans on clusters with the
leader's own loops.

The manager is the product's, with every loop that makes, places and replaces tasks; the agents are the test's and do at once what
they are asked. Each plan is described first, carried out by the product's own `apply`, and compared when nothing moves any more.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from swarm_core.api.proto.objects_pb2 import Cluster, Node, Service, Task
from swarm_core.api.proto.specs_pb2 import ServiceSpec
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    MANAGER,
    PENDING,
    RUNNING,
    SHUTDOWN,
    RaftMemberStatus,
    TaskState,
    UpdateConfig,
)
from swarm_core.api.states import is_agent_owned
from swarm_core.api.timestamps import timestamp
from swarm_core.client.control import Control
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.rules.rollout import is_going, is_paused
from swarm_core.runtime.tasks import Group
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import GIB, make_cluster, make_node, make_resources, make_service, make_task_spec
from swarm_testkit.manual_clock import ManualClock, settle
from swarm_testkit.node_logs import LogLines
from swarm_testkit.sole_manager import CommitLog, ScriptedRaft, SoleManager
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import create, nodes, remove, scale, update
from swarm_tui.operations.forecast.changed import changed
from swarm_tui.operations.forecast.model import Forecast
from swarm_tui.operations.forecast.play import forecast
from swarm_tui.operations.model import Plan, apply
from swarm_tui.resources import services as service_kind

LOOPS = (ReplicatedOrchestrator, GlobalOrchestrator, TaskReaper, ConstraintEnforcer, Scheduler)
SEEDS, PLANS = range(20), 25  # 500 plans
NAMES = ("alpha", "beta", "gamma", "delta")
ROUNDS_MAX = 400


class World:
    """A manager, its nodes and agents."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = ManualClock()
        self.raft = ScriptedRaft()
        self.manager = SoleManager(CommitLog(10), self.clock, random.Random(seed), self.raft, LogLines())
        self.store = self.manager.store
        self.control = Control(self.manager.connection())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        def fill(transaction: Transaction) -> None:
            transaction.create(make_cluster("cluster"))
            for number in range(self.rng.randint(3, 6)):
                transaction.create(self._node(number))

        async with self.manager.reached("Control"), Group() as group:
            await self.store.update(fill)
            for number, loop in enumerate(LOOPS):
                work = loop(store=self.store, clock=self.clock, rng=random.Random(number)).run()
                group.spawn(work, name="loop")
            await settle()
            yield
            group.cancel_all()

    def _node(self, number: int) -> Node:
        is_manager = number < 3
        node = make_node(
            f"n{number}",
            hostname=f"h{number}",
            role="MANAGER" if is_manager else "WORKER",
            labels={"zone": self.rng.choice(("east", "west"))},
            resources=make_resources(cpus=4, memory=self.rng.randint(4, 8) * GIB),
        )
        if is_manager:
            self._joined(node, number + 1)
        return node

    def _joined(self, node: Node, raft_id: int) -> None:
        member = self.raft.managers.setdefault(node.id, type(node.manager_status)())
        member.raft_id, member.leader = raft_id, raft_id == 1
        member.reachability = RaftMemberStatus.REACHABLE

    def view(self) -> Snapshot:
        return Snapshot(
            [*self._nodes(), *self.store.find(Service), *self.store.find(Task), *self.store.find(Cluster)]
        )

    def _nodes(self) -> Iterable[Node]:
        for held in self.store.find(Node):
            node = Node()
            node.CopyFrom(held)
            if node.id in self.raft.managers:
                node.manager_status.CopyFrom(self.raft.managers[node.id])
            yield node

    # -- agents ------------------------------------------------------------------------------------

    async def come_to_rest(self) -> None:
        """Agents do what they are asked, and time passes, until nothing moves any more."""
        quiet = 0
        for _ in range(ROUNDS_MAX):
            reports = [
                (task.id, state) for task in self.store.find(Task) if (state := _next(task)) is not None
            ]
            if reports:
                await self._report(reports)
                quiet = 0
            else:
                quiet += 1
            if quiet == 3:
                return
            await self.clock.advance(6)
        raise AssertionError("the cluster does not come to rest")

    async def _report(self, reports: list[tuple[str, "TaskState.ValueType"]]) -> None:
        def write(transaction: Transaction) -> None:
            for id_, state in reports:
                held = transaction.get(Task, id_)
                assert held is not None
                task = Task()
                task.CopyFrom(held)
                task.status.state = state
                task.status.timestamp.CopyFrom(timestamp(self.clock.wall_ns()))
                transaction.update(task)

        await self.store.update(write)
        await settle()

    # -- plans -------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """A random one."""
        view, rng = self.view(), self.rng
        services, node_ids = (
            sorted(one.id for one in view.objects(Service)),
            sorted(one.id for one in view.objects(Node)),
        )
        taken = {one.spec.annotations.name for one in view.objects(Service)}
        free = [name for name in NAMES if name not in taken]
        kinds = (
            ["node", "label"]
            + (["scale", "update", "restart", "remove", "rollback"] * 2 if services else [])
            + (["create"] * 8 if free else [])
            + ["role"]
        )
        kind, service = rng.choice(kinds), rng.choice(services) if services else ""
        node = rng.choice(node_ids)
        if kind == "create":
            return create.plan(Service, self._spec(rng.choice(free)))
        if kind == "scale":
            replicated = [one.id for one in view.objects(Service) if one.spec.HasField("replicated")]
            if replicated:
                return scale.plan(view, [rng.choice(replicated)], scale.Amount("=", rng.randint(0, 10)))
        if kind == "update" and service:
            return update.plan(view, [service], self._edit())
        if kind == "restart" and service:
            return update.restart(view, [service])
        if kind == "rollback" and service:
            held = view.get(Service, service)
            if held is not None and held.HasField("previous_spec"):
                return update.rollback(view, [service])
        if kind == "remove" and service:
            return remove.plan(view, service_kind.KIND, [service])
        if kind == "label":
            return nodes.plan(view, [node], nodes.Edit(labels_put={"zone": rng.choice(("east", "west"))}))
        if kind == "role":
            return nodes.role(
                view,
                [rng.choice([one for one in node_ids if one != "n0"])],
                rng.choice(("manager", "worker")),
            )
        return nodes.availability(view, [node], rng.choice(("active", "active", "pause", "drain")))

    def _spec(self, name: str) -> ServiceSpec:
        rng = self.rng
        task = make_task_spec(
            constraints=["node.labels.zone==east"] if rng.random() < 0.3 else (),
            spread=["node.labels.zone"] if rng.random() < 0.3 else (),
            max_replicas=rng.choice((0, 0, 0, 2)),
            reservations=make_resources(memory=rng.randint(0, 2) * GIB),
        )
        spec = make_service(
            name=name, replicas=rng.randint(0, 8), is_global=rng.random() < 0.2, task=task
        ).spec
        spec.update.parallelism = rng.choice((0, 1, 1, 2))
        spec.update.order = rng.choice((UpdateConfig.STOP_FIRST, UpdateConfig.START_FIRST))
        spec.rollback.CopyFrom(spec.update)
        return spec

    def _edit(self):  # type: ignore[no-untyped-def]
        number, memory = self.rng.randint(1, 9), self.rng.randint(0, 3) * GIB
        is_placement = self.rng.random() < 0.2

        def edit(spec: ServiceSpec) -> None:
            if is_placement:
                spec.task.placement.constraints[:] = ["node.labels.zone==west"]
                return
            spec.task.container.image = f"nginx:{number}"
            spec.task.resources.reservations.memory_bytes = memory

        return edit

    async def carry_out(self, plan: Plan) -> bool:
        """Whether everything of it was done."""
        outcomes = [outcome async for outcome in apply(plan, self.control)]
        await self._change_roles()
        return not any(outcome.is_error for outcome in outcomes)

    async def _change_roles(self) -> None:
        """What role manager and nodes would do: who is to be a manager joins raft, and who is not leaves it."""

        def write(transaction: Transaction) -> None:
            for held in transaction.find(Node):
                if held.role != held.spec.desired_role:
                    node = Node()
                    node.CopyFrom(held)
                    node.role = node.spec.desired_role
                    transaction.update(node)

        await self.store.update(write)
        for node in self.store.find(Node):
            if node.role == MANAGER:
                self._joined(node, int(node.id[1:]) + 1)
            else:
                self.raft.managers.pop(node.id, None)
        await settle()


def _next(task: Task) -> "TaskState.ValueType | None":
    state = task.status.state
    if not is_agent_owned(state):
        return None
    if task.desired_state > RUNNING:
        return SHUTDOWN
    return RUNNING if ASSIGNED <= state < RUNNING and task.desired_state == RUNNING else None


def _running(view: Snapshot) -> Counter[str]:
    return Counter(
        task.service_id for task in view.objects(Task) if task.status.state == task.desired_state == RUNNING
    )


def _waits(view: Snapshot) -> Counter[str]:
    return Counter(
        task.service_id
        for task in view.objects(Task)
        if task.status.state == PENDING and task.desired_state <= RUNNING
    )


def _new(before: Snapshot, after: Snapshot, service_ids: set[str]) -> Counter[str]:
    """New tasks by node, of these services, however they fared afterwards."""
    known = {task.id for task in before.objects(Task)}
    return Counter(
        task.node_id
        for task in after.objects(Task)
        if task.id not in known
        and task.node_id
        and task.service_id in service_ids
        and task.status.state == RUNNING
    )


def _is_stuck(view: Snapshot) -> bool:
    """Whether a rollout of before waits for room or for a person: how it goes on beside the plan is not foretold."""
    return any(is_going(service) or is_paused(service) for service in view.objects(Service))


def _compare(said: Forecast, plan: Plan, before: Snapshot, after: Snapshot) -> list[str]:
    """What was said and is not so."""
    wrong: list[str] = []

    def check(what: str, foretold: object, happened: object) -> None:
        if foretold != happened:
            wrong.append(f"{plan.title}: {what}: said {foretold}, was {happened}")

    names = {one.spec.annotations.name: one.id for view in (before, after) for one in view.objects(Service)}
    ran, runs, waits = _running(before), _running(after), _waits(after)
    for course in said.services:
        id_ = names[course.name]
        check(f"running {course.name} before", course.now, ran[id_])
        check(f"running {course.name}", course.end, runs[id_])
    told = {course.name for course in said.services}
    for name, id_ in names.items():
        if name not in told and not said.relieved:
            check(f"running {name}, of which nothing was told", ran[id_], runs[id_])
    for homeless in said.homeless:
        check(f"{homeless.service} finds no node", True, waits[names[homeless.service]] > 0)
    if not said.homeless and not _waits(before):
        check("all find a node", 0, sum(waits.values()))
    managers = sum(node.spec.desired_role == MANAGER for node in after.objects(Node))
    if said.managers is not None:
        check("managers", said.managers.after, managers)
    else:
        check("managers", sum(node.spec.desired_role == MANAGER for node in before.objects(Node)), managers)
    if not _waits(before):
        of = {id_ for name, id_ in names.items() if name in told}
        hosts = {node.id: node.description.hostname for node in after.objects(Node)}
        landed = {hosts[id_]: count for id_, count in _new(before, after, of).items()}
        check("landing", dict(said.landing), landed)
        # A new slot may be one of those without a node; a slot whose task is replaced has one.
        new, most = sum(landed.values()), said.restarts + said.starts
        check("restarts, and starts where they find a node", True, said.restarts <= new <= most)
        if not said.homeless:
            check("restarts and starts", most, new)
    return wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_said_is_what_happens(seed: int) -> None:
    """3.15.1, 3.15.5: landing by node, restarts, failures to fit, final replicas and managers of random plans are as they were foretold."""

    async def live() -> list[str]:
        world, wrong, counted = World(seed), [], 0
        async with world.running():
            while counted < PLANS:
                plan = world.plan()
                before = world.view()
                said = forecast(before, changed(plan, before))
                is_done = await world.carry_out(plan)
                await world.come_to_rest()
                if is_done and not _is_stuck(before):
                    counted += 1
                    wrong += _compare(said, plan, before, world.view())
        return wrong

    wrong = asyncio.run(live())
    assert not wrong, "\n".join(wrong)
