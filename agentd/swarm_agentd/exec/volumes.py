"""Ports: storage plugins on this node, and what an executor asks of them: the place of each volume of a task.

`swarm_core.csi.node.NodePlugins` is the real one. Calls raise `csi.errors.PluginFailed`, and may be made again after that or
after success.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import Mount, NodeCSIInfo, VolumeAssignment
from swarm_core.api.volumes import cluster_mounts

from swarm_agentd.exec.errors import InvalidTask


class NodePlugin(Protocol):
    """One storage plugin on this node."""

    async def info(self) -> NodeCSIInfo:
        """Who this node is for the plugin, and from where it reaches volumes."""

    def path(self, volume_id: str) -> Path:
        """Where a published volume is on this machine."""

    async def publish(self, volume: VolumeAssignment, secrets: Mapping[str, str]) -> None:
        """Bring a volume here."""

    async def unpublish(self, volume: VolumeAssignment) -> None:
        """Take a volume away."""


class NodePlugins(Protocol):
    """The storage plugins of this node."""

    def names(self) -> Sequence[str]:
        """Of all of them."""

    def get(self, name: str) -> NodePlugin | None:
        """The plugin of that name; None where the node was told of none."""


class NoPlugins:
    """A node that was told of no plugin."""

    def names(self) -> Sequence[str]:
        return ()

    def get(self, name: str) -> NodePlugin | None:
        return None


@dataclass(frozen=True, slots=True)
class PublishedVolume:
    """A volume on this machine; `is_read_only` where it cannot be written to."""

    path: Path
    is_read_only: bool = False


class VolumeSource(Protocol):
    """Part of exec.executor.Dependencies."""

    async def volume(self, volume_id: str) -> PublishedVolume:
        """See exec.executor.Dependencies."""


@dataclass(frozen=True, slots=True)
class MountedVolume:
    """A volume that is here, and the mount that asks for it."""

    mount: Mount
    path: Path
    is_read_only: bool


async def mounted_volumes(task: Task, source: VolumeSource) -> list[MountedVolume]:
    """The volumes of a task, when all of them are published. The manager lists them in the order of the mounts.

    Raises InvalidTask for a mount without a volume, and what `source` raises.
    """
    mounts = cluster_mounts(task.spec)
    if len(mounts) != len(task.volumes):
        raise InvalidTask(
            f"the task asks for {len(mounts)} cluster volumes, and its manager has given it {len(task.volumes)}"
        )
    found = []
    for mount, attachment in zip(mounts, task.volumes, strict=True):
        volume = await source.volume(attachment.id)
        found.append(MountedVolume(mount, volume.path, volume.is_read_only))
    return found
