"""The orchestrator of replicated services (docs/design/orchestration.md 2.1).

It keeps each service at its count of slots, replaces tasks that ended or whose node is lost, and clears what a
removed service or slot leaves behind. What it knows about slots it reads from the store when a service has to be
reconciled; single task events cost one look at the task.
"""

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import REMOVE, RUNNING, NodeStatus
from swarm_core.api.states import is_node_invalid
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.loop import ServiceOrchestrator
from swarm_core.manager.orchestrator.task_init import init_tasks
from swarm_core.rules import slots
from swarm_core.store.by import ByNode, ByService
from swarm_core.store.events import Deleted, Event
from swarm_core.store.transactions import Step


class ReplicatedOrchestrator(ServiceOrchestrator):
    """Leader component."""

    name = "replicated orchestrator"

    def _reset(self) -> None:
        super()._reset()
        self._pending: dict[str, None] = {}  # services to reconcile
        self._valid_nodes: set[str] = set()

    def _start_up(self) -> None:
        self._valid_nodes = {node.id for node in self._store.find(Node) if not is_node_invalid(node)}
        for service in self._store.find(Service):
            if service.spec.HasField("replicated"):
                self._pending[service.id] = None
        self._steps += init_tasks(self._store, self._supervisor, ("replicated",), self._restart_if_needed)

    def _observe(self, event: Event) -> None:
        item = event.object
        if isinstance(item, Task):
            if isinstance(event, Deleted):
                self._task_removed(item)
            else:
                self._task_changed(item)
        elif isinstance(item, Node):
            self._node_changed(item, is_gone=isinstance(event, Deleted))
        elif isinstance(item, Service) and item.spec.HasField("replicated"):
            if isinstance(event, Deleted):
                self._pending.pop(item.id, None)
                self._remove_all_of(item)
            else:
                self._pending[item.id] = None

    def _task_changed(self, task: Task) -> None:
        if task.status.state > RUNNING:
            self._supervisor.starts.task_changed(task)
        elif task.status.state == RUNNING:
            service = self._store.get(Service, task.service_id)
            if service is not None and service.spec.HasField("replicated"):
                self._updater.runs(service, task)
        self._restart_if_needed(task)

    def _restart_if_needed(self, task: Task) -> None:
        if task.desired_state <= RUNNING and (
            task.status.state > RUNNING or (task.node_id and task.node_id not in self._valid_nodes)
        ):
            self._enqueue_restart(task)

    def _enqueue_restart(self, task: Task) -> None:
        service = self._store.get(Service, task.service_id)
        if service is not None and service.spec.HasField("replicated"):
            self._restarts[task.id] = None

    def _task_removed(self, task: Task) -> None:
        self._supervisor.starts.task_removed(task)
        if task.desired_state <= RUNNING:
            service = self._store.get(Service, task.service_id)
            if service is not None and service.spec.HasField("replicated"):
                self._pending[service.id] = None

    def _node_changed(self, node: Node, *, is_gone: bool) -> None:
        if is_gone or node.status.state == NodeStatus.DOWN:
            self._supervisor.starts.node_lost(node.id)
        if not is_gone and not is_node_invalid(node):
            self._valid_nodes.add(node.id)
            return
        self._valid_nodes.discard(node.id)
        for task in self._store.find(Task, ByNode(node.id)):
            if task.desired_state <= RUNNING:
                self._enqueue_restart(task)

    def _reconcile(self) -> list[Step]:
        pending, self._pending = self._pending, {}
        steps: list[Step] = []
        for service_id in pending:
            service = self._store.get(Service, service_id)
            if service is not None and service.spec.HasField("replicated"):
                steps += self._reconcile_service(service)
        return steps

    def _reconcile_service(self, service: Service) -> list[Step]:
        supervisor = self._supervisor
        todo = slots.reconcile(
            slots.by_slot(self._store.find(Task, ByService(service.id))),
            service.spec.replicated.replicas,
            lambda tasks: supervisor.updatable(service, tasks),
        )
        self._updater.update(service, todo.update)
        make = supervisor.maker(service).make
        return [
            *(changes.create(service.id, slot=slot, make=make) for slot in todo.create),
            *(changes.clear(task.id) for task in todo.clear),
            *(changes.desire(task.id, REMOVE) for task in todo.remove),
        ]
