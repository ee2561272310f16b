"""The volumes of a process as links (docs/design/volumes.md 12.10)."""

import os
import stat
import subprocess
from collections.abc import Iterator
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
from swarm_testkit.daemons import private_directory
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


@pytest.fixture(params=[0o022, 0o077], ids=["umask 022", "umask 077"])
def open_path(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory that every user reaches, under either umask."""
    before = os.umask(request.param)
    with private_directory() as path:
        path.chmod(0o711)
        yield path
    os.umask(before)


def test_another_user_must_get_there(open_path: Path) -> None:
    """12.10.3: a user that cannot reach the volume is told which directory keeps it out; that directory is left alone."""
    private, home = open_path / "private", open_path / "private/home"
    home.mkdir(parents=True)
    private.chmod(0o700)
    directory = TaskDirectory(home / "tasks", "t")
    directory.create()
    given = [mounted(home / "published", "/data")]
    volumes.link(directory, given)
    with pytest.raises(InvalidTask, match="private keeps them out"):
        volumes.make_reachable(home, directory, given)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_another_user_is_let_through(open_path: Path) -> None:
    """12.10.3: the node's own directories on the way to links and volumes let others pass and not look; no other directory does."""
    home = open_path / "home"
    for path in (home, home / "csi/plugin", home / "csi/plugin/v", home / "certificates"):
        path.mkdir(mode=0o700, parents=True)
    directory = TaskDirectory(home / "tasks", "t")
    directory.create()
    given = [mounted(home / "csi/plugin/v", "/data")]
    volumes.link(directory, given)
    volumes.make_reachable(home, directory, given)
    ways = (home, home / "tasks", directory.path, directory.volumes, home / "csi", home / "csi/plugin")
    assert all(path.stat().st_mode & 0o011 == 0o011 for path in ways)
    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE(directory.path.stat().st_mode) == 0o711
    closed = (home / "certificates", directory.logs, directory.work, home / "csi/plugin/v")
    assert {stat.S_IMODE(path.stat().st_mode) for path in closed} == {0o700}


@pytest.mark.root
def test_a_process_of_another_user_has_the_volume(open_path: Path) -> None:
    """12.10.3: a process of user nobody reads and writes by way of the link, and sees nothing else of the node's directories."""
    home, published = open_path / "home", open_path / "home/csi/v"
    published.mkdir(parents=True)
    published.chmod(0o777)
    home.chmod(0o700)
    directory = TaskDirectory(home / "tasks", "t")
    directory.create()
    given = [mounted(published, "/data")]
    volumes.link(directory, given)
    volumes.make_reachable(home, directory, given)
    script = f"echo here > {directory.volumes}/data/file && ! ls {home} && ! ls {directory.logs}"
    done = subprocess.run(["sh", "-c", script], user=65534, group=65534, extra_groups=[], capture_output=True)
    assert done.returncode == 0, done
    assert (published / "file").read_text() == "here\n"


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
