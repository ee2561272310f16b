"""One decision about one task, and how it is written (docs/design/scheduling.md 3.8, 3.9).

A decision rests on the task object it was made from and on the version of the node it chose. When either is
not the stored one any more the write refuses, and the scheduler decides anew with what has changed.
"""

from dataclasses import dataclass, field

from swarm_core.api.proto.objects_pb2 import Node, Task, Volume
from swarm_core.api.proto.types_pb2 import (
    GenericResource,
    TaskStatus,
    VolumeAttachment,
    VolumePublishStatus,
)
from swarm_core.api.states import Actor, may_move
from swarm_core.api.volumes import publish_status
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_core.rules.placement.volumes import is_open
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Assign:
    """Put `task` on `node`. `status` is shared by all decisions of a pass."""

    task: Task
    node: NodeInfo
    status: TaskStatus
    items: tuple[GenericResource, ...] = ()
    volumes: tuple[VolumeAttachment, ...] = ()
    node_version: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "node_version", self.node.version)

    def write(self, transaction: Transaction) -> None:
        """Write it, and that its volumes are to be published on the node. Raises OutOfSequence when task or node are no
        longer what they were, or a volume can no longer be had."""
        node = transaction.get(Node, self.node.id)
        if node is None or node.meta.version.index != self.node_version:
            raise OutOfSequence
        task = _copy(transaction, self.task)
        task.node_id = self.node.id
        _move(task, self.status)
        if self.items:
            task.assigned_generic_resources.extend(self.items)
        if self.volumes or task.volumes:
            del task.volumes[:]
            task.volumes.extend(self.volumes)
            self._publish_volumes(transaction)
        transaction.update(task)

    def _publish_volumes(self, transaction: Transaction) -> None:
        for volume_id in dict.fromkeys(attachment.id for attachment in self.volumes):
            stored = transaction.get(Volume, volume_id)
            if stored is None or not is_open(stored, self.node.id):
                raise OutOfSequence
            if publish_status(stored, self.node.id) is None:
                volume = Volume()
                volume.CopyFrom(stored)
                volume.publish_status.add(node_id=self.node.id, state=VolumePublishStatus.PENDING_PUBLISH)
                transaction.update(volume)


@dataclass(frozen=True, slots=True)
class Explain:
    """Say in `task` why it has no node yet; it stays PENDING."""

    task: Task
    status: TaskStatus  # its timestamp and err are taken over

    def write(self, transaction: Transaction) -> None:
        """Write it. Raises OutOfSequence when the task is no longer what it was."""
        task = _copy(transaction, self.task)
        task.status.err = self.status.err
        task.status.timestamp.CopyFrom(self.status.timestamp)
        transaction.update(task)


@dataclass(frozen=True, slots=True)
class Close:
    """End `task`, which nobody wants any more before it had a node."""

    task: Task
    status: TaskStatus

    def write(self, transaction: Transaction) -> None:
        """Write it. Raises OutOfSequence when the task is no longer what it was."""
        task = _copy(transaction, self.task)
        _move(task, self.status)
        transaction.update(task)


@dataclass(frozen=True, slots=True)
class Free:
    """Take a volume off nodes where nobody uses it (docs/design/volumes.md 12.2)."""

    volume_id: str
    node_ids: tuple[str, ...]

    def write(self, transaction: Transaction) -> None:
        """Write it, as far as it still applies. What no node was told of yet needs no node's leave."""
        stored = transaction.get(Volume, self.volume_id)
        if stored is None:
            return
        volume = Volume()
        volume.CopyFrom(stored)
        for status in volume.publish_status:
            if status.node_id in self.node_ids:
                if status.state == VolumePublishStatus.PUBLISHED:
                    status.state = VolumePublishStatus.PENDING_NODE_UNPUBLISH
                elif status.state == VolumePublishStatus.PENDING_PUBLISH:
                    status.state = VolumePublishStatus.PENDING_UNPUBLISH
        if volume != stored:
            transaction.update(volume)


Decision = Assign | Explain | Close


def _copy(transaction: Transaction, task: Task) -> Task:
    if transaction.get(Task, task.id) is not task:
        raise OutOfSequence
    new = Task()
    new.CopyFrom(task)
    return new


def _move(task: Task, status: TaskStatus) -> None:
    assert may_move(task.status.state, status.state, Actor.SCHEDULER), (
        "only PENDING tasks are on the board's queue"
    )
    task.status.CopyFrom(status)
