"""The orchestrator of jobs, replicated and global (docs/design/orchestration.md 2.3, 2.4).

It looks at a job when its spec changed, when one of its tasks ended or was deleted, and at global jobs when a node changed.
Tasks that failed are on the restart list, as those of other services. An update begins a new iteration: tasks of earlier ones
are removed, without the care of a rolling update.
"""

from collections.abc import Iterable

from swarm_core.api import jobs
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import COMPLETE, REMOVE, RUNNING, SHUTDOWN, NodeStatus
from swarm_core.api.states import is_node_invalid
from swarm_core.manager.orchestrator import changes, job_slots
from swarm_core.manager.orchestrator.loop import ServiceOrchestrator
from swarm_core.manager.orchestrator.task_init import init_tasks
from swarm_core.rules.placement import constraint
from swarm_core.rules.placement.constraint import Constraint
from swarm_core.store.by import ByService
from swarm_core.store.events import Deleted, Event
from swarm_core.store.transactions import Step


class JobsOrchestrator(ServiceOrchestrator):
    """Leader component."""

    name = "jobs orchestrator"

    def _reset(self) -> None:
        super()._reset()
        self._pending: dict[str, None] = {}  # jobs to reconcile
        self._global_jobs: dict[str, None] = {}

    def _start_up(self) -> None:
        for service in self._store.find(Service):
            self._service_changed(service)
        self._steps += init_tasks(self._store, self._supervisor, jobs.MODES, self._task_changed)

    # events

    def _observe(self, event: Event) -> None:
        item, is_gone = event.object, isinstance(event, Deleted)
        if isinstance(item, Task):
            if is_gone:
                self._task_removed(item)
            else:
                self._task_changed(item)
        elif isinstance(item, Node):
            self._pending.update(self._global_jobs)
        elif isinstance(item, Service):
            if not is_gone:
                self._service_changed(item)
            elif jobs.is_job(item):
                self._pending.pop(item.id, None)
                self._global_jobs.pop(item.id, None)
                self._remove_all_of(item)

    def _service_changed(self, service: Service) -> None:
        if jobs.is_job(service):
            self._pending[service.id] = None
            if service.spec.HasField("global_job"):
                self._global_jobs[service.id] = None

    def _task_changed(self, task: Task) -> None:
        if task.status.state <= RUNNING or task.desired_state > COMPLETE:
            return
        if self._job(task.service_id) is None:
            return
        self._pending[task.service_id] = None
        if task.status.state != COMPLETE:
            self._restarts[task.id] = None

    def _task_removed(self, task: Task) -> None:
        self._supervisor.starts.task_removed(task)
        if task.desired_state <= COMPLETE and self._job(task.service_id) is not None:
            self._pending[task.service_id] = None

    def _may_restart(self, task_id: str) -> bool:
        """Only in its own iteration, and of a global job only where the node still qualifies; elsewhere it is just shut down."""
        task = self._store.get(Task, task_id)
        service = self._job(task.service_id) if task is not None else None
        if task is None or service is None:
            return False
        if jobs.is_of_iteration(service, task) and self._may_run_again(service, task):
            return True
        self._desire([task], SHUTDOWN)
        return False

    def _may_run_again(self, service: Service, task: Task) -> bool:
        if not service.spec.HasField("global_job"):
            return True
        node = self._store.get(Node, task.node_id)
        constraints = constraint.parse_or_none(service.spec.task.placement.constraints)
        return node is not None and _is_candidate(constraints, node)

    def _job(self, service_id: str) -> Service | None:
        service = self._store.get(Service, service_id)
        return service if service is not None and jobs.is_job(service) else None

    # reconciling

    def _reconcile(self) -> list[Step]:
        pending, self._pending = self._pending, {}
        for service_id in pending:
            if (service := self._job(service_id)) is not None:
                self._reconcile_job(service)
        steps, self._steps = self._steps, []
        return steps

    def _reconcile_job(self, service: Service) -> None:
        now: list[Task] = []
        earlier: list[Task] = []
        for task in self._store.find(Task, ByService(service.id)):
            (now if jobs.is_of_iteration(service, task) else earlier).append(task)
        now = [task for task in now if task.desired_state < REMOVE]
        if service.spec.HasField("global_job"):
            self._desire(earlier, REMOVE)
            self._reconcile_global(service, now)
        else:
            self._desire((task for task in earlier if task.status.state <= RUNNING), REMOVE)
            self._reconcile_replicated(service, now)

    def _reconcile_replicated(self, service: Service, tasks: Iterable[Task]) -> None:
        job = service.spec.replicated_job
        free = job_slots.free_slots(
            tasks,
            max_concurrent=job.max_concurrent,
            completions=job.total_completions,
            should_restart=lambda task: self._supervisor.history.should_restart(service, task),
        )
        make = self._supervisor.maker(service).make
        self._steps += (changes.create(service.id, slot=slot, make=make) for slot in free)

    def _reconcile_global(self, service: Service, tasks: list[Task]) -> None:
        constraints = constraint.parse_or_none(service.spec.task.placement.constraints)
        nodes = {node.id: node for node in self._store.find(Node)}
        lost = [
            task
            for task in tasks
            if task.status.state <= RUNNING
            and ((node := nodes.get(task.node_id)) is None or is_node_invalid(node))
        ]
        self._desire(lost, SHUTDOWN)
        free = job_slots.free_nodes(
            tasks,
            (node.id for node in nodes.values() if _is_candidate(constraints, node)),
            lambda task: self._supervisor.history.should_restart(service, task),
        )
        make = self._supervisor.maker(service).make
        self._steps += (changes.create(service.id, node_id=node_id, make=make) for node_id in free)


def _is_candidate(constraints: tuple[Constraint, ...], node: Node) -> bool:
    """Whether a global job has a task on `node`: ready, active, and as the constraints ask."""
    return (
        node.status.state == NodeStatus.READY
        and node.spec.availability == NodeSpec.Availability.ACTIVE
        and constraint.match(constraints, node)
    )
