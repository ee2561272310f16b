"""From a mount to the engine's words (docs/design/docker-executor.md 7.3, 7.4). Pure.

A mount that makes no sense is refused with InvalidTask before the engine sees it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.specs_pb2 import ContainerSpec
from swarm_core.api.proto.types_pb2 import Mount
from swarm_core.api.words import enum_word
from swarm_core.specs.tmpfs import tmpfs_options

from swarm_agentd.exec.errors import InvalidTask
from swarm_agentd.exec.volumes import MountedVolume

_TYPES = {Mount.BIND: "bind", Mount.VOLUME: "volume", Mount.TMPFS: "tmpfs"}
_CONSISTENCY = {0: "default", 1: "consistent", 2: "cached", 3: "delegated"}


def check(spec: ContainerSpec) -> None:
    """Refuse what can be seen to be wrong without the engine. Raises InvalidTask."""
    for each in spec.mounts:
        _check(each)


def _check(mount: Mount) -> None:
    if mount.type == Mount.NPIPE:
        raise InvalidTask("named pipes are for Windows containers; this node runs Linux containers")
    if not mount.target.startswith("/"):
        raise InvalidTask(f"mount target {mount.target!r} must be an absolute path")
    match mount.type:
        case Mount.BIND if not mount.source.startswith("/"):
            raise InvalidTask(f"bind mount source {mount.source!r} must be an absolute path")
        case Mount.VOLUME if mount.source.startswith("/"):
            raise InvalidTask(f"volume mount source {mount.source!r} must be a name, not a path")
        case Mount.TMPFS if mount.source:
            raise InvalidTask(f"a tmpfs mount has no source, not {mount.source!r}")


def with_volumes(task: Task, volumes: Sequence[MountedVolume]) -> Task:
    """The task as the engine is to run it: each cluster volume is a directory, or a device, of this machine. `volumes` come in the
    order of their mounts."""
    if not volumes:
        return task
    made = Task()
    made.CopyFrom(task)
    left = iter(volumes)
    for each in made.spec.container.mounts:
        if each.type == Mount.CLUSTER:
            volume = next(left)
            each.type, each.source = Mount.BIND, str(volume.path)
    return made


def known(words: Mapping[Any, str], number: int, what: str) -> str:
    """The engine's word; a newer manager may ask for what has none here."""
    if number not in words:
        raise InvalidTask(f"this node does not know {what} {number}; it may be older than the manager")
    return words[number]


def mount(mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Type": known(_TYPES, mount.type, "mount type"),
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.readonly,
        "Consistency": known(_CONSISTENCY, mount.consistency, "mount consistency"),
    }
    if mount.HasField("bind_options"):
        bind = mount.bind_options
        found["BindOptions"] = {
            "Propagation": enum_word(Mount.BindOptions.Propagation, bind.propagation),
            "NonRecursive": bind.nonrecursive,
            "CreateMountpoint": bind.createmountpoint,
            "ReadOnlyNonRecursive": bind.readonlynonrecursive,
            "ReadOnlyForceRecursive": bind.readonlyforcerecursive,
        }
    if mount.HasField("volume_options"):
        volume = mount.volume_options
        found["VolumeOptions"] = {
            "NoCopy": volume.nocopy,
            "Labels": dict(volume.labels),
            "Subpath": volume.subpath,
        }
        if volume.HasField("driver_config"):
            driver = volume.driver_config
            found["VolumeOptions"]["DriverConfig"] = {"Name": driver.name, "Options": dict(driver.options)}
    if mount.HasField("tmpfs_options"):
        found["TmpfsOptions"] = _tmpfs_options(mount.tmpfs_options)
    return found


def _tmpfs_options(tmpfs: Mount.TmpfsOptions) -> dict[str, Any]:
    found: dict[str, Any] = {"SizeBytes": tmpfs.size_bytes, "Mode": tmpfs.mode}
    try:
        options = tmpfs_options(tmpfs.options)
    except ValueError:
        raise InvalidTask(f"tmpfs options {tmpfs.options!r} are not a list of lists") from None
    if options:
        found["Options"] = options
    return found
