"""The checkers of nodes, volumes and waiting tasks see what they are for: each rule is broken once."""

import pytest
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import VolumeAccessMode, VolumeAttachment
from swarm_core.store.events import Created, Event, Updated
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import (
    make_cluster_mount,
    make_host_port,
    make_node,
    make_resources,
    make_service,
    make_task,
    make_task_spec,
    make_volume,
)
from swarm_testkit.manual_clock import ManualClock
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.place_checkers import PlaceLedger
from swarm_testkit.simulation.trace import Trace
from swarm_testkit.simulation.waiting import PATIENCE_S, SILENT_S, WaitingTasks


class Watch:
    """A ledger that takes one entry after the other."""

    def __init__(self) -> None:
        self.findings = Findings(Trace(lambda: 0.0, keep_all=True))
        self._ledger = PlaceLedger(self.findings)

    def entry(self, *events: Event) -> list[str]:
        """What was found until after this entry."""
        for event in events:
            self._ledger.take(event)
        self._ledger.entry_ends()
        return self.findings.texts


def created(*items: object) -> list[Event]:
    return [Created(item, b"") for item in items]  # type: ignore[arg-type]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def placed(id_: str, node: str = "n", **more: object) -> Task:
    """A task that has just come to a node."""
    return make_task(id_, node_id=node, state="ASSIGNED", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["cpus", "memory"])
def test_too_much_on_a_node(watch: Watch, kind: str) -> None:
    """Rule 1: what counts on a node reserves no more than it has."""
    node = make_node("n", resources=make_resources(cpus=1, memory=1 << 30))
    one = make_resources(cpus=1) if kind == "cpus" else make_resources(memory=1 << 30)
    tasks = [placed(id_, spec=make_task_spec(reservations=one)) for id_ in "ab"]
    assert not watch.entry(*created(node, tasks[0]))
    assert watch.entry(*created(tasks[1]))


def test_port_of_a_node_twice(watch: Watch) -> None:
    """Rule 2: a port in mode host has one task on a node, until that has ended."""
    tasks = [placed(id_) for id_ in "abc"]
    for task in tasks:
        task.endpoint.ports.append(make_host_port(8080))
    assert not watch.entry(*created(make_node("n"), make_node("m"), tasks[0]))
    tasks[2].node_id = "m"
    assert not watch.entry(*created(tasks[2]))
    ended = make_task("a", node_id="n", state="FAILED")
    assert not watch.entry(Updated(ended, tasks[0], b""), *created(tasks[1]))
    assert watch.entry(*created(tasks[0]))


def test_wrong_node(watch: Watch) -> None:
    """Rule 3: a task comes to a node that meets its constraints, not to one that met them once."""
    node = make_node("n")
    spec = make_task_spec()
    spec.placement.constraints.append("node.labels.disk==ssd")
    other = make_node("n")
    other.spec.annotations.labels["disk"] = "ssd"
    task = placed("a", spec=spec)
    assert not watch.entry(*created(other, task))
    assert not watch.entry(Updated(node, other, b""))
    assert watch.entry(*created(placed("b", spec=spec)))


def test_too_many_of_a_service(watch: Watch) -> None:
    """Rule 3: no more active tasks of a service come to a node than may be there; one that is to stop does not count."""
    spec = make_task_spec()
    spec.placement.max_replicas = 1
    service = make_service("s", task=spec)
    first = placed("a", spec=spec, service=service)
    assert not watch.entry(*created(make_node("n"), first))
    stopping = make_task("a", node_id="n", state="RUNNING", desired="SHUTDOWN", spec=spec, service=service)
    assert not watch.entry(Updated(stopping, first, b""), *created(placed("b", spec=spec, service=service)))
    assert watch.entry(*created(placed("c", spec=spec, service=service)))


@pytest.mark.parametrize(
    ("limits", "is_wrong"),
    [((1, 2), False), ((2, 1), False), ((1, 0), False), ((1, 1), True), ((1, 2, 2), True)],
)
def test_tasks_of_two_specs_come_at_once(watch: Watch, limits: tuple[int, ...], is_wrong: bool) -> None:
    """Rule 3: with one entry they may come in any order, in which each finds a place that its own limit gives; the entry's order of events says nothing."""
    tasks = []
    for at, limit in enumerate(limits):
        spec = make_task_spec()
        spec.placement.max_replicas = limit
        tasks.append(placed(f"t{at}", spec=spec, service=make_service("s", task=spec)))
    assert bool(watch.entry(*created(make_node("n"), *tasks))) is is_wrong


@pytest.mark.parametrize(
    ("scope", "sharing", "readonly", "nodes", "is_wrong"),
    [
        ("SINGLE_NODE", "ALL", False, "nn", False),
        ("SINGLE_NODE", "ALL", False, "nm", True),
        ("MULTI_NODE", "ALL", False, "nm", False),
        ("MULTI_NODE", "NONE", True, "nm", True),
        ("MULTI_NODE", "ONE_WRITER", False, "nm", True),
        ("MULTI_NODE", "ONE_WRITER", True, "nm", False),
    ],
)
def test_volume_used_too_often(
    watch: Watch, scope: str, sharing: str, readonly: bool, nodes: str, is_wrong: bool
) -> None:
    """Rule 4: scope and sharing say who may use a volume at a time."""
    volume = make_volume("v")
    volume.spec.access_mode.scope = VolumeAccessMode.Scope.Value(scope)
    volume.spec.access_mode.sharing = VolumeAccessMode.Sharing.Value(sharing)
    tasks = []
    for at, node in enumerate(nodes):
        spec = make_task_spec()
        # One that writes, and another that does so or not.
        is_readonly = readonly and at > 0
        spec.container.mounts.append(make_cluster_mount("data", readonly=is_readonly))
        task = placed(f"t{at}", node, spec=spec)
        task.volumes.append(VolumeAttachment(id="v", source="data", target="/data"))
        tasks.append(task)
    assert not watch.entry(*created(make_node("n"), make_node("m"), volume, tasks[0]))
    assert bool(watch.entry(*created(tasks[1]))) is is_wrong


@pytest.mark.parametrize(("reason", "is_silent"), [("", True), ("no suitable node", False)])
async def test_silent_wait(reason: str, is_silent: bool) -> None:
    """A task that waits without a word is found; one that says why is helped in the end, and a new leader's time begins anew."""
    clock = ManualClock()
    findings = Findings(Trace(lambda: 0.0, keep_all=True))
    waiting = WaitingTasks(findings, clock.monotonic)
    store = MemoryStore(clock=clock)
    task = make_task("t", service=make_service("s"), state="PENDING")
    task.status.err = reason
    await store.update(lambda tx: tx.create(task))
    assert not waiting.look("m1", store)
    await clock.advance(SILENT_S + 1)
    waiting.look("m2", store)
    assert not findings.texts
    await clock.advance(PATIENCE_S + 1)
    assert waiting.look("m2", store) == {"s"}
    assert bool(findings.texts) is is_silent
