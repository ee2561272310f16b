"""Cluster volumes as placement sees them: who uses which on what node, and which a task may have (docs/design/volumes.md 12.3).

Rules
1. A use counts as long as its task counts on its node. The owner of the nodes says when: `use` and `release`.
2. All mounts of a task must be satisfied, on one node, at once. `choose` finds the volumes, or nothing.
3. Among the volumes of a group the one with the fewest users is taken, then one that is on the node already.
4. What a volume's object says is as old as the last `put`; who writes an assignment looks again (`is_open`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Node, Volume
from swarm_core.api.proto.specs_pb2 import VolumeSpec
from swarm_core.api.proto.types_pb2 import (
    Mount,
    Topology,
    VolumeAccessMode,
    VolumeAttachment,
    VolumePublishStatus,
)
from swarm_core.api.volumes import GROUP_PREFIX, csi_info_of, publish_status
from swarm_core.api.words import enum_word

_LEAVING = (VolumePublishStatus.PENDING_NODE_UNPUBLISH, VolumePublishStatus.PENDING_UNPUBLISH)
_UNUSED = (VolumePublishStatus.PENDING_PUBLISH, VolumePublishStatus.PUBLISHED)


@dataclass(frozen=True, slots=True)
class _Use:
    """What one task does with one volume."""

    node_id: str
    writes: bool


def is_open(volume: Volume, node_id: str) -> bool:
    """Whether a task on this node may still be given the volume, whoever else uses it."""
    return not _closed(volume, node_id)


def _closed(volume: Volume, node_id: str) -> str:
    """Why nobody new on the node may have the volume; empty where somebody may."""
    if not volume.HasField("volume_info"):
        return "is not created yet"
    if volume.pending_delete:
        return "is being removed"
    if volume.spec.availability != VolumeSpec.ACTIVE:
        return f"has availability {enum_word(VolumeSpec.VolumeAvailability, volume.spec.availability)}"
    status = publish_status(volume, node_id)
    if status is not None and status.state in _LEAVING:
        return "is being taken off this node"
    is_elsewhere = any(status.node_id != node_id for status in volume.publish_status)
    if is_elsewhere and volume.spec.access_mode.scope == VolumeAccessMode.SINGLE_NODE:
        return "is on another node, and for one node at a time"
    return ""


class VolumeSet:
    """The volumes of a cluster, with their users."""

    def __init__(self, volumes: Iterable[Volume] = ()) -> None:
        self._volumes: dict[str, Volume] = {}
        self._by_name: dict[str, str] = {}
        self._by_group: dict[str, dict[str, None]] = {}
        self._users: dict[str, dict[str, _Use]] = {}  # volume id -> task id -> use
        self._held: dict[str, tuple[str, ...]] = {}  # task id -> volume ids
        self._touched: dict[
            str, None
        ] = {}  # volumes that may be of more use, or unused, since somebody looked
        for volume in volumes:
            self.put(volume)

    def put(self, volume: Volume) -> None:
        """A volume is new or has a new object."""
        self._forget_names(volume.id)
        self._volumes[volume.id] = volume
        self._by_name[volume.spec.annotations.name] = volume.id
        if volume.spec.group:
            self._by_group.setdefault(volume.spec.group, {})[volume.id] = None
        self._touched[volume.id] = None

    def remove(self, volume_id: str) -> None:
        """A volume is gone. Tasks that have it keep it."""
        self._forget_names(volume_id)
        self._volumes.pop(volume_id, None)
        self._touched[volume_id] = None

    def _forget_names(self, volume_id: str) -> None:
        known = self._volumes.get(volume_id)
        if known is None:
            return
        if self._by_name.get(known.spec.annotations.name) == volume_id:
            del self._by_name[known.spec.annotations.name]
        group = self._by_group.get(known.spec.group)
        if group is not None and group.pop(volume_id, 0) is None and not group:
            del self._by_group[known.spec.group]

    # users

    def use(
        self, task_id: str, node_id: str, attachments: Sequence[VolumeAttachment], mounts: Sequence[Mount]
    ) -> None:
        """A task on a node has these volumes from now on, by these mounts of its spec."""
        readonly = {(mount.source, mount.target) for mount in mounts if mount.readonly}
        for attachment in attachments:
            users = self._users.setdefault(attachment.id, {})
            before = users.get(task_id)
            writes = (attachment.source, attachment.target) not in readonly
            users[task_id] = _Use(node_id, writes or (before is not None and before.writes))
        if attachments:
            self._held[task_id] = tuple({attachment.id: None for attachment in attachments})

    def release(self, task_id: str) -> None:
        """A task has no volumes any more."""
        for volume_id in self._held.pop(task_id, ()):
            users = self._users[volume_id]
            del users[task_id]
            if not users:
                del self._users[volume_id]
            self._touched[volume_id] = None

    # asking

    def take_touched(self) -> list[str]:
        """The volumes that were put, removed or released since the last call."""
        touched, self._touched = self._touched, {}
        return list(touched)

    def unused_on(self, volume_id: str) -> list[str]:
        """The nodes for which the volume is published, or about to be, and where no task uses it."""
        volume = self._volumes.get(volume_id)
        if volume is None:
            return []
        used = {use.node_id for use in self._users.get(volume_id, {}).values()}
        return [
            status.node_id
            for status in volume.publish_status
            if status.state in _UNUSED and status.node_id not in used
        ]

    def choose(self, mounts: Sequence[Mount], node: Node) -> list[VolumeAttachment] | None:
        """A volume for each mount of a task on `node`, or None where not every mount can have one."""
        chosen: list[VolumeAttachment] = []
        for mount in mounts:
            volume_id = self._best(mount, node, chosen)
            if volume_id is None:
                return None
            chosen.append(VolumeAttachment(id=volume_id, source=mount.source, target=mount.target))
        return chosen

    def shortfalls(self, mounts: Sequence[Mount], node: Node) -> Iterator[str]:
        """For people: what keeps a task with these mounts off the node, one sentence for each mount."""
        chosen: list[VolumeAttachment] = []
        for mount in mounts:
            volume_id = self._best(mount, node, chosen)
            if volume_id is not None:
                chosen.append(VolumeAttachment(id=volume_id, source=mount.source, target=mount.target))
                continue
            reasons = {
                f"volume {self._volumes[each].spec.annotations.name} {self._refusal(each, mount, node, chosen)}"
                for each in self._candidates(mount, chosen)
            }
            if not reasons:
                is_group = mount.source.startswith(GROUP_PREFIX)
                name = mount.source.removeprefix(GROUP_PREFIX)
                reasons = {f"no further volume in group {name}" if is_group else f"there is no volume {name}"}
            yield ", ".join(sorted(reasons))

    def _candidates(self, mount: Mount, chosen: Sequence[VolumeAttachment]) -> list[str]:
        """The volumes that a mount names. Two mounts of one group get two volumes."""
        if not mount.source.startswith(GROUP_PREFIX):
            volume_id = self._by_name.get(mount.source)
            return [] if volume_id is None else [volume_id]
        taken = {attachment.id for attachment in chosen}
        members = self._by_group.get(mount.source.removeprefix(GROUP_PREFIX), ())
        return [volume_id for volume_id in members if volume_id not in taken]

    def _best(self, mount: Mount, node: Node, chosen: Sequence[VolumeAttachment]) -> str | None:
        fit = [
            volume_id
            for volume_id in self._candidates(mount, chosen)
            if not self._refusal(volume_id, mount, node, chosen)
        ]

        def rank(volume_id: str) -> tuple[int, bool, str]:
            is_away = publish_status(self._volumes[volume_id], node.id) is None
            return len(self._users.get(volume_id, ())), is_away, volume_id

        return min(fit, key=rank, default=None)

    def _refusal(self, volume_id: str, mount: Mount, node: Node, chosen: Sequence[VolumeAttachment]) -> str:
        """Why a mount on the node cannot have the volume; empty where it can."""
        volume = self._volumes[volume_id]
        return (
            _closed(volume, node.id)
            or _unreachable(volume, node)
            or self._full(volume, node, chosen)
            or self._unshared(volume, mount, node.id)
        )

    def _full(self, volume: Volume, node: Node, chosen: Sequence[VolumeAttachment]) -> str:
        """The plugin's limit of volumes on one node."""
        driver = volume.spec.driver.name
        info = csi_info_of(node.description, driver)
        most = info.max_volumes_per_node if info is not None else 0
        if most <= 0:
            return ""
        here = {attachment.id for attachment in chosen} | {
            each.id for each in self._volumes.values() if self._is_on(each, node.id)
        }
        of_driver = sum(self._volumes[each].spec.driver.name == driver for each in here)
        is_new = volume.id not in here
        return (
            f"cannot be added: {driver} takes {most} volumes on this node"
            if is_new and of_driver >= most
            else ""
        )

    def _is_on(self, volume: Volume, node_id: str) -> bool:
        return publish_status(volume, node_id) is not None or any(
            use.node_id == node_id for use in self._users.get(volume.id, {}).values()
        )

    def _unshared(self, volume: Volume, mount: Mount, node_id: str) -> str:
        """What the volume's scope and sharing have against one more user."""
        users, mode = self._users.get(volume.id, {}).values(), volume.spec.access_mode
        if mode.scope == VolumeAccessMode.SINGLE_NODE and any(use.node_id != node_id for use in users):
            return "is used on another node, and for one node at a time"
        match mode.sharing:
            case VolumeAccessMode.NONE if users:
                return "is used by another task, and for one task at a time"
            case VolumeAccessMode.ONE_WRITER if not mount.readonly and any(use.writes for use in users):
                return "has a writer, and takes one"
            case VolumeAccessMode.READ_ONLY if not mount.readonly:
                return "may only be mounted read-only"
        return ""


def _unreachable(volume: Volume, node: Node) -> str:
    driver = volume.spec.driver.name
    info = csi_info_of(node.description, driver)
    if info is None:
        return f"needs CSI plugin {driver}, which does not run here"
    accessible = volume.volume_info.accessible_topology
    if not accessible or not info.accessible_topology.segments:
        return ""
    if any(_lies_in(info.accessible_topology, topology) for topology in accessible):
        return ""
    return "cannot be reached from this node's topology"


def _lies_in(place: Topology, wanted: Topology) -> bool:
    return all(place.segments.get(key) == value for key, value in wanted.segments.items())
