"""Single changes to tasks, each one step of a batch.

A step reads its task again in the transaction, so a decision made from older objects can neither lower a
desired state nor delete what an agent has taken over meanwhile. What no longer applies is left undone.
"""

import logging
from collections.abc import Callable, Iterable

from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.types_pb2 import REMOVE, TaskState
from swarm_core.api.states import is_reapable
from swarm_core.store.errors import StoreError
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction

log = logging.getLogger(__name__)


async def write(store: MemoryStore, steps: Iterable[Step], *, who: str) -> list[StoreError | None]:
    """Write `steps` as one batch; what the store refuses is logged, for no step expects it. Raises the
    proposer's error."""
    errors = await store.batch(steps)
    for error in errors:
        if error is not None:
            log.error("%s: a change was refused: %s", who, error)
    return errors


def desire(task_id: str, desired: "TaskState.ValueType") -> Step:
    """Raise the desired state of a task; it is never lowered (docs/design/tasks.md 1.2)."""

    def step(transaction: Transaction) -> None:
        old = transaction.get(Task, task_id)
        if old is None or old.desired_state >= desired:
            return
        task = Task()
        task.CopyFrom(old)
        task.desired_state = desired
        transaction.update(task)

    return step


def delete(task_id: str) -> Step:
    """Delete a task, whatever its state."""

    def step(transaction: Transaction) -> None:
        if transaction.get(Task, task_id) is not None:
            transaction.delete(Task, task_id)

    return step


def reap(task_id: str) -> Step:
    """Delete a task unless an agent may be running it (docs/design/tasks.md 9.2, removal safety)."""

    def step(transaction: Transaction) -> None:
        task = transaction.get(Task, task_id)
        if task is not None and is_reapable(task):
            transaction.delete(Task, task_id)

    return step


def clear(task_id: str) -> Step:
    """Delete a task, or desire REMOVE of it while an agent may be running it: the reaper does the rest."""

    def step(transaction: Transaction) -> None:
        task = transaction.get(Task, task_id)
        if task is not None and is_reapable(task):
            transaction.delete(Task, task_id)
        else:
            desire(task_id, REMOVE)(transaction)

    return step


def create(service_id: str, make: Callable[..., Task], *, slot: int = 0, node_id: str = "") -> Step:
    """Add the task that `make` gives for a slot or a node, if its service still exists."""

    def step(transaction: Transaction) -> None:
        if transaction.get(Service, service_id) is not None:
            transaction.create(make(slot=slot, node_id=node_id))

    return step
