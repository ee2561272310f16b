"""Running sums over tasks: what a row of a service or a node shows without walking its tasks.

`TaskSums.replace(old, new)` moves the sums by one task's change; the cost does not grow with the number of tasks. Of each
task only a small tuple is kept, so that the old message need not be read again.
"""

from collections import defaultdict
from typing import NamedTuple

from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.resources.model import NodeSums, ServiceSums

_PENDING, _ASSIGNED = types_pb2.PENDING, types_pb2.ASSIGNED
_RUNNING, _COMPLETE = types_pb2.RUNNING, types_pb2.COMPLETE
_ENDED_BADLY = (types_pb2.FAILED, types_pb2.REJECTED, types_pb2.ORPHANED)


class TaskFacts(NamedTuple):
    """What the sums need of a task."""

    service_id: str
    node_id: str
    is_running: bool
    is_wanted: bool
    is_rising: bool
    """On its way to RUNNING."""
    is_placed: bool
    """It holds its place on the node, with what it reserves there."""
    nano_cpus: int
    memory_bytes: int
    is_troubled: bool
    completed_in: int | None
    """The iteration of its job in which the task completed."""
    slot: int
    """Of a task on its way to RUNNING."""


def facts_of(task: objects_pb2.Task, before: TaskFacts | None = None) -> TaskFacts:
    """The facts of one task; reservations count while the task holds its place. `before`: its facts until now; a task's spec never changes
    (SwarmKit's objects.proto), and is not read once more."""
    status, desired = task.status, task.desired_state
    state = status.state
    is_wanted = desired <= _RUNNING or (desired == _COMPLETE and state < _COMPLETE)
    is_rising = is_wanted and state < _RUNNING
    nano_cpus = memory_bytes = 0
    is_placed = _ASSIGNED <= state <= _RUNNING
    if is_placed and before is not None and before.is_placed:
        nano_cpus, memory_bytes = before.nano_cpus, before.memory_bytes
    elif is_placed and (spec := task.spec).HasField("resources"):
        reserved = spec.resources.reservations
        nano_cpus, memory_bytes = reserved.nano_cpus, reserved.memory_bytes
    return TaskFacts(
        task.service_id,
        task.node_id,
        state == _RUNNING and desired <= _COMPLETE,
        is_wanted,
        is_rising,
        is_placed,
        nano_cpus,
        memory_bytes,
        state in _ENDED_BADLY or (state == _PENDING and is_wanted and bool(status.err)),
        task.job_iteration.index if state == _COMPLETE and task.HasField("job_iteration") else None,
        task.slot if is_rising else 0,
    )


class TaskSums:
    """The sums of all services and nodes."""

    def __init__(self) -> None:
        self._facts: dict[str, TaskFacts] = {}
        self.alive = 0
        """Tasks that run or are meant to."""
        self.services: defaultdict[str, ServiceSums] = defaultdict(ServiceSums)
        self.nodes: defaultdict[str, NodeSums] = defaultdict(NodeSums)

    def put(self, id_: str, task: objects_pb2.Task) -> tuple[TaskFacts | None, TaskFacts]:
        """Count the task with this id as it is now; its facts before and after, the same object when they are the same."""
        old = self._facts.get(id_)
        new = facts_of(task, old)
        if old == new:
            return old, old
        if old is not None:
            self._add(old, -1, id_)
        service = self._add(new, 1, id_)
        if service.running < service.lowest:
            service.lowest = service.running
        self._facts[id_] = new
        return old, new

    def begin_anew(self) -> None:
        """What was counted until now was no change: no service ran less than it does."""
        for service in self.services.values():
            service.lowest = service.running

    def remove(self, task_id: str) -> TaskFacts | None:
        """Count the task no longer."""
        old = self._facts.pop(task_id, None)
        if old is not None:
            service = self._add(old, -1, task_id)
            service.lowest = min(service.lowest, service.running)
        return old

    def _add(self, facts: TaskFacts, sign: int, task_id: str) -> ServiceSums:
        self.alive += sign * (facts.is_wanted or facts.is_running)
        (
            service_id,
            node_id,
            is_running,
            is_wanted,
            is_rising,
            _,
            nano_cpus,
            memory_bytes,
            is_troubled,
            completed_in,
            slot,
        ) = facts
        service = self.services[service_id]
        if is_wanted:
            service.wanted += sign
        if is_rising and sign > 0:
            service.rising[task_id] = slot
        elif is_rising:
            service.rising.pop(task_id, None)
        if is_troubled:
            (service.troubled.add if sign > 0 else service.troubled.discard)(task_id)
        if completed_in is not None:
            service.completed[completed_in] = service.completed.get(completed_in, 0) + sign
        if is_running:
            service.running += sign
            count = service.running_on.get(node_id, 0) + sign
            if count:
                service.running_on[node_id] = count
            else:
                service.running_on.pop(node_id, None)
        if node_id:
            node = self.nodes[node_id]
            if is_running:
                node.running += sign
            if nano_cpus:
                node.nano_cpus += sign * nano_cpus
            if memory_bytes:
                node.memory_bytes += sign * memory_bytes
            if is_wanted or is_running:
                node.tasks += sign
        return service
