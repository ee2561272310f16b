"""The leader's scheduler on a store in memory (docs/design/scheduling.md 3.2 to 3.9)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import ASSIGNED, PENDING, REJECTED, SHUTDOWN, PortConfig, TaskState
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.store.events import Updated
from swarm_testkit.factories import (
    GIB,
    make_node,
    make_resources,
    make_service,
    make_task,
    make_task_spec,
)
from swarm_testkit.leader import Leader


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    leader = Leader()
    async with leader.running(Scheduler):
        yield leader


def pending(service: Service, count: int, *, first: int = 1) -> list[Task]:
    return [
        make_task(f"{service.id}-{slot}", service=service, slot=slot, state="PENDING")
        for slot in range(first, first + count)
    ]


def placed(leader: Leader) -> Counter[str]:
    return Counter(task.node_id for task in leader.tasks() if task.status.state >= ASSIGNED)


async def test_spreads_evenly(leader: Leader) -> None:
    """9.3: tasks of a service go to equal nodes in equal shares."""
    await leader.put(*(make_node(f"n{i}") for i in range(3)))
    await leader.put(*pending(make_service(), 10))
    assert sorted(placed(leader).values()) == [3, 3, 4]


async def test_one_commit_for_one_group(leader: Leader) -> None:
    """3.4.1, 3.3.3: what is decided in a pass is one proposal."""
    await leader.put(make_node(), make_node())
    with leader.store.subscribe(Task) as events:
        await leader.put(*pending(make_service(), 50))
        created, assigned = events.take()
    assert len(assigned.events) == len(created.events) == 50


async def test_tasks_of_one_version_may_publish_different_ports(leader: Leader) -> None:
    """3.4.1: an update came while they were allocated. No port of a node is given twice."""
    tasks = pending(make_service(), 3)
    for task in tasks[1:]:
        task.endpoint.ports.add(published_port=7001, target_port=1, publish_mode=PortConfig.HOST)
    await leader.put(make_node("n"))
    await leader.put(*tasks)
    assert placed(leader) == {"n": 2}


async def test_assigned_status(leader: Leader) -> None:
    """3.8.1: an assignment replaces the status, so an earlier error disappears."""
    task = pending(make_service("s"), 1)[0]
    await leader.put(task)
    assert leader.task("s-1").status.err == "no suitable node"
    await leader.clock.advance(3)
    await leader.put(make_node("n"))
    status = leader.task("s-1").status
    assert (leader.task("s-1").node_id, status.state, status.err) == ("n", ASSIGNED, "")
    assert status.message
    assert status.timestamp.seconds * 10**9 == leader.clock.wall_ns()


async def test_starts_from_the_store() -> None:
    """3.2.1: at the start tasks on nodes are counted and waiting ones are placed, preset ones on their node."""
    leader, service = Leader(), make_service()
    await leader.put(make_node("a"), make_node("b"))
    await leader.put(*(make_task(service=service, node_id="a", state="RUNNING") for _ in range(3)))
    await leader.put(make_task("preset", node_id="b", state="PENDING"), *pending(service, 3))
    async with leader.running(Scheduler):
        assert placed(leader) == {"a": 3, "b": 4}
        assert leader.task("preset").node_id == "b"


async def test_new_tasks_are_left_to_the_allocator(leader: Leader) -> None:
    """3.2: a task that is not PENDING yet is none of the scheduler's business."""
    await leader.put(make_node())
    await leader.put(make_task("t", state="NEW"))
    assert leader.task("t").node_id == ""


async def test_waits_for_a_ready_node(leader: Leader) -> None:
    """3.8.3: with no ready node tasks wait and say why; a node that becomes ready gets them."""
    await leader.put(make_node("n", state="DOWN"))
    await leader.put(*pending(make_service("s"), 2))
    assert leader.task("s-1").status.err == "no suitable node (1 node does not accept new tasks)"
    assert leader.task("s-1").status.state == PENDING
    await leader.set_node("n")
    assert placed(leader) == {"n": 2}


async def test_explanation_is_written_once(leader: Leader) -> None:
    """3.9.2: an equal explanation is not written again; a different one is."""
    await leader.put(make_node("n", state="DOWN"), *pending(make_service("s"), 1))
    with leader.store.subscribe(Task) as events:
        await leader.set_node("n", state="DISCONNECTED")
        await leader.set_node("n", state="DOWN", availability="PAUSE")
        assert events.take() == []
        await leader.put(make_node("m", state="DOWN"))
        assert len(events.take()) == 1
    assert leader.task("s-1").status.err == "no suitable node (2 nodes do not accept new tasks)"


async def test_freed_resources_are_used(leader: Leader) -> None:
    """3.3.1: what a dead task held goes to a waiting one; a task that is only asked to stop still holds it."""
    spec = make_task_spec(reservations=make_resources(cpus=3))
    service = make_service("s", task=spec)
    await leader.put(make_node("n", resources=make_resources(cpus=4)))
    await leader.put(*pending(service, 2))
    first, second = sorted(leader.tasks(), key=lambda task: not task.node_id)
    assert second.status.err == "no suitable node (not enough resources on 1 node)"
    stopping = Task()
    stopping.CopyFrom(first)
    stopping.desired_state = SHUTDOWN
    await leader.put(stopping)
    assert leader.task(second.id).node_id == ""
    await leader.report(first.id, "SHUTDOWN")
    assert leader.task(second.id).node_id == "n"


@pytest.mark.parametrize("node_id", ["", "n"])
async def test_a_task_that_is_to_stop_leaves_its_place(leader: Leader, node_id: str) -> None:
    """3.5.7, 3.14.3: only active tasks count against the most per node, so one that is asked to stop makes room at once."""
    service = make_service("s", task=make_task_spec(max_replicas=1))
    await leader.put(make_node("n"))
    for number in (1, 2):
        await leader.put(make_task(f"t{number}", service=service, state="PENDING", node_id=node_id))
    assert leader.task("t2").status.state == PENDING
    stopping = Task()
    stopping.CopyFrom(leader.task("t1"))
    stopping.desired_state = SHUTDOWN
    await leader.put(stopping)
    assert leader.task("t2").status.state == ASSIGNED


async def test_deleted_task_frees_its_node(leader: Leader) -> None:
    """3.3: deleting a counted task releases what it held."""
    spec = make_task_spec(max_replicas=1)
    await leader.put(make_node("n"), *pending(make_service("s", task=spec), 2))
    first, second = sorted(leader.tasks(), key=lambda task: not task.node_id)
    await leader.delete(Task, first.id)
    assert leader.task(second.id).node_id == "n"


async def test_node_update_that_adds_room(leader: Leader) -> None:
    """3.3: a node that describes more resources takes what it refused."""
    spec = make_task_spec(reservations=make_resources(memory=2 * GIB))
    await leader.put(make_node("n", resources=make_resources(memory=GIB)))
    await leader.put(*pending(make_service("s", task=spec), 1))
    assert placed(leader) == {}
    await leader.put(make_node("n", resources=make_resources(memory=3 * GIB)))
    assert placed(leader) == {"n": 1}


async def test_named_resources_are_claimed_once(leader: Leader) -> None:
    """3.11.2, 3.14.2: each task gets items of its own, first in the order of the description; a new leader honours them."""
    spec = make_task_spec(reservations=make_resources(generic={"gpu": 1, "ssd": 2}))
    service = make_service("s", task=spec)
    await leader.put(make_node("n", resources=make_resources(generic={"gpu": ["a", "b", "c"], "ssd": 6})))
    await leader.put(*pending(service, 2))
    async with leader.running(Scheduler):
        await leader.put(*pending(service, 2, first=3))
    claims = [
        [
            item.named_resource_spec.value or item.discrete_resource_spec.value
            for item in task.assigned_generic_resources
        ]
        for task in leader.tasks("s")
    ]
    assert sorted(claims, key=str) == [["a", 2], ["b", 2], ["c", 2], []]


async def test_five_failures_push_a_node_last(leader: Leader) -> None:
    """3.6.1, 3.3.2: five failures of a version put a node last for it; a new spec version starts fresh."""
    service = make_service("s")
    await leader.put(make_node("bad"))
    for number in range(5):
        await leader.put(make_task(f"f{number}", service=service, state="PENDING"))
        await leader.report(f"f{number}", "FAILED" if number else "REJECTED")
    await leader.put(make_node("good"))
    await leader.put(*pending(service, 3))
    assert {leader.task(f"s-{slot}").node_id for slot in (1, 2, 3)} == {"good"}
    newer = make_task("new", service=make_service("s", spec_version=1), state="PENDING")
    await leader.put(newer)
    assert leader.task("new").node_id == "bad"


async def test_failures_are_forgotten_after_the_window(leader: Leader) -> None:
    """3.6: five minutes later the node is as good as others."""
    service = make_service("s")
    await leader.put(make_node("bad"))
    for number in range(5):
        await leader.put(make_task(f"f{number}", service=service, state="PENDING"))
        await leader.report(f"f{number}", "FAILED")
    await leader.put(make_node("good"))
    await leader.clock.advance(301)
    await leader.put(*pending(service, 2))
    assert {leader.task("s-1").node_id, leader.task("s-2").node_id} == {"bad", "good"}


async def test_preset_node_is_confirmed(leader: Leader) -> None:
    """3.8.2: a task with a node is checked against that node alone."""
    await leader.put(make_node("a"), make_node("b"))
    await leader.put(*(make_task(f"t{i}", state="PENDING", node_id="b") for i in range(3)))
    assert placed(leader) == {"b": 3}


async def test_a_task_that_waits_again_is_counted_nowhere(leader: Leader) -> None:
    """3.3: what another implementation once wrote may go back; the task is confirmed anew, and the scheduler goes on."""
    await leader.put(make_node("a"), make_task("t", node_id="a", state="RUNNING"))
    await leader.put(make_task("t", node_id="a", state="PENDING"))
    assert leader.task("t").status.state == ASSIGNED
    await leader.put(make_task("u", node_id="a", state="PENDING"))
    assert leader.task("u").status.state == ASSIGNED


async def test_preset_node_that_does_not_fit(leader: Leader) -> None:
    """9.3: a preset task fits only its node: it waits there, says why, and is confirmed when the node fits."""
    spec = make_task_spec(constraints=["node.labels.zone==east"])
    await leader.put(make_node("a", labels={"zone": "east"}), make_node("b"))
    await leader.put(make_task("t", state="PENDING", node_id="b", spec=spec))
    assert leader.task("t").status.state == PENDING
    assert leader.task("t").status.err == "constraints not met by 1 node"
    await leader.put(make_node("b", labels={"zone": "east"}))
    assert leader.task("t").status.state == ASSIGNED
    assert leader.task("t").status.err == ""


async def test_preset_node_that_is_unknown(leader: Leader) -> None:
    """3.8: a task whose node the scheduler does not know is left as it is until the node comes."""
    await leader.put(make_task("t", state="PENDING", node_id="n"))
    assert leader.task("t").status.err == ""
    await leader.put(make_node("n"))
    assert leader.task("t").status.state == ASSIGNED


async def test_preset_task_waits_for_room(leader: Leader) -> None:
    """3.3: a preset task that found no room is tried again when something on its node ends."""
    spec = make_task_spec(reservations=make_resources(cpus=3))
    await leader.put(make_node("n", resources=make_resources(cpus=4)))
    await leader.put(make_task("first", state="PENDING", node_id="n", spec=spec))
    await leader.put(make_task("second", state="PENDING", node_id="n", spec=spec))
    assert leader.task("second").status.err == "not enough resources on 1 node"
    await leader.report("first", "FAILED")
    assert leader.task("second").status.state == ASSIGNED


@pytest.mark.parametrize("node_id", ["", "n"])
async def test_unwanted_pending_task_is_closed(leader: Leader, node_id: str) -> None:
    """9.3: a PENDING task with desired state SHUTDOWN becomes SHUTDOWN, it is not placed."""
    await leader.put(make_node("n", availability="DRAIN"))
    await leader.put(make_task("t", state="PENDING", node_id=node_id, err="no suitable node"))
    task = Task()
    task.CopyFrom(leader.task("t"))
    task.desired_state = SHUTDOWN
    await leader.put(task)
    assert leader.task("t").status.state == SHUTDOWN
    assert leader.task("t").status.err == ""


async def test_task_to_remove_is_left_to_the_reaper(leader: Leader) -> None:
    """1.7: a PENDING task with desired state REMOVE is not placed."""
    await leader.put(make_task("t", state="PENDING", desired="REMOVE"))
    await leader.put(make_node())
    assert leader.task("t").status.state == PENDING
    assert leader.task("t").node_id == ""


async def test_older_spec_version_is_still_placed(leader: Leader) -> None:
    """3.8, 3.14.5: scaling a service gives it a new version; its waiting tasks go on waiting for a node."""
    await leader.put(make_service("s", spec_version=7), *pending(make_service("s", spec_version=3), 1))
    await leader.put(make_node("n"))
    assert placed(leader) == {"n": 1}


async def test_equal_tasks_without_service_share_a_group(leader: Leader) -> None:
    """3.4, 3.14.4: tasks without a spec version are spread too, each by what it asks for."""
    await leader.put(make_node("a"), make_node("b", labels={"zone": "east"}))
    picky = make_task_spec(constraints=["node.labels.zone==east"])
    await leader.put(*(make_task(f"p{i}", state="PENDING", spec=picky) for i in range(2)))
    await leader.put(*(make_task(f"t{i}", state="PENDING") for i in range(4)))
    assert placed(leader) == {"a": 3, "b": 3}
    assert leader.task("p0").node_id == "b"


async def test_group_that_is_partly_placed(leader: Leader) -> None:
    """3.8: what fits is placed, the rest waits with the reason and goes to the node that comes."""
    spec = make_task_spec(max_replicas=2)
    await leader.put(make_node("a"), *pending(make_service("s", task=spec), 5))
    assert placed(leader) == {"a": 2}
    waiting = [task for task in leader.tasks() if not task.node_id]
    assert {task.status.err for task in waiting} == {"no suitable node (limit of replicas per node reached)"}
    await leader.put(make_node("b"))
    assert placed(leader) == {"a": 2, "b": 2}


async def test_conflicting_write_is_decided_again() -> None:
    """3.9.1: a decision on a node that changed before it is written is taken back and made anew."""
    leader = Leader(turns=3)
    async with leader.running(Scheduler):
        await leader.put(make_node("a"), make_node("b", state="DOWN"))
        async with asyncio.TaskGroup() as group:
            group.create_task(leader.put(make_task("t", state="PENDING")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # Queued while the task is being committed: the scheduler decides before it sees this.
            group.create_task(leader.put(make_node("a", state="DOWN"), make_node("b")))
        assert leader.task("t").node_id == "b"
        await leader.put(make_task("u", state="PENDING"))
        assert leader.task("u").node_id == "b"


async def test_task_that_changes_while_it_is_decided() -> None:
    """3.9: a decision on a task that changed meanwhile is dropped, and its place on the node is given back."""
    leader = Leader(turns=3)
    spec = make_task_spec(reservations=make_resources(cpus=4))
    async with leader.running(Scheduler):
        await leader.put(make_node("n", resources=make_resources(cpus=4)))
        async with asyncio.TaskGroup() as group:
            group.create_task(leader.put(make_task("t", state="PENDING", spec=spec)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            group.create_task(leader.delete(Task, "t"))
        await leader.put(make_task("u", state="PENDING", spec=spec))
        assert leader.task("u").node_id == "n"


async def test_place_given_back_goes_to_another() -> None:
    """3.9: the place of a decision that was dropped goes to a task that found none."""
    leader = Leader(turns=3)
    spec = make_task_spec(reservations=make_resources(cpus=3))
    first = make_task("t", service=make_service("a"), state="PENDING", spec=spec)
    second = make_task("u", service=make_service("b"), state="PENDING", spec=spec)
    async with leader.running(Scheduler):
        await leader.put(make_node("n", resources=make_resources(cpus=4)))
        async with asyncio.TaskGroup() as group:
            group.create_task(leader.put(first, second))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            group.create_task(leader.delete(Task, "t"))
        assert leader.task("u").node_id == "n"


async def test_preset_task_that_changes_while_it_is_explained() -> None:
    """3.9: an explanation that could not be written is written for the task's new object."""
    leader = Leader(turns=3)
    task = make_task("t", state="PENDING", node_id="n")
    changed = Task()
    changed.CopyFrom(task)
    changed.status.message = "changed"
    async with leader.running(Scheduler):
        await leader.put(make_node("n", availability="PAUSE"))
        async with asyncio.TaskGroup() as group:
            group.create_task(leader.put(task))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            group.create_task(leader.put(changed))
        status = leader.task("t").status
        assert (status.message, status.err) == ("changed", "1 node does not accept new tasks")


async def test_preset_failures_do_not_weigh(leader: Leader) -> None:
    """3.3: failures of tasks that came with their node say nothing about the scheduler's choice."""
    service = make_service("s")
    await leader.put(make_node("a"))
    for number in range(5):
        await leader.put(make_task(f"f{number}", service=service, state="PENDING", node_id="a"))
        await leader.report(f"f{number}", "FAILED")
    await leader.put(make_node("b"))
    await leader.put(*pending(service, 2))
    assert {leader.task("s-1").node_id, leader.task("s-2").node_id} == {"a", "b"}


async def test_task_ends_before_it_is_placed(leader: Leader) -> None:
    """3.3: a waiting task that was rejected or deleted is forgotten."""
    await leader.put(*pending(make_service("s"), 2))
    rejected = Task()
    rejected.CopyFrom(leader.task("s-1"))
    rejected.status.state = REJECTED
    await leader.put(rejected)
    await leader.delete(Task, "s-2")
    await leader.put(make_node())
    assert placed(leader) == {"": 1}


async def test_gone_node_is_not_chosen(leader: Leader) -> None:
    """3.3: a deleted node takes no tasks and is not counted in explanations."""
    await leader.put(make_node("n", state="DOWN"))
    await leader.delete(Node, "n")
    await leader.put(*pending(make_service("s"), 1))
    assert leader.task("s-1").status.err == "no suitable node"


async def test_states_only_move_as_the_table_allows(leader: Leader) -> None:
    """1.3: the scheduler moves PENDING tasks to ASSIGNED or SHUTDOWN and no others."""
    await leader.put(make_node("n"))
    with leader.store.subscribe(Task) as events:
        for number, state in enumerate(["NEW", "PENDING", "ASSIGNED", "RUNNING", "FAILED"]):
            for desired in ("RUNNING", "SHUTDOWN", "REMOVE"):
                node_id = "n" if number >= 2 else ""
                await leader.put(make_task(state=state, desired=desired, node_id=node_id))
        moves = {
            (event.old.status.state, event.object.status.state)
            for commit in events.take()
            for event in commit.events
            if isinstance(event, Updated) and isinstance(event.object, Task) and isinstance(event.old, Task)
        }
    assert {(TaskState.Name(a), TaskState.Name(b)) for a, b in moves} == {
        ("PENDING", "ASSIGNED"),
        ("PENDING", "SHUTDOWN"),
    }
