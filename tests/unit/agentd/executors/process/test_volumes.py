"""The volumes of a process as links (docs/design/volumes.md 12.10)."""

import os
import stat
from pathlib import Path

import pytest
from swarm_agentd.exec.errors import InvalidTask, Temporary
from swarm_agentd.exec.volumes import MountedVolume, PublishedVolume, mounted_volumes
from swarm_agentd.executors.process import volumes
from swarm_agentd.executors.process.directory import TaskDirectory
from swarm_agentd.executors.process.plan import Plan
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import Mount
from swarm_testkit.conformance.executor import FixedDependencies
from swarm_testkit.factories import make_cluster_mount, make_task, make_task_spec


def mounted(path: Path, target: str, *, readonly: bool = False, is_read_only: bool = False) -> MountedVolume:
    return MountedVolume(make_cluster_mount("v", target, readonly=readonly), path, is_read_only)


def test_links(tmp_path: Path) -> None:
    """12.10.3: each volume is found below the directory that the variable names; links are made anew each time."""
    directory = TaskDirectory(tmp_path, "t")
    (tmp_path / "published").mkdir()
    (tmp_path / "published/file").write_text("kept")
    for targets in (["/old"], ["/data", "deep/er"]):
        given = [mounted(tmp_path / "published", target) for target in targets]
        found = volumes.link(directory, given)
    assert found == {"SWARM_VOLUMES": str(directory.volumes)}
    assert (directory.volumes / "data/file").read_text() == "kept"
    assert (directory.volumes / "deep/er/file").read_text() == "kept"
    assert not (directory.volumes / "old").exists()
    assert volumes.link(directory, []) == {}
    assert not directory.volumes.exists()
    assert (tmp_path / "published/file").exists()


def test_read_only(tmp_path: Path) -> None:
    """12.10.3: what must not be written to must be a volume that cannot be."""
    directory = TaskDirectory(tmp_path, "t")
    volumes.link(directory, [mounted(tmp_path, "/data", readonly=True, is_read_only=True)])
    with pytest.raises(InvalidTask, match="nothing keeps a process from writing to volume v"):
        volumes.link(directory, [mounted(tmp_path, "/data", readonly=True)])


@pytest.mark.parametrize(
    ("mounts", "reason"),
    [
        ([Mount(type=Mount.BIND, source="/a", target="/b")], "needs no mount but of cluster volumes"),
        ([make_cluster_mount("v", "/../b")], "must stay below"),
        ([make_cluster_mount("v", "/")], "must stay below"),
        ([make_cluster_mount("v", "/a"), make_cluster_mount("w", "a")], "share the target"),
        ([make_cluster_mount("v", "/a/b"), make_cluster_mount("w", "/a")], "share the target"),
    ],
)
def test_bad_mounts(mounts: list[Mount], reason: str) -> None:
    """12.10.3: what cannot be a link below the directory is refused before anything is made."""
    task = make_task(spec=make_task_spec(command=["true"], mounts=mounts))
    with pytest.raises(InvalidTask, match=reason):
        Plan.of(task)


def test_good_mounts() -> None:
    """12.10.3: several volumes, each with a place of its own."""
    mounts = [
        make_cluster_mount("v", "/a/b"),
        make_cluster_mount("w", "/a/c"),
        make_cluster_mount("x", "/ab"),
    ]
    volumes.check(ProcessSpec(mounts=mounts))


def test_another_user_must_get_there(tmp_path: Path) -> None:
    """12.10.3: a user that cannot reach the volume is told which directory keeps it out."""
    (tmp_path / "private").mkdir(mode=0o700)
    directory = TaskDirectory(tmp_path / "private", "t")
    given = [mounted(tmp_path / "private", "/data")]
    volumes.link(directory, given)
    with pytest.raises(InvalidTask, match="private keeps them out"):
        volumes.check_reachable(directory, given)


def test_the_umask_keeps_no_user_out(tmp_path: Path) -> None:
    """12.10.3: every user may go through the directories that hold the links, also where a daemon's umask is 077."""
    directory = TaskDirectory(tmp_path, "t")
    before = os.umask(0o077)
    try:
        volumes.link(directory, [mounted(tmp_path, "/data/deep")])
    finally:
        os.umask(before)
    for path in (directory.volumes, directory.volumes / "data"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o711, path


def with_volumes(*ids: str) -> Task:
    task = make_task(spec=make_task_spec(mounts=[make_cluster_mount("v"), make_cluster_mount("w", "/w")]))
    for id_ in ids:
        task.volumes.add(id=id_)
    return task


async def test_volumes_come_in_the_order_of_mounts() -> None:
    """12.10.1: each mount has the volume that its manager chose for it, as soon as all are here."""
    places = {"v1": PublishedVolume(Path("/1")), "w1": PublishedVolume(Path("/2"), is_read_only=True)}
    found = await mounted_volumes(with_volumes("v1", "w1"), FixedDependencies(places))
    assert [(each.mount.source, str(each.path), each.is_read_only) for each in found] == [
        ("v", "/1", False),
        ("w", "/2", True),
    ]
    with pytest.raises(Temporary):
        await mounted_volumes(with_volumes("v1", "other"), FixedDependencies(places))
    with pytest.raises(InvalidTask, match="asks for 2 cluster volumes, and its manager has given it 1"):
        await mounted_volumes(with_volumes("v1"), FixedDependencies(places))
