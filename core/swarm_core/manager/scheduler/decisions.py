"""One decision about one task, and how it is written (docs/design/scheduling.md 3.8, 3.9).

A decision rests on the task object it was made from and on the version of the node it chose. When either is
not the stored one any more the write refuses, and the scheduler decides anew with what has changed.
"""

from dataclasses import dataclass, field

from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import GenericResource, TaskStatus
from swarm_core.api.states import Actor, may_move
from swarm_core.rules.placement.node_info import NodeInfo
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Assign:
    """Put `task` on `node`. `status` is shared by all decisions of a pass."""

    task: Task
    node: NodeInfo
    status: TaskStatus
    items: tuple[GenericResource, ...] = ()
    node_version: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "node_version", self.node.version)

    def write(self, transaction: Transaction) -> None:
        """Write it. Raises OutOfSequence when task or node are no longer what they were."""
        node = transaction.get(Node, self.node.id)
        if node is None or node.meta.version.index != self.node_version:
            raise OutOfSequence
        task = _copy(transaction, self.task)
        task.node_id = self.node.id
        _move(task, self.status)
        if self.items:
            task.assigned_generic_resources.extend(self.items)
        transaction.update(task)


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
