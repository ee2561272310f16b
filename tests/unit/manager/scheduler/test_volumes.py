"""The scheduler and cluster volumes, on a store in memory (docs/design/volumes.md 12.2, 12.3)."""

from collections.abc import AsyncIterator, Mapping

import pytest
from swarm_core.api.proto.objects_pb2 import Node, Service, Task, Volume
from swarm_core.api.proto.types_pb2 import ASSIGNED, PENDING, Mount, VolumePublishStatus
from swarm_core.manager.scheduler.board import Board
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.store.events import Updated
from swarm_testkit.factories import (
    make_cluster_mount,
    make_node,
    make_service,
    make_task,
    make_task_spec,
    make_volume,
)
from swarm_testkit.leader import Leader

MOUNT = make_cluster_mount("v")
_STATE = VolumePublishStatus.State


@pytest.fixture
async def leader() -> AsyncIterator[Leader]:
    leader = Leader()
    async with leader.running(Scheduler):
        yield leader


def node(id_: str) -> Node:
    return make_node(id_, csi=["csi"])


def waiting(id_: str, *mounts: Mount, service: Service | None = None, node_id: str = "") -> Task:
    spec = make_task_spec(mounts=mounts or (MOUNT,))
    return make_task(id_, spec=spec, service=service, state="PENDING", node_id=node_id)


def running(id_: str, node_id: str, volume_id: str = "v1") -> Task:
    task = make_task(id_, spec=make_task_spec(mounts=[MOUNT]), node_id=node_id, state="RUNNING")
    task.volumes.add(id=volume_id, source="v", target="/data")
    return task


def states(leader: Leader, volume_id: str = "v1") -> Mapping[str, str]:
    volume = leader.store.get(Volume, volume_id)
    assert volume is not None
    return {status.node_id: _STATE.Name(status.state) for status in volume.publish_status}


async def test_assigned_with_its_volumes(leader: Leader) -> None:
    """12.3.6: with the assignment the task has its volumes, and each is to be published on the node."""
    await leader.put(node("n1"), make_volume("v1", name="v"), make_volume("w1", group="g"))
    await leader.put(waiting("t1", MOUNT, make_cluster_mount("group:g", "/g")))
    task = leader.task("t1")
    assert task.status.state == ASSIGNED
    assert [(each.id, each.source, each.target) for each in task.volumes] == [
        ("v1", "v", "/data"),
        ("w1", "group:g", "/g"),
    ]
    assert states(leader) == states(leader, "w1") == {"n1": "PENDING_PUBLISH"}


async def test_one_entry_for_many_tasks(leader: Leader) -> None:
    """12.3.6: a volume that is on the node already is not asked for again."""
    await leader.put(
        node("n1"), make_volume("v1", name="v", published={"n1": "PUBLISHED"}), running("t0", "n1")
    )
    await leader.put(waiting("t1"), waiting("t2"))
    assert leader.task("t2").status.state == ASSIGNED
    assert states(leader) == {"n1": "PUBLISHED"}


async def test_waits_and_says_why(leader: Leader) -> None:
    """12.3.7: a task waits for its volume with the reason, and goes on as soon as the volume is made."""
    await leader.put(node("n1"), waiting("t1"))
    assert leader.task("t1").status.err == "no suitable node (cluster volumes not to be had on 1 node)"
    await leader.put(make_volume("v1", name="v", is_created=False))
    assert leader.task("t1").status.state == PENDING
    await leader.put(make_volume("v1", name="v"))
    assert leader.task("t1").status.state == ASSIGNED
    assert leader.task("t1").status.err == ""


async def test_waits_for_another_user(leader: Leader) -> None:
    """12.3.3, 12.3.7: what one task alone may use goes to the next one when the first has ended."""
    await leader.put(node("n1"), make_volume("v1", name="v", sharing="NONE"))
    await leader.put(waiting("t1"), waiting("t2"))
    placed = [task for task in leader.tasks() if task.status.state == ASSIGNED]
    assert [task.id for task in placed] == ["t1"]
    await leader.report("t1", "COMPLETE")
    assert leader.task("t2").status.state == ASSIGNED
    assert states(leader) == {"n1": "PENDING_PUBLISH"}


async def test_nobody_wants_it_any_more(leader: Leader) -> None:
    """12.2.4: what no node was told of yet goes back to the plugin without asking the node."""
    await leader.put(node("n1"), make_volume("v1", name="v"))
    await leader.put(waiting("t1"))
    await leader.report("t1", "REJECTED")
    assert states(leader) == {"n1": "PENDING_UNPUBLISH"}


async def test_preassigned_task_waits_for_its_volume(leader: Leader) -> None:
    """12.3.7: a task of a global service waits on its own node, and is confirmed when the volume can be had."""
    await leader.put(node("n1"), node("n2"), waiting("t1", node_id="n2"))
    assert leader.task("t1").status.err == "cluster volumes not to be had on 1 node"
    await leader.put(make_volume("v1", name="v"))
    assert leader.task("t1").status.state == ASSIGNED
    assert states(leader) == {"n2": "PENDING_PUBLISH"}


async def test_replicas_share_one_node(leader: Leader) -> None:
    """12.3.3: all replicas that share a volume for one node go to one node."""
    await leader.put(node("n1"), node("n2"), make_volume("v1", name="v", scope="SINGLE_NODE"))
    service = make_service(task=make_task_spec(mounts=[MOUNT]))
    await leader.put(*(make_task(f"t{n}", service=service, slot=n, state="PENDING") for n in range(4)))
    assert len({task.node_id for task in leader.tasks()}) == 1
    assert all(task.status.state == ASSIGNED for task in leader.tasks())
    assert len(states(leader)) == 1


@pytest.mark.parametrize("end", ["COMPLETE", "FAILED", "deleted"])
async def test_freed_when_the_last_task_ends(leader: Leader, end: str) -> None:
    """12.2.4: a published volume whose last task on the node is over is to be unpublished there, and not before."""
    await leader.put(node("n1"), node("n2"), make_volume("v1", name="v", published={"n1": "PUBLISHED"}))
    assert states(leader) == {"n1": "PENDING_NODE_UNPUBLISH"}  # nobody uses it
    await leader.put(running("t1", "n1"), running("t2", "n1"), running("t3", "n2"))
    await leader.put(make_volume("v1", name="v", published={"n1": "PUBLISHED", "n2": "PUBLISHED"}))
    await leader.report("t1", "COMPLETE")
    assert states(leader) == {"n1": "PUBLISHED", "n2": "PUBLISHED"}
    if end == "deleted":
        await leader.delete(Task, "t2")
    else:
        await leader.report("t2", end)
    assert states(leader) == {"n1": "PENDING_NODE_UNPUBLISH", "n2": "PUBLISHED"}


async def test_not_freed_while_a_task_is_stopping(leader: Leader) -> None:
    """12.2.4: what is desired of a task does not matter; as long as it may run it has its volume."""
    task = running("t1", "n1")
    await leader.put(task)
    await leader.put(node("n1"), make_volume("v1", name="v", published={"n1": "PUBLISHED"}), task)
    stopping = running("t1", "n1")
    stopping.desired_state = 640
    await leader.put(stopping)
    assert states(leader) == {"n1": "PUBLISHED"}


async def test_freed_when_the_node_is_removed(leader: Leader) -> None:
    """12.2.4: tasks of a node that is removed use nothing any more."""
    await leader.put(
        node("n1"), running("t1", "n1"), make_volume("v1", name="v", published={"n1": "PUBLISHED"})
    )
    assert states(leader) == {"n1": "PUBLISHED"}
    await leader.delete(Node, "n1")
    assert states(leader) == {"n1": "PENDING_NODE_UNPUBLISH"}


async def test_new_leader_knows_the_users() -> None:
    """12.2.4: a scheduler that begins counts who uses what before it frees anything."""
    leader = Leader()
    await leader.put(node("n1"), node("n2"), running("t1", "n1"))
    await leader.put(make_volume("v1", name="v", published={"n1": "PUBLISHED", "n2": "PUBLISHED"}))
    async with leader.running(Scheduler):
        assert states(leader) == {"n1": "PUBLISHED", "n2": "PENDING_NODE_UNPUBLISH"}


async def test_a_volume_that_is_being_taken_off_is_not_given_out(leader: Leader) -> None:
    """12.3.2: a task waits until the volume has left the node, and gets it anew."""
    await leader.put(node("n1"), make_volume("v1", name="v", published={"n1": "PENDING_UNPUBLISH"}))
    await leader.put(waiting("t1"))
    assert leader.task("t1").status.state == PENDING
    await leader.put(make_volume("v1", name="v"))
    assert leader.task("t1").status.state == ASSIGNED
    assert states(leader) == {"n1": "PENDING_PUBLISH"}


async def test_drained_while_deciding() -> None:
    """12.3.6: a volume that was drained after the pass had seen it is not given out; the task waits on."""
    leader = Leader()
    await leader.put(node("n1"), make_volume("v1", name="v"), waiting("t1"))
    board = Board(leader.clock)
    board.node_changed(leader.store.find(Node)[0])
    board.volume_changed(leader.store.find(Volume)[0])
    board.task_changed(leader.task("t1"))
    decisions = board.plan()
    await leader.put(make_volume("v1", name="v", availability="DRAIN"))
    errors = await leader.store.batch(decision.write for decision in decisions)
    assert [str(error) for error in errors] == ["update out of sequence"]
    assert leader.task("t1").status.state == PENDING
    assert states(leader) == {}


async def test_many_tasks_are_one_proposal(leader: Leader) -> None:
    """12.3.6: tasks and volumes that are decided in a pass are written together."""
    await leader.put(node("n1"), make_volume("v1", name="v"))
    with leader.store.subscribe(Task, Volume) as events:
        await leader.put(*(waiting(f"t{n}") for n in range(20)))
        _, written = events.take()
    kinds = [type(event.object).__name__ for event in written.events if isinstance(event, Updated)]
    assert (kinds.count("Task"), kinds.count("Volume")) == (20, 1)
