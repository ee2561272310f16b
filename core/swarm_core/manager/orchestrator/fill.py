"""The step that gives a node its task of a global service (docs/design/orchestration.md 2.2).

Like a restart it goes into a batch; once that is committed `settle` begins the wait of the new task for those that still stop on the node.
"""

from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.types_pb2 import READY, RUNNING
from swarm_core.manager.orchestrator.restart import RestartSupervisor, still_runs, tasks_of_slot
from swarm_core.store.transactions import Transaction


class Fill:
    """One new task."""

    def __init__(self, supervisor: RestartSupervisor, service: Service, node_id: str) -> None:
        self._supervisor = supervisor
        self._service = service
        self._node_id = node_id
        self._new: Task | None = None
        self._waits_for: list[Task] = []

    def write(self, transaction: Transaction) -> None:
        """Create the task, if its service still exists."""
        self._new, self._waits_for = None, []
        if transaction.get(Service, self._service.id) is None:
            return
        tasks = tasks_of_slot(transaction, self._service, (0, self._node_id))
        self._waits_for = [
            task for task in tasks if task.desired_state > RUNNING and still_runs(transaction, task)
        ]
        make = self._supervisor.maker(self._service).make
        self._new = make(slot=0, node_id=self._node_id, waits=bool(self._waits_for))
        transaction.create(self._new)

    def settle(self, now: float) -> None:
        """Begin its wait. Only after the commit."""
        if self._new is not None and self._new.desired_state == READY:
            self._supervisor.starts.begin(self._new.id, delay_s=0, old=self._waits_for, now=now)
