"""The task reaper on a store in memory (docs/design/tasks.md 1.7)."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.types_pb2 import REMOVE, SHUTDOWN, TaskState
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import (
    make_cluster,
    make_node,
    make_restart,
    make_service,
    make_task,
    make_task_spec,
)
from swarm_testkit.leader import Leader


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    leader = Leader()
    async with leader.running(TaskReaper):
        yield leader


async def history(leader: Leader, count: int, service: Service, **fields: object) -> None:
    """`count` ended tasks in slot 1, the oldest first."""
    for _ in range(count):
        await leader.clock.advance(1)
        now = leader.clock.wall_ns()
        task = make_task(
            service=service, state="FAILED", desired="SHUTDOWN", status_ns=now, **{"slot": 1, **fields}
        )  # type: ignore[arg-type]
        await leader.put(task)


def ids(leader: Leader) -> list[str]:
    return [task.id for task in leader.tasks()]


@pytest.mark.parametrize(
    "state", ["NEW", "PENDING", "COMPLETE", "SHUTDOWN", "FAILED", "REJECTED", "ORPHANED"]
)
async def test_removed_task_without_agent_is_deleted(leader: Leader, state: str) -> None:
    """1.7.1: desired REMOVE and not with an agent: deleted, also before assignment."""
    service = make_service()
    await leader.put(service, make_task(service=service, slot=1, state=state, desired="REMOVE"))
    assert ids(leader) == []


@pytest.mark.parametrize("state", ["ASSIGNED", "ACCEPTED", "PREPARING", "READY", "STARTING", "RUNNING"])
async def test_removed_task_waits_for_its_agent(leader: Leader, state: str) -> None:
    """9.2: a task that an agent may be running is deleted only when the agent reported its end."""
    await leader.put(make_task("t", state=state, desired="REMOVE"))
    assert ids(leader) == ["t"]
    await leader.report("t", "SHUTDOWN")
    assert ids(leader) == []


async def test_removal_by_update(leader: Leader) -> None:
    """1.7.1, 1.7.3: a task that becomes desired REMOVE after it ended is deleted then."""
    await leader.put(make_task("t", state="COMPLETE"))
    task = Task()
    task.CopyFrom(leader.task("t"))
    task.desired_state = REMOVE
    await leader.put(task)
    assert ids(leader) == []


async def test_orphans_without_service(leader: Leader) -> None:
    """1.7: ORPHANED tasks go if they have no service; those of a service are history."""
    service = make_service()
    await leader.put(
        service, make_task("s", service=service, state="ORPHANED"), make_task("f", state="ORPHANED")
    )
    await leader.put(make_task("failed", state="FAILED"))
    assert ids(leader) == ["failed", "s"]


async def test_history_limit(leader: Leader) -> None:
    """1.7.2: a slot keeps as many tasks as the limit says, the live one among them; the oldest go first."""
    service = make_service()
    await leader.put(
        make_cluster("c", history_limit=3),
        service,
        make_task("live", service=service, slot=1, state="RUNNING"),
    )
    await history(leader, 5, service)
    left = leader.tasks()
    assert len(left) == 3
    assert "live" in ids(leader)
    assert (
        min(task.status.timestamp.seconds for task in left if task.id != "live") * 10**9
        == leader.clock.wall_ns() - 10**9
    )


async def test_default_limit(leader: Leader) -> None:
    """1.7: without a cluster object the limit is 5."""
    service = make_service()
    await leader.put(service)
    await history(leader, 8, service)
    assert len(leader.tasks()) == 5


async def test_limit_zero(leader: Leader) -> None:
    """9.3: with limit 0 a live task has no history; a slot that is finished keeps the newest task, or it would
    look empty."""
    service = make_service()
    await leader.put(make_cluster("c", history_limit=0), service)
    await leader.put(make_task("live", service=service, slot=1, state="RUNNING"))
    await history(leader, 2, service)
    assert ids(leader) == ["live"]
    await history(leader, 3, service, slot=2)
    assert len(leader.tasks()) == 2


async def test_negative_limit(leader: Leader) -> None:
    """9.3: a negative limit keeps everything."""
    service = make_service()
    await leader.put(make_cluster("c", history_limit=-1), service)
    await history(leader, 9, service)
    assert len(leader.tasks()) == 9


@pytest.mark.parametrize(("cluster_limit", "max_attempts", "kept"), [(2, 4, 5), (7, 1, 2)])
async def test_max_attempts_override(
    leader: Leader, cluster_limit: int, max_attempts: int, kept: int
) -> None:
    """9.3: a limit of attempts replaces the cluster's, in either direction."""
    service = make_service(task=make_task_spec(restart=make_restart(max_attempts=max_attempts)))
    await leader.put(make_cluster("c", history_limit=cluster_limit), service)
    await history(leader, 9, service)
    assert len(leader.tasks()) == kept


async def test_global_slots_are_nodes(leader: Leader) -> None:
    """1.7: for a global service history is counted per node."""
    service, other = make_service("g", is_global=True), make_service("h", is_global=True)
    await leader.put(make_cluster("c", history_limit=2), make_node("a"), service, other)
    await history(leader, 2, other, slot=0, node_id="a")
    await history(leader, 3, service, slot=0, node_id="a")
    await history(leader, 2, service, slot=0, node_id="b")
    nodes = sorted((task.service_id, task.node_id) for task in leader.tasks())
    assert nodes == [("g", "a")] * 2 + [("g", "b")] * 2 + [("h", "a")] * 2


async def test_wanted_tasks_are_never_trimmed(leader: Leader) -> None:
    """1.7: only ended tasks and those that will never run are trimmed; the rest goes when it ends."""
    service = make_service()
    await leader.put(make_cluster("c", history_limit=1), service)
    await leader.put(make_task("stopping", service=service, slot=1, state="RUNNING", desired="SHUTDOWN"))
    await leader.put(make_task("never", service=service, slot=1, state="NEW", desired="SHUTDOWN"))
    await leader.put(make_task("live", service=service, slot=1, state="PENDING"))
    assert ids(leader) == ["live", "stopping"]
    await leader.report("stopping", "SHUTDOWN")
    assert ids(leader) == ["live"]


async def test_task_that_becomes_hopeless(leader: Leader) -> None:
    """1.7: a task over the limit that is called off before it was assigned is trimmed then."""
    service = make_service()
    await leader.put(make_cluster("c", history_limit=1), service)
    await leader.put(make_task("old", service=service, slot=1, state="NEW"))
    await leader.put(make_task("live", service=service, slot=1, state="RUNNING"))
    task = Task()
    task.CopyFrom(leader.task("old"))
    task.desired_state = SHUTDOWN
    await leader.put(task)
    assert ids(leader) == ["live"]


async def test_lower_limit_trims_at_once(leader: Leader) -> None:
    """1.7: a new cluster limit or service policy applies to what is there."""
    service = make_service("s")
    await leader.put(make_cluster("c", history_limit=5), service)
    await history(leader, 5, service)
    await leader.put(make_cluster("c", history_limit=3))
    assert len(leader.tasks()) == 3
    await leader.put(make_service("s", task=make_task_spec(restart=make_restart(max_attempts=1))))
    assert len(leader.tasks()) == 2


async def test_service_that_is_gone_keeps_its_history(leader: Leader) -> None:
    """1.7: without its service a slot has no limit; the orchestrator removes its tasks."""
    service = make_service("s")
    await leader.put(make_cluster("c", history_limit=2), service)
    await history(leader, 2, service)
    await leader.delete(Service, "s")
    await history(leader, 3, service)
    assert len(leader.tasks()) == 5


async def test_start_up() -> None:
    """1.7: at the start it deletes what became due before, and counts what is there."""
    leader, service = Leader(), make_service()
    await leader.put(make_cluster("c", history_limit=3), service)
    await history(leader, 5, service)
    await leader.put(
        make_task("removed", state="SHUTDOWN", desired="REMOVE"),
        make_task("orphan", state="ORPHANED"),
        make_task("kept", state="RUNNING", desired="REMOVE"),
    )
    async with leader.running(TaskReaper):
        assert len(leader.tasks()) == 4
        assert "kept" in ids(leader)
        await history(leader, 1, service)
        assert len(leader.tasks()) == 4


async def test_many_deletions_are_one_batch(leader: Leader) -> None:
    """10.2: everything that is due is deleted in one proposal, without a timer."""
    tasks = [make_task(state="RUNNING", desired="REMOVE") for _ in range(2000)]
    await leader.put(*tasks)
    ended = []
    for task in leader.tasks():
        new = Task()
        new.CopyFrom(task)
        new.status.state = TaskState.SHUTDOWN
        ended.append(new)
    with leader.store.subscribe(Task) as events:
        await leader.put(*ended)
        assert [len(commit.events) for commit in events.take()] == [2000, 2000]
    assert ids(leader) == []


async def test_agent_takes_over_before_the_deletion() -> None:
    """9.2: a task that is assigned just before its deletion is written is not deleted."""
    leader = Leader(turns=3)
    async with leader.running(TaskReaper):
        await leader.put(make_task("t", state="PENDING"))

        def change(desired: int, state: int) -> Callable[[Transaction], None]:
            def step(transaction: Transaction) -> None:
                task = Task()
                task.CopyFrom(transaction.get(Task, "t") or task)
                task.desired_state, task.status.state = desired, state  # type: ignore[assignment]
                transaction.update(task)

            return step

        async with asyncio.TaskGroup() as group:
            group.create_task(leader.store.update(change(REMOVE, TaskState.PENDING)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # Queued while the removal is being committed: before the reaper can queue its deletion.
            group.create_task(leader.store.update(change(REMOVE, TaskState.ASSIGNED)))
        await leader.clock.advance(1)
        assert ids(leader) == ["t"]
        await leader.report("t", "SHUTDOWN")
        assert ids(leader) == []
