"""Running sums over tasks: what a row of a service or a node shows without walking its tasks.

`TaskSums.replace(old, new)` moves the sums by one task's change; the cost does not grow with the number of tasks. Of each
task only a small tuple is kept, so that the old message need not be read again.
"""

from collections import defaultdict
from typing import NamedTuple

from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.resources.model import NodeSums, ServiceSums

_ASSIGNED, _RUNNING = types_pb2.ASSIGNED, types_pb2.RUNNING
_COMPLETE = types_pb2.COMPLETE
_ENDED_BADLY = (types_pb2.FAILED, types_pb2.REJECTED, types_pb2.ORPHANED)


class TaskFacts(NamedTuple):
    """What the sums need of a task."""

    service_id: str
    node_id: str
    is_running: bool
    is_wanted: bool
    nano_cpus: int
    memory_bytes: int
    is_troubled: bool


def facts_of(task: objects_pb2.Task) -> TaskFacts:
    """The facts of one task; reservations count while the task holds its place."""
    status = task.status
    state, desired = status.state, task.desired_state
    is_wanted = desired <= _RUNNING or (desired == _COMPLETE and state < _COMPLETE)
    is_running = state == _RUNNING and desired <= _COMPLETE
    is_troubled = state in _ENDED_BADLY or (state == types_pb2.PENDING and is_wanted and bool(status.err))
    if not _ASSIGNED <= state <= _RUNNING or not task.spec.HasField("resources"):
        return TaskFacts(task.service_id, task.node_id, is_running, is_wanted, 0, 0, is_troubled)
    reserved = task.spec.resources.reservations
    return TaskFacts(
        task.service_id,
        task.node_id,
        is_running,
        is_wanted,
        reserved.nano_cpus,
        reserved.memory_bytes,
        is_troubled,
    )


class TaskSums:
    """The sums of all services and nodes."""

    def __init__(self) -> None:
        self._facts: dict[str, TaskFacts] = {}
        self.services: defaultdict[str, ServiceSums] = defaultdict(ServiceSums)
        self.nodes: defaultdict[str, NodeSums] = defaultdict(NodeSums)

    def put(self, task: objects_pb2.Task) -> tuple[TaskFacts | None, TaskFacts]:
        """Count `task` as it is now; its facts before and after."""
        new = facts_of(task)
        old = self._facts.get(task.id)
        if old != new:
            if old is not None:
                self._add(old, -1, task.id)
            self._add(new, 1, task.id)
            self._facts[task.id] = new
        return old, new

    def remove(self, task_id: str) -> TaskFacts | None:
        """Count the task no longer."""
        old = self._facts.pop(task_id, None)
        if old is not None:
            self._add(old, -1, task_id)
        return old

    def _add(self, facts: TaskFacts, sign: int, task_id: str) -> None:
        service = self.services[facts.service_id]
        service.wanted += sign * facts.is_wanted
        if facts.is_troubled:
            (service.troubled.add if sign > 0 else service.troubled.discard)(task_id)
        if facts.is_running:
            service.running += sign
            count = service.running_on.get(facts.node_id, 0) + sign
            if count:
                service.running_on[facts.node_id] = count
            else:
                service.running_on.pop(facts.node_id, None)
        if facts.node_id:
            node = self.nodes[facts.node_id]
            node.running += sign * facts.is_running
            node.nano_cpus += sign * facts.nano_cpus
            node.memory_bytes += sign * facts.memory_bytes
            node.tasks += sign * (facts.is_wanted or facts.is_running)
