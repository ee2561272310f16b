"""The volume enforcer on a store in memory (docs/design/orchestration.md 2.9, volumes.md 12.8)."""

import pytest
from swarm_core.api.proto.objects_pb2 import Task, Volume
from swarm_core.api.proto.types_pb2 import PREPARING, REJECTED, RUNNING, TaskState
from swarm_core.manager.orchestrator.volume_enforcer import VolumeEnforcer
from swarm_testkit.factories import make_task, make_volume
from swarm_testkit.leader import Leader


def user(id_: str, volume_id: str, *, state: str = "RUNNING", desired: str = "RUNNING") -> Task:
    task = make_task(id_, node_id="n1", state=state, desired=desired)
    task.volumes.add(id=volume_id, source="v", target="/data")
    return task


async def test_drain_rejects_users() -> None:
    """2.9.1, volumes.md 12.8.1: tasks with a volume that becomes drained are rejected, with the reason; others run on."""
    leader = Leader()
    async with leader.running(VolumeEnforcer):
        await leader.put(make_volume("v1", name="v"), make_volume("w1"), user("t1", "v1"), user("t2", "w1"))
        assert leader.task("t1").status.state != REJECTED
        await leader.put(make_volume("v1", name="v", availability="DRAIN"))
    task = leader.task("t1")
    assert (task.status.state, task.status.err) == (REJECTED, "volume v is drained")
    assert task.desired_state == leader.task("t2").desired_state
    assert leader.task("t2").status.state != REJECTED


async def test_pause_rejects_nobody() -> None:
    """volumes.md 12.8.2: a paused volume takes no new tasks and keeps those it has."""
    leader = Leader()
    async with leader.running(VolumeEnforcer):
        await leader.put(user("t1", "v1"), make_volume("v1", availability="PAUSE"))
    assert leader.task("t1").status.state != REJECTED


async def test_looks_at_all_volumes_at_the_start() -> None:
    """2.9: what was drained under another leader is enforced too."""
    leader = Leader()
    await leader.put(user("t1", "v1"), make_volume("v1", availability="DRAIN"))
    async with leader.running(VolumeEnforcer):
        assert leader.task("t1").status.state == REJECTED


@pytest.mark.parametrize(
    ("state", "desired", "is_rejected"),
    [
        ("ASSIGNED", "RUNNING", True),
        ("PREPARING", "READY", True),
        ("RUNNING", "COMPLETE", True),
        ("RUNNING", "SHUTDOWN", False),
        ("RUNNING", "REMOVE", False),
        ("COMPLETE", "RUNNING", False),
        ("FAILED", "RUNNING", False),
    ],
)
async def test_who_is_rejected(state: str, desired: str, is_rejected: bool) -> None:
    """2.9: tasks that are wanted and have not ended; the others go or are gone."""
    leader = Leader()
    async with leader.running(VolumeEnforcer):
        await leader.put(user("t1", "v1", state=state, desired=desired))
        await leader.put(make_volume("v1", availability="DRAIN"))
    expected = REJECTED if is_rejected else TaskState.Value(state)
    assert leader.task("t1").status.state == expected


@pytest.mark.parametrize(
    ("state", "desired", "is_rejected"),
    [
        ("ASSIGNED", "RUNNING", True),
        ("PREPARING", "READY", True),
        ("PREPARING", "COMPLETE", True),
        ("STARTING", "RUNNING", True),
        ("RUNNING", "RUNNING", False),
        ("PREPARING", "SHUTDOWN", False),
        ("FAILED", "RUNNING", False),
    ],
)
async def test_removal_rejects_who_does_not_run_yet(state: str, desired: str, is_rejected: bool) -> None:
    """2.9.2, volumes.md 12.1.6: whoever waits for a volume that is removed is rejected, with the reason; who runs keeps it."""
    leader = Leader()
    async with leader.running(VolumeEnforcer):
        await leader.put(make_volume("v1", name="v"), make_volume("w1", name="w"))
        await leader.put(user("t1", "v1", state=state, desired=desired), user("t2", "w1", state=state))
        await leader.delete(Volume, "v1")
    task = leader.task("t1")
    rejected = (REJECTED, "volume v was removed", TaskState.Value(desired))
    expected = rejected if is_rejected else (TaskState.Value(state), "", TaskState.Value(desired))
    assert (task.status.state, task.status.err, task.desired_state) == expected
    assert leader.task("t2").status.state == TaskState.Value(state)


async def test_looks_for_removed_volumes_at_the_start() -> None:
    """2.9.2: a volume that was removed under another leader is missed too; its id is all that is left of it."""
    leader = Leader()
    await leader.put(make_volume("w1"), user("t2", "w1", state="PREPARING"))
    await leader.put(user("t1", "v1", state="PREPARING"), user("t3", "v1"))
    async with leader.running(VolumeEnforcer):
        assert leader.task("t1").status.err == "volume v1 was removed"
        states = [leader.task(id_).status.state for id_ in ("t1", "t2", "t3")]
        assert states == [REJECTED, PREPARING, RUNNING]
