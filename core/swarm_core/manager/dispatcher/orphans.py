"""What becomes of the tasks of a node that is gone too long (docs/design/dispatcher.md 5.9)."""

from collections.abc import Iterator

from google.protobuf.timestamp_pb2 import Timestamp

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import ORPHANED
from swarm_core.api.states import Actor, may_move
from swarm_core.store.by import ByNode
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction


def orphan_steps(store: MemoryStore, node_id: str, now: Timestamp) -> Iterator[Step]:
    """One change per task of the node that was on its way or running: it becomes ORPHANED."""
    for task in store.find(Task, ByNode(node_id)):
        if may_move(task.status.state, ORPHANED, Actor.DISPATCHER):
            yield _orphan_step(task.id, now)


def _orphan_step(task_id: str, now: Timestamp) -> Step:
    def step(transaction: Transaction) -> None:
        stored = transaction.get(Task, task_id)
        if stored is None or not may_move(stored.status.state, ORPHANED, Actor.DISPATCHER):
            return
        task = Task()
        task.CopyFrom(stored)
        task.status.state = ORPHANED
        task.status.message = "the task's node has been down for too long"
        task.status.timestamp.CopyFrom(now)
        transaction.update(task)

    return step
