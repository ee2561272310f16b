"""The orchestrator of global services: one task on every node that fits (docs/design/orchestration.md 2.2).

The node is the slot. Nodes that are down or drained are not in the map: their tasks are shut down. A paused
node keeps what it has. Tasks whose node no longer meets the constraints are rejected by the constraint
enforcer; here they are shut down when their service is reconciled. A new task waits for those of its service that still
stop on its node, as the replacement of a task does.
"""

from collections.abc import Sequence

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import REMOVE, RUNNING, SHUTDOWN, NodeStatus
from swarm_core.api.states import is_node_invalid
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.fill import Fill
from swarm_core.manager.orchestrator.loop import ServiceOrchestrator
from swarm_core.manager.orchestrator.task_init import init_tasks
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.placement import constraint
from swarm_core.rules.placement.constraint import Constraint
from swarm_core.rules.rollout import is_going, is_paused
from swarm_core.store.by import ByNode, ByService
from swarm_core.store.errors import StoreError
from swarm_core.store.events import Deleted, Event
from swarm_core.store.transactions import Step


class GlobalOrchestrator(ServiceOrchestrator):
    """Leader component."""

    name = "global orchestrator"

    def _reset(self) -> None:
        super()._reset()
        self._nodes: dict[str, Node] = {}  # those that are neither down nor drained
        self._services: dict[str, tuple[Service, tuple[Constraint, ...]]] = {}
        self._pending_services: dict[str, None] = {}
        self._pending_nodes: dict[str, None] = {}
        self._fills: list[Fill] = []

    def _start_up(self) -> None:
        for node in self._store.find(Node):
            if not is_node_invalid(node):
                self._nodes[node.id] = node
        for service in self._store.find(Service):
            self._service_changed(service)
        self._steps += init_tasks(self._store, self._supervisor, ("global",), self._put_right)

    def _put_right(self, task: Task) -> None:
        if task.node_id not in self._nodes:
            self._desire([task], SHUTDOWN)
        elif task.desired_state <= RUNNING and task.status.state > RUNNING:
            self._restarts[task.id] = None

    # events

    def _observe(self, event: Event) -> None:
        item, is_gone = event.object, isinstance(event, Deleted)
        if isinstance(item, Task):
            if is_gone:
                self._task_removed(item)
            else:
                self._task_changed(item)
        elif isinstance(item, Node):
            self._node_changed(item, is_gone=is_gone)
        elif isinstance(item, Service):
            if not is_gone:
                self._service_changed(item)
            elif self._services.pop(item.id, None) is not None:
                self._pending_services.pop(item.id, None)
                self._remove_all_of(item)

    def _task_changed(self, task: Task) -> None:
        if task.status.state > RUNNING:
            self._supervisor.starts.task_changed(task)
        if task.desired_state > RUNNING or task.service_id not in self._services:
            return
        if task.status.state > RUNNING:
            self._restarts[task.id] = None
        elif task.status.state == RUNNING:
            self._updater.runs(self._services[task.service_id][0], task)

    def _task_removed(self, task: Task) -> None:
        self._supervisor.starts.task_removed(task)
        if (
            task.desired_state <= RUNNING
            and task.service_id in self._services
            and task.node_id in self._nodes
        ):
            self._pending_services[task.service_id] = None

    def _node_changed(self, node: Node, *, is_gone: bool) -> None:
        if is_gone or node.status.state == NodeStatus.DOWN:
            self._supervisor.starts.node_lost(node.id)
        if is_gone:
            self._nodes.pop(node.id, None)
            self._pending_nodes.pop(node.id, None)
            self._steps += (changes.delete(task.id) for task in self._tasks_on(node.id))
        else:
            if is_node_invalid(node):
                self._nodes.pop(node.id, None)
            else:
                self._nodes[node.id] = node
            self._pending_nodes[node.id] = None

    def _service_changed(self, service: Service) -> None:
        if service.spec.HasField("global"):
            constraints = constraint.parse_or_none(service.spec.task.placement.constraints)
            self._services[service.id] = (service, constraints)
            self._pending_services[service.id] = None

    def _may_restart(self, task_id: str) -> bool:
        """Only where the task may still be; elsewhere it is just shut down."""
        task = self._store.get(Task, task_id)
        if task is None or task.service_id not in self._services or task.node_id not in self._nodes:
            return False
        if self._may_run_on(task.service_id, self._nodes[task.node_id]):
            return True
        self._desire([task], SHUTDOWN)
        return False

    def _may_run_on(self, service_id: str, node: Node) -> bool:
        return not _is_paused(node) and constraint.match(self._services[service_id][1], node)

    # reconciling

    def _reconcile(self) -> list[Step]:
        services, self._pending_services = self._pending_services, {}
        nodes, self._pending_nodes = self._pending_nodes, {}
        for service_id in services:
            self._reconcile_service(service_id)
        for node_id in nodes:
            # A service that was just reconciled over all nodes is not looked at again.
            self._reconcile_node(node_id, [one for one in self._services if one not in services])
        steps, self._steps = self._steps, []
        # Last, so that a new task sees which others of its node are to stop.
        return [*steps, *(fill.write for fill in self._fills)]

    def _settle(self, errors: Sequence[StoreError | None]) -> None:
        fills, self._fills = self._fills, []
        for fill, error in zip(reversed(fills), reversed(errors), strict=False):
            if error is None:
                fill.settle(self._clock.monotonic())

    def _reconcile_service(self, service_id: str) -> None:
        service, constraints = self._services[service_id]
        by_node: dict[str, list[Task]] = {}
        for task in self._store.find(Task, ByService(service_id)):
            if task.desired_state < REMOVE:
                by_node.setdefault(task.node_id, []).append(task)
        to_update: list[list[Task]] = []
        for node in self._nodes.values():
            tasks = by_node.pop(node.id, [])
            if not constraint.match(constraints, node):
                self._desire(tasks, SHUTDOWN)
            elif not _is_paused(node):
                if tasks and (wanted := self._supervisor.updatable(service, tasks)):
                    to_update.append(wanted)
                else:
                    self._create(service, node)
        self._updater.update(service, to_update)
        for tasks in by_node.values():
            self._desire(tasks, SHUTDOWN)

    def _reconcile_node(self, node_id: str, service_ids: list[str]) -> None:
        tasks = self._tasks_on(node_id)
        node = self._nodes.get(node_id)
        if node is None:
            self._desire(tasks, SHUTDOWN)
            return
        if _is_paused(node):
            return
        of_service: dict[str, list[Task]] = {}
        for task in tasks:
            if task.desired_state < REMOVE:
                of_service.setdefault(task.service_id, []).append(task)
        for service_id in service_ids:
            service, constraints = self._services[service_id]
            if constraint.match(constraints, node):
                self._reconcile_pair(service, node, of_service.get(service_id, []))

    def _reconcile_pair(self, service: Service, node: Node, tasks: list[Task]) -> None:
        """Leave one clean task of `service` on `node`; while it is updated they are the updater's, which may not know the node yet."""
        wanted = self._supervisor.updatable(service, tasks) if tasks else []
        if wanted and is_going(service):
            self._updater.include(service, wanted)
            return
        if wanted and is_paused(service):
            return
        clean = [task for task in wanted if not is_dirty(service, task, node)]
        if not clean:
            self._create(service, node)
        keep = clean[0].id if clean else ""
        self._desire([task for task in wanted if task.id != keep], SHUTDOWN)

    def _create(self, service: Service, node: Node) -> None:
        self._fills.append(Fill(self._supervisor, service, node.id))

    def _tasks_on(self, node_id: str) -> list[Task]:
        """The tasks of global services on a node."""
        return [task for task in self._store.find(Task, ByNode(node_id)) if task.service_id in self._services]


def _is_paused(node: Node) -> bool:
    return node.spec.availability == NodeSpec.Availability.PAUSE
