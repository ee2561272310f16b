"""The jobs orchestrator on a store in memory (docs/design/orchestration.md 2.3, 2.4, 2.5, 2.7)."""

from collections.abc import AsyncIterator

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, FAILED, PENDING, READY, REMOVE, SHUTDOWN
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.jobs import JobsOrchestrator
from swarm_core.manager.orchestrator.restart import RestartSupervisor
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_testkit.factories import (
    make_cluster,
    make_job,
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
    async with leader.running(JobsOrchestrator):
        yield leader


def now_or(condition: str = "ON_FAILURE", *constraints: str, **policy: int) -> object:
    """A task whose replacement waits for no delay."""
    return make_task_spec(constraints=constraints, restart=make_restart(condition, delay_s=0, **policy))


def job(name: str = "sum", completions: int | None = 5, **more: object) -> Service:
    return make_job(name, completions=completions, **{"task": now_or(), **more})  # type: ignore[arg-type]


def open_slots(leader: Leader, service_id: str = "sum") -> list[int]:
    """The slots of the tasks that may still complete."""
    return [task.slot for task in open_tasks(leader, service_id)]


def open_nodes(leader: Leader, service_id: str = "sum") -> list[str]:
    return [task.node_id for task in open_tasks(leader, service_id)]


def open_tasks(leader: Leader, service_id: str = "sum") -> list[Task]:
    return [
        task
        for task in leader.tasks(service_id)
        if task.desired_state <= COMPLETE and task.status.state != COMPLETE
    ]


async def end(leader: Leader, slot: int, state: str = "COMPLETE") -> None:
    """The open task of a slot ends."""
    (task,) = [task for task in open_tasks(leader) if task.slot == slot]
    await leader.report(task.id, state)


# replicated jobs


async def test_as_many_as_may_run_at_once(leader: Leader) -> None:
    """2.3.1: no more than max_concurrent tasks, slots from 0, desired COMPLETE, of the present iteration."""
    await leader.put(job(max_concurrent=2, iteration=7))
    tasks = leader.tasks()
    assert [task.slot for task in tasks] == [0, 1]
    assert {(task.status.state, task.desired_state) for task in tasks} == {(PENDING, COMPLETE)}
    assert all(task.HasField("job_iteration") and task.job_iteration.index == 7 for task in tasks)


async def test_next_ones_follow_until_all_completed(leader: Leader) -> None:
    """2.3.1: a completion makes room for the next slot; the last slots are fewer, and then none is made any more."""
    await leader.put(job(max_concurrent=2))
    await end(leader, 0)
    assert open_slots(leader) == [1, 2]
    await end(leader, 2)
    await end(leader, 3)
    assert open_slots(leader) == [1, 4]
    await end(leader, 1)
    await end(leader, 4)
    assert [(task.slot, task.status.state) for task in leader.tasks()] == [(n, COMPLETE) for n in range(5)]


async def test_a_job_that_may_run_nothing(leader: Leader) -> None:
    """2.3.1: with a limit or a number of 0 no task is made; a limit above the number adds none."""
    await leader.put(
        job("a", max_concurrent=0), job("b", completions=0), job("c", completions=2, max_concurrent=9)
    )
    assert [leader.tasks("a"), leader.tasks("b"), open_slots(leader, "c")] == [[], [], [0, 1]]


async def test_failed_task_is_replaced_in_its_slot(leader: Leader) -> None:
    """2.3.2: the replacement has the slot and the iteration, no node, and counts against the limit while it waits."""
    await leader.put(job(max_concurrent=2, iteration=3, task=make_task_spec()))
    (first, _) = leader.tasks()
    first.node_id = "a"
    await leader.put(first)
    await leader.report(first.id, "FAILED")
    assert leader.task(first.id).desired_state == SHUTDOWN
    (waiting,) = leader.tasks(desired="READY")
    assert (waiting.slot, waiting.node_id, waiting.job_iteration.index) == (0, "", 3)
    assert open_slots(leader) == [0, 1]
    await leader.clock.advance(5)
    assert leader.task(waiting.id).desired_state == COMPLETE


async def test_failed_for_good(leader: Leader) -> None:
    """2.3.3: a slot whose attempts are used up, or whose policy wants none, is given up and the others go on."""
    await leader.put(job(max_concurrent=1, completions=2, task=now_or(max_attempts=1)))
    await end(leader, 0, "FAILED")
    assert open_slots(leader) == [0]
    await end(leader, 0, "FAILED")
    assert open_slots(leader) == [1]
    await end(leader, 1)
    assert open_slots(leader) == []
    await leader.put(job("never", completions=1, task=now_or("NONE")))
    (task,) = open_tasks(leader, "never")
    await leader.report(task.id, "FAILED")
    assert open_slots(leader, "never") == []


async def test_any_is_on_failure(leader: Leader) -> None:
    """2.5.6: a task that completed is done, also where its policy restarts always."""
    await leader.put(job(completions=1, task=now_or("ANY")))
    await end(leader, 0)
    assert len(leader.tasks()) == 1


async def test_new_iteration(leader: Leader) -> None:
    """2.3.4: an update begins anew: what runs of the iteration before is removed, what ended stays as history."""
    await leader.put(job(max_concurrent=2))
    await end(leader, 0)
    await leader.put(job(max_concurrent=3, iteration=1))
    before = [task for task in leader.tasks() if task.job_iteration.index == 0]
    assert [(task.slot, task.desired_state) for task in before] == [(0, COMPLETE), (1, REMOVE), (2, REMOVE)]
    now = [task for task in leader.tasks() if task.job_iteration.index == 1]
    assert [task.slot for task in now] == [0, 1, 2]


async def test_failure_of_an_earlier_iteration(leader: Leader) -> None:
    """2.3.4: a task of an earlier iteration that fails, or waits for its restart, makes no task of the present one."""
    await leader.put(job(completions=1, task=make_task_spec()))
    await end(leader, 0, "FAILED")
    await leader.put(job(completions=1, iteration=1, task=make_task_spec()))
    await leader.clock.advance(30)
    (now,) = [task for task in leader.tasks() if task.job_iteration.index == 1]
    await leader.put(make_task("late", service_id="sum", slot=0, state="FAILED", desired="COMPLETE"))
    assert leader.task("late").desired_state == SHUTDOWN
    assert [task.id for task in open_tasks(leader)] == [now.id]


async def test_update_between_a_restart_and_its_write() -> None:
    """2.5.6: a restart that is written after the next iteration began makes no task of that one."""
    leader, before = Leader(), job(completions=1)
    await leader.put(
        job(completions=1, iteration=1),
        make_task("old", service=before, slot=0, state="FAILED", desired="COMPLETE"),
    )
    restart = RestartSupervisor(clock=leader.clock, rng=leader.rng).restart("old", is_alone=True)
    assert restart is not None
    await leader.store.update(restart.write)
    assert [(task.id, task.desired_state) for task in leader.tasks()] == [("old", SHUTDOWN)]


async def test_nodes_do_not_matter(leader: Leader) -> None:
    """2.3.5: on a node that is drained or down the task goes on; ORPHANED it is replaced."""
    await leader.put(make_node("a"), job(completions=1))
    (task,) = leader.tasks()
    task.node_id = "a"
    await leader.put(task)
    await leader.report(task.id, "RUNNING")
    await leader.set_node("a", availability="DRAIN")
    await leader.set_node("a", state="DOWN")
    assert [one.id for one in open_tasks(leader)] == [task.id]
    await leader.report(task.id, "ORPHANED")
    (new,) = open_tasks(leader)
    assert (new.slot, new.node_id) == (0, "")


async def test_deleted_task_is_made_again(leader: Leader) -> None:
    """2.3.6: an open task that somebody deletes is made again."""
    await leader.put(job(completions=1))
    await leader.delete(Task, leader.tasks()[0].id)
    assert open_slots(leader) == [0]


async def test_removed_job(leader: Leader) -> None:
    """1.8: all tasks of a removed job are set to REMOVE; services of other modes are not touched."""
    other = make_service("web")
    await leader.put(job(), other, make_task("web-1", service=other, slot=1, state="FAILED"))
    await leader.delete(Service, "sum")
    assert {task.desired_state for task in leader.tasks("sum")} == {REMOVE}
    assert len(leader.tasks("web")) == 1


# global jobs


async def test_one_on_each_node_that_is_ready(leader: Leader) -> None:
    """2.4.1: each node that is ready, active and fits has one task, with its node set from the start."""
    await leader.put(
        *(make_node(name, labels={"zone": "east"}) for name in "abc"),
        make_node("west"),
        make_node("down", state="DOWN", labels={"zone": "east"}),
    )
    await leader.set_node("b", availability="PAUSE")
    await leader.set_node("c", state="UNKNOWN")
    await leader.put(job(completions=None, task=now_or("ON_FAILURE", "node.labels.zone==east")))
    (task,) = leader.tasks()
    assert (task.node_id, task.slot, task.desired_state) == ("a", 0, COMPLETE)


async def test_a_node_that_comes_gets_the_job(leader: Leader) -> None:
    """2.4.1: a node that joins or qualifies later gets its task at once; one that completed its own gets no other."""
    await leader.put(make_node("a"), job(completions=None))
    await leader.report(leader.tasks()[0].id, "COMPLETE")
    await leader.put(make_node("b"))
    await leader.put(make_node("a", labels={"new": "label"}))
    assert open_nodes(leader) == ["b"]
    assert len(leader.tasks()) == 2


async def test_failed_task_is_replaced_on_its_node(leader: Leader) -> None:
    """2.4.2: the replacement is for the same node; attempts count per node; then the node is given up."""
    await leader.put(make_node("a"), make_node("b"), job(completions=None, task=now_or(max_attempts=1)))
    for left in (["a", "b"], ["b"]):
        (task,) = [task for task in open_tasks(leader) if task.node_id == "a"]
        await leader.report(task.id, "FAILED")
        assert open_nodes(leader) == left
    await leader.put(make_node("a", labels={"new": "label"}))
    assert open_nodes(leader) == ["b"]


@pytest.mark.parametrize(("state", "availability"), [("DOWN", "ACTIVE"), ("READY", "DRAIN")])
async def test_lost_node(leader: Leader, state: str, availability: str) -> None:
    """2.4.3: open tasks of a node that is down or drained are shut down, completed ones stand; back again it gets what is open."""
    await leader.put(make_node("a"), job(completions=None), job("done", completions=None))
    await leader.report(leader.tasks("done")[0].id, "COMPLETE")
    await leader.set_node("a", state=state, availability=availability)
    assert [task.desired_state for task in leader.tasks("sum")] == [SHUTDOWN]
    assert [task.desired_state for task in leader.tasks("done")] == [COMPLETE]
    await leader.report(leader.tasks("sum")[0].id, "SHUTDOWN")
    await leader.set_node("a")
    assert open_nodes(leader) == ["a"]
    assert len(leader.tasks("done")) == 1


async def test_failure_on_a_node_that_does_not_qualify(leader: Leader) -> None:
    """2.4.3: there the task is only shut down; when the node qualifies again it gets a new one."""
    await leader.put(make_node("a"), job(completions=None))
    await leader.set_node("a", availability="PAUSE")
    await leader.report(leader.tasks()[0].id, "FAILED")
    assert [task.desired_state for task in leader.tasks()] == [SHUTDOWN]
    await leader.set_node("a")
    assert open_nodes(leader) == ["a"]


async def test_removed_node(leader: Leader) -> None:
    """2.4.3: when a node is deleted its open task is shut down."""
    await leader.put(make_node("a"), make_node("b"), job(completions=None))
    await leader.delete(Node, "a")
    assert open_nodes(leader) == ["b"]


async def test_new_iteration_of_a_global_job(leader: Leader) -> None:
    """2.4.4: tasks of earlier iterations are removed, whatever their state, and each node gets a new one."""
    await leader.put(make_node("a"), make_node("b"), job(completions=None))
    await leader.report(leader.tasks()[0].id, "COMPLETE")
    await leader.put(job(completions=None, iteration=1))
    before = [task for task in leader.tasks() if task.job_iteration.index == 0]
    assert [task.desired_state for task in before] == [REMOVE, REMOVE]
    assert open_nodes(leader) == ["a", "b"] or sorted(
        task.node_id for task in open_tasks(leader) if task.job_iteration.index == 1
    ) == ["a", "b"]


# a new leader, other loops


async def test_start_up() -> None:
    """2.7: at the start ended tasks are replaced, waits go on for what is left of them, and missing tasks are made."""
    leader = Leader()
    service = job(completions=4, max_concurrent=3, task=make_task_spec(restart=make_restart(delay_s=5)))
    await leader.put(
        service,
        make_task("done", service=service, slot=0, state="COMPLETE", desired="COMPLETE"),
        make_task("failed", service=service, slot=1, state="FAILED", desired="COMPLETE"),
        make_task(
            "waits",
            service=service,
            slot=2,
            state="PENDING",
            desired="READY",
            status_ns=leader.clock.wall_ns(),
        ),
        make_task("orphan", service_id="gone"),
    )
    async with leader.running(JobsOrchestrator):
        assert leader.store.get(Task, "orphan") is None
        assert (open_slots(leader), leader.task("failed").desired_state) == ([1, 2, 3], SHUTDOWN)
        assert leader.task("waits").desired_state == READY
        await leader.clock.advance(5)
        assert leader.task("waits").desired_state == COMPLETE


async def test_attempts_are_known_to_a_new_leader() -> None:
    """2.7: the attempts of a slot, 0 too, are counted from its tasks."""
    leader, service = Leader(), job(completions=1, task=now_or(max_attempts=1))
    for number, state in enumerate(("FAILED", "FAILED")):
        await leader.put(
            make_task(
                f"{number}",
                service=service,
                slot=0,
                state=state,
                desired="SHUTDOWN",
                created_ns=number,
                status_ns=number,
            )
        )
    await leader.put(service)
    async with leader.running(JobsOrchestrator):
        assert open_slots(leader) == []


async def test_constraint_change_of_a_node() -> None:
    """2.8: a task that no longer fits is rejected by the enforcer and replaced; of a global job only where it fits."""
    leader = Leader()
    task = now_or("ON_FAILURE", "node.labels.zone==east")
    async with leader.running(JobsOrchestrator, ConstraintEnforcer):
        await leader.put(make_node("a", labels={"zone": "east"}))
        await leader.put(job(completions=1, task=task), job("all", completions=None, task=task))
        (one,) = leader.tasks("sum")
        one.node_id = "a"
        await leader.put(one)
        await leader.put(make_node("a"))
        assert [(new.slot, new.node_id) for new in open_tasks(leader)] == [(0, "")]
        assert open_tasks(leader, "all") == []


@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_history_of_a_job(limit: int) -> None:
    """1.7: a slot of a job keeps as many tasks as the limit says, never loses its completion, and is not filled again."""
    leader = Leader()
    async with leader.running(JobsOrchestrator, TaskReaper):
        await leader.put(make_cluster("c", history_limit=limit), job(completions=1))
        for _ in range(4):
            await end(leader, 0, "FAILED")
        await end(leader, 0)
        late = make_task(
            "late", service=leader.store.get(Service, "sum"), slot=0, state="FAILED", desired="SHUTDOWN"
        )
        late.status.timestamp.seconds = leader.clock.wall_ns() // 10**9 + 60
        await leader.put(late)
        states = [task.status.state for task in leader.tasks()]
        assert len(states) == max(limit, 1)
        assert states.count(COMPLETE) == 1
        assert set(states) <= {COMPLETE, FAILED}
        assert open_slots(leader) == []


async def test_a_waiting_job_task_is_no_history() -> None:
    """1.7: a task that has no node yet and is to complete is wanted, whatever the limit."""
    leader = Leader()
    service = job(completions=1)
    async with leader.running(JobsOrchestrator, TaskReaper):
        await leader.put(make_cluster("c", history_limit=0), service)
        (task,) = leader.tasks()
        await leader.put(make_task("old", service=service, slot=0, state="FAILED", desired="SHUTDOWN"))
        assert [one.id for one in leader.tasks()] == [task.id]


@pytest.mark.parametrize("end_state", ["COMPLETE", "FAILED"])
async def test_history_of_earlier_iterations(end_state: str) -> None:
    """1.7: what still stops of an earlier iteration takes the outcome of the present one no room."""
    leader = Leader()
    async with leader.running(JobsOrchestrator, TaskReaper):
        once = now_or("NONE")
        await leader.put(make_cluster("c", history_limit=1), job(completions=1, task=once))
        (old,) = leader.tasks()
        await leader.report(old.id, "RUNNING")
        await leader.put(job(completions=1, iteration=1, task=once))
        (now,) = open_tasks(leader)
        await leader.report(now.id, end_state)
        assert {task.id for task in leader.tasks()} == {old.id, now.id}
        await leader.report(old.id, "SHUTDOWN")
        assert [task.id for task in leader.tasks()] == [now.id]
