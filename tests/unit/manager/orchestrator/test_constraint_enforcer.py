"""The constraint enforcer (docs/design/orchestration.md 2.8)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import REJECTED, RUNNING, Resources, TaskState
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.rules.placement.offenders import offenders
from swarm_testkit.factories import GIB, make_node, make_resources, make_service, make_task, make_task_spec
from swarm_testkit.leader import Leader


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    leader = Leader()
    async with leader.running(ConstraintEnforcer):
        yield leader


def east_only(name: str = "s") -> Service:
    return make_service(name, task=make_task_spec(constraints=["node.labels.zone==east"]))


def sent_away(node: Node, tasks: list[Task], *services: Service) -> list[str]:
    known = {service.id: service for service in services}
    return [task_id for task_id, _ in offenders(node, tasks, known.get)]


async def test_label_change_rejects(leader: Leader) -> None:
    """2.8.4: a task whose service's constraints no longer match is REJECTED, its desired state untouched."""
    await leader.put(east_only(), make_node("n", labels={"zone": "east"}))
    await leader.put(make_task("t", service=east_only(), node_id="n", state="RUNNING"))
    await leader.clock.advance(7)
    await leader.put(make_node("n", labels={"zone": "west"}))
    task = leader.task("t")
    assert (task.status.state, task.desired_state) == (REJECTED, RUNNING)
    assert task.status.message
    assert task.status.err
    assert task.status.timestamp.seconds * 10**9 == leader.clock.wall_ns()


async def test_start_up() -> None:
    """2.8: at the start all nodes are looked at."""
    leader = Leader()
    await leader.put(east_only(), make_node("n"))
    await leader.put(make_task("t", service=east_only(), node_id="n", state="RUNNING"))
    async with leader.running(ConstraintEnforcer):
        assert leader.task("t").status.state == REJECTED


async def test_readiness_alone_changes_nothing(leader: Leader) -> None:
    """10.2: a node that comes and goes is not looked at again; when it becomes ACTIVE it is."""
    await leader.put(east_only(), make_node("n", availability="PAUSE"))
    await leader.put(make_task("t", service=east_only(), node_id="n", state="RUNNING"))
    await leader.set_node("n", state="DOWN", availability="PAUSE")
    assert leader.task("t").status.state == RUNNING
    await leader.set_node("n")
    assert leader.task("t").status.state == REJECTED


@pytest.mark.parametrize(
    ("desired", "state", "goes"),
    [
        ("RUNNING", "PENDING", True),
        ("RUNNING", "RUNNING", True),
        ("READY", "ASSIGNED", True),
        ("COMPLETE", "RUNNING", True),
        ("SHUTDOWN", "RUNNING", False),
        ("REMOVE", "RUNNING", False),
        ("RUNNING", "COMPLETE", False),
        ("RUNNING", "FAILED", False),
    ],
)
def test_which_tasks_are_subject(desired: str, state: str, goes: bool) -> None:
    """2.8: tasks that are wanted and have not ended."""
    task = make_task("t", service=east_only(), desired=desired, state=state)
    assert sent_away(make_node(), [task], east_only()) == (["t"] if goes else [])


@pytest.mark.parametrize("availability", ["PAUSE", "DRAIN"])
def test_only_active_nodes(availability: str) -> None:
    """2.8: nodes that are not ACTIVE are skipped."""
    task = make_task("t", service=east_only(), state="RUNNING")
    assert sent_away(make_node(availability=availability), [task], east_only()) == []


def test_the_service_decides() -> None:
    """2.8: the service's current constraints count, the task's own only when the service is gone."""
    task = make_task("t", service=east_only(), state="RUNNING")
    assert sent_away(make_node(), [task], make_service("s")) == []
    assert sent_away(make_node(), [task]) == ["t"]
    free = make_task("t", service=make_service("s"), state="RUNNING")
    assert sent_away(make_node(), [free], east_only()) == ["t"]


def reserving(name: str, resources: Resources, *, created: int) -> Task:
    spec = make_task_spec(reservations=resources)
    return make_task(name, spec=spec, state="RUNNING", created_ns=created)


def test_the_newest_go_on_shortage() -> None:
    """2.8 (fix): when memory or CPU do not suffice the oldest tasks stay."""
    node = make_node(resources=make_resources(cpus=2, memory=4 * GIB))
    tasks = [
        reserving("newest", make_resources(cpus=1), created=3),
        reserving("middle", make_resources(cpus=1, memory=3 * GIB), created=2),
        reserving("oldest", make_resources(cpus=1, memory=2 * GIB), created=1),
    ]
    assert sent_away(node, tasks) == ["middle"]
    assert sent_away(node, list(reversed(tasks))) == ["middle"]


def test_node_without_description_is_not_judged() -> None:
    """2.8: what the node has not described cannot be short."""
    node = make_node()
    node.ClearField("description")
    assert sent_away(node, [reserving("t", make_resources(cpus=1), created=1)]) == []


def test_generic_resources_must_still_be_there() -> None:
    """2.8 (fix): a missing item sends its task away and nobody else; others are examined all the same."""
    node = make_node(resources=make_resources(generic={"gpu": ["b", "c"], "ssd": 2}))
    claims = [{"gpu": ["a"]}, {"gpu": ["b"]}, {"ssd": 2}, {"ssd": 1}, {"gpu": ["c"]}]
    tasks = [
        make_task(f"t{i}", state="RUNNING", created_ns=i + 1, generic=make_resources(generic=claim))  # type: ignore[arg-type]
        for i, claim in enumerate(claims)
    ]
    assert sent_away(node, tasks) == ["t0", "t3"]


async def test_task_that_ends_meanwhile() -> None:
    """2.8: the rejection looks again when it is written: a task that ended keeps its state."""
    leader = Leader(turns=2)
    async with leader.running(ConstraintEnforcer):
        await leader.put(east_only(), make_node("n", labels={"zone": "east"}))
        await leader.put(make_task("t", service=east_only(), node_id="n", state="RUNNING"))
        ended = Task()
        ended.CopyFrom(leader.task("t"))
        ended.status.state = TaskState.FAILED
        async with asyncio.TaskGroup() as group:
            group.create_task(leader.put(make_node("n")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # Queued while the node's change is being committed: before the enforcer can queue its rejection.
            group.create_task(leader.put(ended))
        assert leader.task("t").status.state == TaskState.FAILED


async def test_constraints_that_cannot_be_read(leader: Leader) -> None:
    """2.8.3: a stored task whose constraints are no constraints is sent away from nowhere."""
    service = make_service("s", task=make_task_spec(constraints=["node.labels.zone east"]))
    await leader.put(service, make_node("n", labels={"zone": "west"}))
    await leader.put(make_task("t", service=service, node_id="n", state="RUNNING"))
    await leader.put(make_node("n", labels={"zone": "north"}))
    assert leader.task("t").status.state == RUNNING
