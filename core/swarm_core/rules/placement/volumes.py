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


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a mount cannot have a volume on a node: half a sentence, and an order to a person who wants it there."""

    text: str
    remedy: str


def is_open(volume: Volume, node_id: str) -> bool:
    """Whether a task on this node may still be given the volume, whoever else uses it."""
    return _closed(volume, node_id) is None


def _closed(volume: Volume, node_id: str) -> Obstacle | None:
    """Why nobody new on the node may have the volume."""
    name, spec = volume.spec.annotations.name, volume.spec
    if not volume.HasField("volume_info"):
        return Obstacle("is not created yet", f"let the CSI plugin {spec.driver.name} make the volume {name}")
    if volume.pending_delete:
        return Obstacle("is being removed", f"create the volume {name} anew when it is gone")
    if spec.availability != VolumeSpec.ACTIVE:
        word = enum_word(VolumeSpec.VolumeAvailability, spec.availability, "availability")
        state = {"drain": "drained", "pause": "paused"}.get(word, word)
        return Obstacle(f"is {state}", f"activate the volume {name}")
    status = publish_status(volume, node_id)
    if status is not None and status.state in _LEAVING:
        return Obstacle("is being taken off this node", f"wait until the volume {name} has left the node")
    is_elsewhere = any(status.node_id != node_id for status in volume.publish_status)
    if is_elsewhere and spec.access_mode.scope == VolumeAccessMode.SINGLE_NODE:
        return Obstacle("is on another node, and for one node at a time", _another_scope(name))
    return None


def _another_scope(name: str) -> str:
    return f"use a volume of scope multi instead of {name}, or run the task where it is"


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

    def obstacles(self, mounts: Sequence[Mount], node: Node) -> Iterator[Obstacle]:
        """For people: what keeps a task with these mounts off the node, one for each volume that would do if it could."""
        chosen: list[VolumeAttachment] = []
        for mount in mounts:
            volume_id = self._best(mount, node, chosen)
            if volume_id is not None:
                chosen.append(VolumeAttachment(id=volume_id, source=mount.source, target=mount.target))
                continue
            candidates = self._candidates(mount, chosen)
            if not candidates:
                yield _nothing_there(mount.source)
            for each in candidates:
                obstacle = self._obstacle(each, mount, node, chosen)
                assert obstacle is not None, "none of them was chosen"
                name = self._volumes[each].spec.annotations.name
                yield Obstacle(f"volume {name} {obstacle.text}", obstacle.remedy)

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
            if self._obstacle(volume_id, mount, node, chosen) is None
        ]

        def rank(volume_id: str) -> tuple[int, bool, str]:
            is_away = publish_status(self._volumes[volume_id], node.id) is None
            return len(self._users.get(volume_id, ())), is_away, volume_id

        return min(fit, key=rank, default=None)

    def _obstacle(
        self, volume_id: str, mount: Mount, node: Node, chosen: Sequence[VolumeAttachment]
    ) -> Obstacle | None:
        """Why a mount on the node cannot have the volume."""
        volume = self._volumes[volume_id]
        return (
            _closed(volume, node.id)
            or _unreachable(volume, node)
            or self._full(volume, node, chosen)
            or self._unshared(volume, mount, node.id)
        )

    def _full(self, volume: Volume, node: Node, chosen: Sequence[VolumeAttachment]) -> Obstacle | None:
        """The plugin's limit of volumes on one node."""
        driver = volume.spec.driver.name
        info = csi_info_of(node.description, driver)
        most = info.max_volumes_per_node if info is not None else 0
        if most <= 0:
            return None
        here = {attachment.id for attachment in chosen} | {
            each.id for each in self._volumes.values() if self._is_on(each, node.id)
        }
        of_driver = sum(self._volumes[each].spec.driver.name == driver for each in here)
        if volume.id in here or of_driver < most:
            return None
        return Obstacle(
            f"cannot be added: {driver} takes {most} volumes on this node", "add a node, or use fewer volumes"
        )

    def _is_on(self, volume: Volume, node_id: str) -> bool:
        return publish_status(volume, node_id) is not None or any(
            use.node_id == node_id for use in self._users.get(volume.id, {}).values()
        )

    def _unshared(self, volume: Volume, mount: Mount, node_id: str) -> Obstacle | None:
        """What the volume's scope and sharing have against one more user."""
        users, mode = self._users.get(volume.id, {}).values(), volume.spec.access_mode
        name = volume.spec.annotations.name
        if mode.scope == VolumeAccessMode.SINGLE_NODE and any(use.node_id != node_id for use in users):
            return Obstacle("is used on another node, and for one node at a time", _another_scope(name))
        match mode.sharing:
            case VolumeAccessMode.NONE if users:
                return Obstacle(
                    "is used by another task, and for one task at a time", f"stop the task that uses {name}"
                )
            case VolumeAccessMode.ONE_WRITER if not mount.readonly and any(use.writes for use in users):
                return Obstacle("has a writer, and takes one", f"mount {name} read-only, or stop its writer")
            case VolumeAccessMode.READ_ONLY if not mount.readonly:
                return Obstacle("may only be mounted read-only", f"mount {name} read-only")
        return None


def _nothing_there(source: str) -> Obstacle:
    if not source.startswith(GROUP_PREFIX):
        return Obstacle(f"there is no volume {source}", f"create the volume {source}")
    group = source.removeprefix(GROUP_PREFIX)
    return Obstacle(f"there is no further volume in group {group}", f"create a volume of group {group}")


def _unreachable(volume: Volume, node: Node) -> Obstacle | None:
    driver = volume.spec.driver.name
    info = csi_info_of(node.description, driver)
    if info is None:
        where = node.description.hostname or node.id
        return Obstacle(
            f"needs CSI plugin {driver}, which does not run here", f"start the CSI plugin {driver} on {where}"
        )
    accessible = volume.volume_info.accessible_topology
    if not accessible or not info.accessible_topology.segments:
        return None
    if any(_lies_in(info.accessible_topology, topology) for topology in accessible):
        return None
    name = volume.spec.annotations.name
    return Obstacle(
        "cannot be reached from this node's topology", f"add a node from where {name} can be reached"
    )


def _lies_in(place: Topology, wanted: Topology) -> bool:
    return all(place.segments.get(key) == value for key, value in wanted.segments.items())
