"""The cluster volumes of a process (docs/design/volumes.md 12.10): links in one directory, which a variable names.

    <task directory>/volumes/<target>    a link to where the volume is published; SWARM_VOLUMES names the directory

A process has no view of its own of the machine's files: nothing but the link brings the volume to the path that its mount asks
for, and nothing keeps the process from writing. Rules: targets stay below the directory; a read-only mount is had of a
read-only volume alone; a process of another user is let through the node's own directories, which it cannot list; where others
keep it out it is told so before it starts.
"""

import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import Mount

from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.exec.volumes import MountedVolume
from swarm_agentd.executors.process.directory import TaskDirectory

VARIABLE = "SWARM_VOLUMES"
_PASSABLE = stat.S_IXGRP | stat.S_IXOTH


def check(spec: ProcessSpec) -> None:
    """Refuse what can be seen to be wrong without the volumes. Raises InvalidTask."""
    targets = [_target(mount) for mount in spec.mounts]
    for mount, target in zip(spec.mounts, targets, strict=True):
        if mount.type != Mount.CLUSTER:
            raise InvalidTask(
                "a process sees the files of its machine, and needs no mount but of cluster volumes"
            )
        others = [other for other in targets if other is not target]
        if target in others or any(target in other.parents for other in others):
            raise InvalidTask(f"two mounts of the process share the target {mount.target!r}")


def link(directory: TaskDirectory, volumes: Sequence[MountedVolume]) -> dict[str, str]:
    """Make the links anew; the variables that tell of them. Raises InvalidTask and OSError."""
    if directory.volumes.exists():
        shutil.rmtree(directory.volumes)
    if not volumes:
        return {}
    for volume in volumes:
        if volume.mount.readonly and not volume.is_read_only:
            raise InvalidTask(
                f"nothing keeps a process from writing to volume {volume.mount.source}: use a volume whose sharing is readonly"
            )
        path = directory.volumes / _target(volume.mount)
        _make_passable(path.parent, directory.volumes)
        path.symlink_to(volume.path)
    return {VARIABLE: str(directory.volumes)}


def _make_passable(path: Path, first: Path) -> None:
    """Make the directories from `first` to `path`, through which every user may go whatever the daemon's umask says."""
    for made in reversed([path, *path.parents]):
        if made.is_relative_to(first):
            made.mkdir(parents=True, exist_ok=True)
            made.chmod(0o711)


def make_reachable(home: Path, directory: TaskDirectory, volumes: Iterable[MountedVolume]) -> None:
    """Let a process of another user than the daemon's go to where links and volumes are. Below `home` all directories are the node's own;
    above it they are not touched. Raises InvalidTask where one of those keeps it out, and OSError."""
    home = home.resolve()
    for place in [directory.volumes, *(volume.path.parent for volume in volumes)]:
        place = place.resolve()
        for passed in reversed([place, *place.parents]):
            mode = stat.S_IMODE(passed.stat().st_mode)
            if mode & _PASSABLE == _PASSABLE:
                continue
            if passed.is_relative_to(home):
                passed.chmod(mode | _PASSABLE)
            elif not mode & stat.S_IXOTH:
                raise InvalidTask(
                    f"other users than the daemon's cannot reach {place}, where volumes are: {passed} keeps them out"
                )


def _target(mount: Mount) -> Path:
    path = PurePosixPath(mount.target.lstrip("/"))
    if ".." in path.parts or not path.parts:
        raise InvalidTask(f"target {mount.target!r} must stay below the process's own volumes")
    return Path(path)
