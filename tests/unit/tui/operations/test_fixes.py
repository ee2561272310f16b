"""The nearest fixes of what waits or fails (docs/design/plans.md 13.4): carried out, they mend it."""

from collections.abc import Callable

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_testkit.cluster_fake import START_NS, FakeCluster
from swarm_testkit.factories import make_node, make_resources, make_service, make_task
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations.fixes import Fix, fixes
from swarm_tui.operations.model import apply
from swarm_tui.resources.why.placement import Places
from swarm_tui.resources.why.services import explain

Node, Service, Task = objects_pb2.Node, objects_pb2.Service, objects_pb2.Task
Change = Callable[[FakeCluster], object]


def a_cluster() -> FakeCluster:
    """A service whose one task finds no node yet; two workers of 4 CPUs and 8 GiB."""
    resources = make_resources(cpus=4, memory=8 << 30)
    nodes = [make_node(id_, hostname=id_, state="READY", resources=resources) for id_ in ("w1", "w2")]
    service = make_service("s", name="web", replicas=1)
    task = make_task("t", service=service, slot=1, state="PENDING")
    return FakeCluster([*nodes, service, task])


def view_of(fake: FakeCluster) -> Snapshot:
    return Snapshot([item for kind in (Node, Service, Task) for item in fake.all(kind)])


def found(fake: FakeCluster) -> list[Fix]:
    view, service = view_of(fake), fake.get(Service, "s")
    for task in fake.all(Task):
        if task.id == "t":
            # As the orchestrator makes it of the spec.
            fake.update(Task, "t", lambda one: one.spec.CopyFrom(service.spec.task))
    view = view_of(fake)
    return fixes(service, explain(service, view, START_NS), view)


def _disk(fake: FakeCluster) -> None:
    fake.update(Service, "s", lambda one: one.spec.task.placement.constraints.append("node.labels.disk==ssd"))


def _drained(fake: FakeCluster) -> None:
    for id_ in ("w1", "w2"):
        fake.update(Node, id_, lambda one: setattr(one.spec, "availability", one.spec.DRAIN))


def _large(fake: FakeCluster) -> None:
    reserve = make_service("x").spec.task.resources.reservations
    reserve.memory_bytes, reserve.nano_cpus = 16 << 30, 6 * 10**9
    fake.update(Service, "s", lambda one: one.spec.task.resources.reservations.CopyFrom(reserve))


def _one_per_node(fake: FakeCluster) -> None:
    fake.update(Service, "s", lambda one: setattr(one.spec.task.placement, "max_replicas", 1))
    service = fake.get(Service, "s")
    for slot, node in enumerate(("w1", "w2"), 2):
        fake.put(make_task(f"t{slot}", service=service, slot=slot, node_id=node, state="RUNNING"))


def _both(fake: FakeCluster) -> None:
    _disk(fake)
    _drained(fake)


CASES: list[tuple[Change, str]] = [
    (_disk, "label w1 disk=ssd → room on w1"),
    (_drained, "activate w1 → room on w1"),
    (_large, "reserve 16 GiB → 8 GiB and 6 → 4 CPUs → room on w1"),
    (_one_per_node, "allow 2 replicas per node → room on w1"),
    (_both, "activate w1 and label w1 disk=ssd → room on w1"),
]


@pytest.mark.parametrize("number", range(len(CASES)))
async def test_a_fix_makes_room(number: int) -> None:
    """13.4.2: no node fits before, and one does once the plan of the fix is carried out."""
    change, text = CASES[number]
    fake = a_cluster()
    change(fake)
    (fix, *_) = found(fake)
    assert fix.text == text
    assert not Places(view_of(fake)).one_more(fake.get(Service, "s")).fitting
    outcomes = [outcome async for outcome in apply(fix.plan, Control(fake))]
    assert [outcome.is_error for outcome in outcomes] == [False]
    assert [one.name for one in Places(view_of(fake)).one_more(fake.get(Service, "s")).fitting]


def test_a_machine_that_is_away_is_no_fix() -> None:
    """13.4.2: what only a person at a machine can mend is not offered."""
    fake = a_cluster()
    for id_ in ("w1", "w2"):
        fake.update(Node, id_, lambda one: setattr(one.status, "state", types_pb2.NodeStatus.DOWN))
    assert found(fake) == []


def test_where_a_node_fits_there_is_nothing_to_fix() -> None:
    """13.4.2: a task that is about to be placed needs no fix."""
    assert found(a_cluster()) == []


def test_the_nearest_node_stands_for_those_that_lack_the_same() -> None:
    """13.4.2: one fix for each set of refusals, the nearest node first."""
    fake = a_cluster()
    _disk(fake)
    fake.update(Node, "w1", lambda one: setattr(one.spec, "availability", one.spec.DRAIN))
    assert [fix.text for fix in found(fake)] == [
        "label w2 disk=ssd → room on w2",
        "activate w1 and label w1 disk=ssd → room on w1",
    ]


def test_a_paused_update_goes_back() -> None:
    """13.4.2: where an update is paused the spec before is a fix; a rollback that is paused has none."""
    fake = a_cluster()

    def pause(state: int) -> None:
        def change(one: Service) -> None:
            one.previous_spec.CopyFrom(one.spec)
            one.update_status.state = state  # type: ignore[assignment]

        fake.update(Service, "s", change)

    pause(types_pb2.UpdateStatus.PAUSED)
    assert [fix.text for fix in found(fake)] == ["roll web back to the spec before"]
    pause(types_pb2.UpdateStatus.ROLLBACK_PAUSED)
    assert found(fake) == []
