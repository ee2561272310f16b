"""The global orchestrator on a store in memory (docs/design/orchestration.md 2.2, 2.5, 2.7)."""

from collections.abc import AsyncIterator

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import PENDING, READY, REMOVE, RUNNING, SHUTDOWN
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_testkit.factories import make_node, make_restart, make_service, make_task, make_task_spec
from swarm_testkit.leader import Leader


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    leader = Leader()
    async with leader.running(GlobalOrchestrator):
        yield leader


def agent(name: str = "agent", *constraints: str, condition: str = "ANY", **policy: int) -> Service:
    restart = make_restart(condition, delay_s=0, **policy)
    return make_service(name, is_global=True, task=make_task_spec(constraints=constraints, restart=restart))


def wanted(leader: Leader, service_id: str = "agent") -> list[str]:
    """The nodes of the tasks that are desired to run."""
    return [task.node_id for task in leader.tasks(service_id) if task.desired_state <= RUNNING]


async def test_one_task_on_each_node(leader: Leader) -> None:
    """2.2.1: every node gets one task, slot 0, with its node set from the start."""
    await leader.put(make_node("a"), make_node("b"))
    await leader.put(agent())
    assert wanted(leader) == ["a", "b"]
    assert {(task.slot, task.status.state) for task in leader.tasks()} == {(0, PENDING)}


async def test_new_node_gets_its_tasks(leader: Leader) -> None:
    """9.3: a node that joins gets a task of every global service that fits."""
    await leader.put(agent("x"), agent("y", "node.labels.zone==east"), make_service("replicated"))
    await leader.put(make_node("a"))
    await leader.put(make_node("b", labels={"zone": "east"}))
    assert (wanted(leader, "x"), wanted(leader, "y")) == (["a", "b"], ["b"])
    assert leader.tasks("replicated") == []


async def test_node_update_creates_nothing_twice(leader: Leader) -> None:
    """2.2: reconciling a node again leaves its clean task alone."""
    await leader.put(agent(), make_node("a"))
    (task,) = leader.tasks()
    await leader.put(make_node("a", labels={"new": "label"}))
    assert leader.tasks() == [task]


async def test_removed_node(leader: Leader) -> None:
    """2.2.2: when a node is deleted so are the objects of its global tasks, and no others."""
    await leader.put(agent(), make_node("a"), make_node("b"))
    await leader.put(make_task("other", service_id="replicated", node_id="a"))
    await leader.delete(Node, "a")
    assert [(task.id, task.node_id) for task in leader.tasks() if task.node_id == "a"] == [("other", "a")]
    assert wanted(leader) == ["b"]


@pytest.mark.parametrize(("state", "availability"), [("DOWN", "ACTIVE"), ("READY", "DRAIN")])
async def test_lost_node_shuts_its_tasks_down(leader: Leader, state: str, availability: str) -> None:
    """9.3: tasks of a node that is down or drained are shut down; back again it gets a new one."""
    await leader.put(agent(), make_node("a"))
    await leader.set_node("a", state=state, availability=availability)
    assert [task.desired_state for task in leader.tasks()] == [SHUTDOWN]
    await leader.set_node("a")
    assert wanted(leader) == ["a"]


@pytest.mark.parametrize("state", ["UNKNOWN", "DISCONNECTED"])
async def test_nodes_that_are_out_of_sight_stay(leader: Leader, state: str) -> None:
    """2.2: UNKNOWN and DISCONNECTED nodes count as usable."""
    await leader.put(agent(), make_node("a"))
    await leader.set_node("a", state=state)
    assert wanted(leader) == ["a"]
    await leader.put(agent("later"))
    assert wanted(leader, "later") == ["a"]


async def test_paused_node_is_left_alone(leader: Leader) -> None:
    """2.2.1: a paused node keeps its tasks and gets no new ones, also none in place of those that fail."""
    await leader.put(agent(), make_node("a"))
    (task,) = leader.tasks()
    await leader.set_node("a", availability="PAUSE")
    await leader.put(agent("later"))
    assert (wanted(leader), wanted(leader, "later")) == (["a"], [])
    await leader.report(task.id, "FAILED")
    assert [t.desired_state for t in leader.tasks("agent")] == [SHUTDOWN]
    await leader.set_node("a")
    assert (wanted(leader), wanted(leader, "later")) == (["a"], ["a"])


async def test_failed_task_is_replaced_on_its_node(leader: Leader) -> None:
    """2.5: the replacement is for the same node."""
    await leader.put(agent(), make_node("a"), make_node("b"))
    task = leader.tasks()[0]
    await leader.report(task.id, "FAILED")
    assert leader.task(task.id).desired_state == SHUTDOWN
    assert wanted(leader) == ["a", "b"]


async def test_delay_on_a_node(leader: Leader) -> None:
    """2.5: without a policy the replacement waits 5 s."""
    await leader.put(make_service("agent", is_global=True), make_node("a"))
    await leader.report(leader.tasks()[0].id, "FAILED")
    (waiting,) = leader.tasks(desired="READY")
    await leader.clock.advance(5)
    assert leader.task(waiting.id).desired_state == RUNNING


async def test_max_attempts_per_node(leader: Leader) -> None:
    """2.5 (fix): attempts are counted per node."""
    await leader.put(agent(max_attempts=1), make_node("a"), make_node("b"))
    for _ in range(3):
        for task in leader.tasks():
            if task.node_id == "a" and task.desired_state == RUNNING:
                await leader.report(task.id, "FAILED")
    assert wanted(leader) == ["b"]
    assert len([task for task in leader.tasks() if task.node_id == "a"]) == 2
    await leader.put(make_node("a", labels={"x": "y"}))
    assert wanted(leader) == ["b"]


async def test_completed_task_is_not_made_again(leader: Leader) -> None:
    """2.2: a task that completed for good stands for its node when that is reconciled."""
    await leader.put(agent(condition="ON_FAILURE"), make_node("a"))
    await leader.report(leader.tasks()[0].id, "COMPLETE")
    await leader.put(make_node("a", labels={"x": "y"}))
    assert len(leader.tasks()) == 1


async def test_new_constraints_shut_down_what_no_longer_fits(leader: Leader) -> None:
    """2.2.2: reconciling the service shuts down tasks on nodes that fail its constraints."""
    await leader.put(make_node("a", labels={"zone": "east"}), make_node("b"), agent())
    await leader.put(agent("agent", "node.labels.zone==east"))
    assert wanted(leader) == ["a"]
    assert len(leader.tasks(desired="SHUTDOWN")) == 1


async def test_failed_task_that_no_longer_fits(leader: Leader) -> None:
    """2.2: a task that fails where its service no longer fits is only shut down."""
    await leader.put(make_node("a", labels={"zone": "east"}), agent("agent", "node.labels.zone==east"))
    await leader.put(make_node("a"))
    assert wanted(leader) == ["a"]  # the constraint enforcer's business
    await leader.report(leader.tasks()[0].id, "REJECTED")
    assert [task.desired_state for task in leader.tasks()] == [SHUTDOWN]


async def test_node_keeps_one_clean_task(leader: Leader) -> None:
    """2.2: a node's reconcile keeps one clean task and shuts down dirty and surplus ones."""
    await leader.put(make_node("a"), agent())
    await leader.put(
        make_task("surplus", service=agent(), node_id="a"),
        make_task("dirty", service=make_service("agent", spec_version=None, is_global=True), node_id="a"),
    )
    await leader.put(make_node("a", labels={"x": "y"}))
    assert len(wanted(leader)) == 1
    assert leader.task("dirty").desired_state == SHUTDOWN


async def test_service_removal(leader: Leader) -> None:
    """1.8: all tasks of a removed service are set to REMOVE."""
    await leader.put(make_node("a"), make_node("b"), agent())
    await leader.delete(Service, "agent")
    assert [task.desired_state for task in leader.tasks()] == [REMOVE, REMOVE]


async def test_deleted_task_is_made_again(leader: Leader) -> None:
    """2.2 (fix): a wanted task that somebody deletes is made again at once."""
    await leader.put(make_node("a"), agent())
    await leader.delete(Task, leader.tasks()[0].id)
    assert wanted(leader) == ["a"]


async def test_start_up() -> None:
    """2.7: at the start tasks without a valid node are shut down, ended ones replaced, missing ones made."""
    leader, service, replicated = (
        Leader(),
        agent(),
        make_service("web", task=make_task_spec(restart=make_restart(delay_s=0))),
    )
    await leader.put(make_node("a"), make_node("b"), make_node("down", state="DOWN"), service, replicated)
    await leader.put(
        make_task("failed", service=service, node_id="a", state="FAILED"),
        make_task("lost", service=service, node_id="nowhere", state="RUNNING"),
        make_task("down", service=service, node_id="down", state="RUNNING"),
        make_task("orphan", service_id="gone", node_id="a"),
        make_task("replicated", service=replicated, slot=1, state="PENDING", desired="READY"),
    )
    async with leader.running(GlobalOrchestrator):
        assert wanted(leader) == ["a", "b"]
        assert {task.id for task in leader.tasks(desired="SHUTDOWN")} == {"failed", "lost", "down"}
        assert leader.store.get(Task, "orphan") is None
        assert leader.task("replicated").desired_state == READY


async def test_drained_node_that_returns_while_its_task_waits(leader: Leader) -> None:
    """2.5: a replacement waits for the old task on its node to stop."""
    await leader.put(make_service("agent", is_global=True), make_node("a"))
    old = leader.tasks()[0]
    await leader.report(old.id, "FAILED")
    (waiting,) = leader.tasks(desired="READY")
    await leader.set_node("a", availability="DRAIN")
    assert leader.task(waiting.id).desired_state == SHUTDOWN
    await leader.clock.advance(10)
    assert leader.task(waiting.id).desired_state == SHUTDOWN
    assert READY not in {task.desired_state for task in leader.tasks()}


@pytest.mark.parametrize("end", ["it stops", "a minute passes"])
async def test_a_new_task_waits_for_one_that_still_stops(leader: Leader, end: str) -> None:
    """2.2.3: a node that is drained and comes back gets its new task once the old one has stopped, or after a minute."""
    await leader.put(agent(), make_node("a"))
    (old,) = leader.tasks()
    await leader.report(old.id, "RUNNING")
    await leader.set_node("a", availability="DRAIN")
    await leader.set_node("a")
    (new,) = (task for task in leader.tasks() if task.id != old.id)
    assert (leader.task(old.id).desired_state, new.desired_state) == (SHUTDOWN, READY)
    await leader.clock.advance(59)
    assert leader.task(new.id).desired_state == READY
    if end == "it stops":
        await leader.report(old.id, "SHUTDOWN")
    else:
        await leader.clock.advance(1)
    assert leader.task(new.id).desired_state == RUNNING


async def test_constraints_that_are_met_again(leader: Leader) -> None:
    """2.2.3: the same holds where the service changes its mind while the old task stops."""
    await leader.put(agent(), make_node("a"))
    (old,) = leader.tasks()
    await leader.report(old.id, "RUNNING")
    await leader.put(agent("agent", "node.hostname==elsewhere"))
    await leader.put(agent())
    (new,) = (task for task in leader.tasks() if task.id != old.id)
    assert (leader.task(old.id).desired_state, new.desired_state) == (SHUTDOWN, READY)
    await leader.report(old.id, "SHUTDOWN")
    assert leader.task(new.id).desired_state == RUNNING


async def test_what_no_node_has_heard_of_is_waited_for_by_nobody(leader: Leader) -> None:
    """2.2.3: a task that was not assigned yet has nothing to stop."""
    await leader.put(agent(), make_node("a"))
    (old,) = leader.tasks()
    await leader.set_node("a", availability="DRAIN")
    await leader.set_node("a")
    (new,) = (task for task in leader.tasks() if task.id != old.id)
    assert (leader.task(old.id).desired_state, new.desired_state) == (SHUTDOWN, RUNNING)
