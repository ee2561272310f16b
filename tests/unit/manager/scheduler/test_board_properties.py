"""The scheduler under any order of events (docs/design/scheduling.md 3.3 to 3.11).

The machine plays the store and everybody who writes to it. What it asserts it computes anew from the objects, never from the
board's own sums.
"""

from collections import Counter
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    PENDING,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    NodeStatus,
    Resources,
)
from swarm_core.manager.scheduler.board import Board
from swarm_core.manager.scheduler.decisions import Assign, Close, Decision
from swarm_core.rules.placement.explain import Refusals, no_suitable_node
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.matrix import Matrix
from swarm_core.rules.placement.node_info import FAILURES_MAX, survey
from swarm_testkit.factories import GIB, make_node, make_resources, make_service, make_task, make_task_spec
from swarm_testkit.manual_clock import ManualClock

NODE_IDS = ("a", "b", "c", "d")
RESOURCES = st.builds(
    make_resources,
    cpus=st.integers(0, 4),
    memory=st.integers(0, 4).map(lambda count: count * GIB),
    generic=st.sampled_from([{}, {"gpu": 3}, {"gpu": ["x", "y", "z"]}]),
)
SPECS = st.builds(
    make_task_spec,
    constraints=st.sampled_from([[], [], ["node.labels.zone==east"], ["node.labels.zone!=east"]]),
    spread=st.sampled_from([[], [], ["node.labels.zone"]]),
    max_replicas=st.sampled_from([0, 0, 1, 2]),
    reservations=st.one_of(
        st.none(),
        st.builds(
            make_resources,
            cpus=st.integers(0, 2),
            memory=st.integers(0, 2).map(lambda count: count * GIB),
            generic=st.sampled_from([{}, {"gpu": 1}, {"gpu": 2}]),
        ),
    ),
)
PORTS = st.sampled_from([(), (), (), (("TCP", 80),), (("TCP", 443), ("UDP", 80))])


def holds(task: Task) -> bool:
    return ASSIGNED <= task.status.state <= RUNNING


def is_active(task: Task) -> bool:
    return task.desired_state <= COMPLETE


class Cluster(RuleBasedStateMachine):
    """Nodes and tasks as stored, and a board that hears of each change."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board(ManualClock())
        self.nodes: dict[str, Node] = {}
        self.tasks: dict[str, Task] = {}
        self.services: list[tuple[Service, tuple[tuple[str, int], ...]]] = []
        self.failures: Counter[tuple[str, str]] = Counter()
        self.is_planned = False
        self.version = 0

    # what happens

    @initialize()
    def begin(self) -> None:
        self.put_node("a", make_resources(cpus=4, memory=4 * GIB), "east")

    @rule(id_=st.sampled_from(NODE_IDS), resources=RESOURCES, zone=st.sampled_from(["east", "west", ""]))
    def put_node(self, id_: str, resources: Resources, zone: str) -> None:
        self._store_node(make_node(id_, resources=resources, labels={"zone": zone} if zone else {}))

    @rule(
        id_=st.sampled_from(NODE_IDS),
        state=st.sampled_from(["READY", "READY", "DOWN", "UNKNOWN"]),
        availability=st.sampled_from(["ACTIVE", "ACTIVE", "PAUSE", "DRAIN"]),
    )
    def turn_node(self, id_: str, state: str, availability: str) -> None:
        if id_ in self.nodes:
            node = Node()
            node.CopyFrom(self.nodes[id_])
            node.status.state = NodeStatus.State.Value(state)
            node.spec.availability = NodeSpec.Availability.Value(availability)
            self._store_node(node)

    @rule(id_=st.sampled_from(NODE_IDS))
    def remove_node(self, id_: str) -> None:
        if self.nodes.pop(id_, None) is not None:
            # As the removal of a node does: its tasks are gone with it.
            for task in [one for one in self.tasks.values() if one.node_id == id_]:
                self._delete_task(task)
            self.board.node_removed(id_)
            self.is_planned = False

    @rule(spec=SPECS, ports=PORTS)
    def new_service(self, spec: object, ports: tuple[tuple[str, int], ...]) -> None:
        self.services.append((make_service(task=spec), ports))  # type: ignore[arg-type]

    @precondition(lambda self: self.services)
    @rule(which=st.integers(0), count=st.integers(1, 6), node_id=st.sampled_from([*NODE_IDS, "", "", "", ""]))
    def new_tasks(self, which: int, count: int, node_id: str) -> None:
        """`node_id`: as a global service makes them."""
        service, ports = self.services[which % len(self.services)]
        for _ in range(count):
            task = make_task(service=service, state="PENDING", node_id=node_id, host_ports=ports)
            self._store_task(task, lambda task: None)

    @precondition(lambda self: self.tasks)
    @rule(which=st.integers(0), state=st.sampled_from([RUNNING, COMPLETE, FAILED, SHUTDOWN]))
    def report(self, which: int, state: int) -> None:
        task = self._any_task(which)
        if ASSIGNED <= task.status.state < state:
            if state == FAILED:
                self.failures[task.node_id, task.service_id] += 1

            def change(new: Task) -> None:
                new.status.state = state  # type: ignore[assignment]

            self._store_task(task, change)

    @precondition(lambda self: self.tasks)
    @rule(which=st.integers(0), desired=st.sampled_from([SHUTDOWN, REMOVE]))
    def unwant(self, which: int, desired: int) -> None:
        task = self._any_task(which)
        if task.desired_state < desired:

            def change(new: Task) -> None:
                new.desired_state = desired  # type: ignore[assignment]

            self._store_task(task, change)

    @precondition(lambda self: self.tasks)
    @rule(which=st.integers(0))
    def delete(self, which: int) -> None:
        self._delete_task(self._any_task(which))

    @rule(refused=st.sets(st.integers(0, 12)))
    def plan(self, refused: set[int]) -> None:
        """Decide; some decisions may not be written, as when an object changed meanwhile."""
        decisions = self.board.plan()
        assert len({decision.task.id for decision in decisions}) == len(decisions)
        for decision in decisions:
            assert self.tasks[decision.task.id] is decision.task
            assert decision.task.status.state == PENDING
        written = [decision for number, decision in enumerate(decisions) if number not in refused]
        for number, decision in enumerate(decisions):
            if number in refused:
                self.board.refused(decision)
            else:
                self._write(decision)
        for decision in written:
            if isinstance(decision, Assign):
                self._check_room(self.tasks[decision.task.id])
        if len(written) == len(decisions):
            self._check_even([one for one in written if isinstance(one, Assign)])
        self.is_planned = not decisions

    # what must hold

    @invariant()
    def nothing_is_left_undone(self) -> None:
        """When the board has nothing to decide, no node fits a waiting task, and each says why in the right numbers."""
        if not self.is_planned:
            return
        infos = survey(self.nodes.values(), self.tasks.values())
        for task in self.tasks.values():
            if task.status.state != PENDING or not is_active(task):
                assert task.status.state != PENDING or task.desired_state == REMOVE
                continue
            pipeline = Pipeline(task)
            asked = [infos[task.node_id]] if task.node_id in infos else [] if task.node_id else infos.values()
            assert not Matrix.of(pipeline, asked).fitting
            if not task.node_id:
                assert task.status.err == no_suitable_node(Refusals(pipeline, asked))
            elif asked:
                assert task.status.err == str(Refusals(pipeline, asked))

    def _check_room(self, placed: Task) -> None:
        """What `placed` asks for is not given out more often than it is there."""
        node = self.nodes[placed.node_id]
        described, wanted = node.description.resources, placed.spec.resources.reservations
        here = [task for task in self.tasks.values() if task.node_id == node.id and holds(task)]
        if wanted.nano_cpus:
            assert sum(t.spec.resources.reservations.nano_cpus for t in here) <= described.nano_cpus
        if wanted.memory_bytes:
            assert sum(t.spec.resources.reservations.memory_bytes for t in here) <= described.memory_bytes
        names = [
            item.named_resource_spec.value
            for item in described.generic
            if item.HasField("named_resource_spec")
        ]
        count = sum(item.discrete_resource_spec.value for item in described.generic)
        asked = sum(item.discrete_resource_spec.value for item in wanted.generic)
        given = placed.assigned_generic_resources
        if names and asked:
            held = Counter(i.named_resource_spec.value for t in here for i in t.assigned_generic_resources)
            mine = [item.named_resource_spec.value for item in given]
            assert len(mine) == asked
            assert all(held[name] == 1 and name in names for name in mine)
        elif asked:
            held_count = sum(
                i.discrete_resource_spec.value for t in here for i in t.assigned_generic_resources
            )
            assert sum(item.discrete_resource_spec.value for item in given) == asked
            assert held_count <= count
        ports = Counter((p.protocol, p.published_port) for t in here for p in t.endpoint.ports)
        assert all(ports[port.protocol, port.published_port] == 1 for port in placed.endpoint.ports)
        if limit := placed.spec.placement.max_replicas:
            assert sum(t.service_id == placed.service_id and is_active(t) for t in here) <= limit

    def _check_even(self, placed: list[Assign]) -> None:
        """Without preferences nobody was given one more task of a service while a node that still fits had fewer."""
        infos = survey(self.nodes.values(), self.tasks.values())
        for decision in placed:
            task, node_id = self.tasks[decision.task.id], decision.node.id
            if task.spec.placement.preferences or decision.task.node_id:
                continue
            if any(self.failures[one, task.service_id] >= FAILURES_MAX for one in self.nodes):
                continue
            own = self._own(task.service_id)
            fitting = [info for info in infos.values() if Pipeline(task).passes(info)]
            assert all(own[node_id] <= own[info.id] + 1 for info in fitting)

    def _own(self, service_id: str) -> Counter[str]:
        return Counter(
            task.node_id
            for task in self.tasks.values()
            if task.service_id == service_id and holds(task) and is_active(task)
        )

    # the store

    def _any_task(self, which: int) -> Task:
        return list(self.tasks.values())[which % len(self.tasks)]

    def _store_node(self, node: Node) -> None:
        self.version += 1
        node.meta.version.index = self.version
        self.nodes[node.id] = node
        self.board.node_changed(node)
        self.is_planned = False

    def _store_task(self, old: Task, change: Callable[[Task], None]) -> None:
        task = Task()
        task.CopyFrom(old)
        change(task)
        self.tasks[task.id] = task
        self.board.task_changed(task)
        self.is_planned = False

    def _delete_task(self, task: Task) -> None:
        del self.tasks[task.id]
        self.board.task_removed(task)
        self.is_planned = False

    def _write(self, decision: Decision) -> None:
        def change(task: Task) -> None:
            if isinstance(decision, Assign):
                task.node_id = decision.node.id
                task.assigned_generic_resources.extend(decision.items)
                task.status.CopyFrom(decision.status)
            elif isinstance(decision, Close):
                task.status.CopyFrom(decision.status)
            else:
                task.status.err = decision.status.err

        self._store_task(decision.task, change)


TestScheduler = Cluster.TestCase
TestScheduler.settings = settings(max_examples=100, stateful_step_count=40)
