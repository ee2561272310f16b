"""What must hold of services and their tasks after every entry.

Rules
1. A replicated service never has more slots with a task that is to run than it asked for since it last had no more than it asks for now.
2. A slot, or the node of a global service, has one task that is to run; two only where some update said START_FIRST.
3. No task is let run while another one of its slot still has to stop. What is excused: START_FIRST, a node that was lost meanwhile, a minute of
   waiting, tasks that are to be removed, which make no slot, and tasks that were not assigned yet when they were to stop: no node has heard of them.
4. A job has at most `max_concurrent` open tasks, completes each slot once in an iteration, and fills none again that has completed.
5. The status of an update changes as docs/design/orchestration.md 2.6 says, unless somebody updates the service. One that comes to its end says why where
   it failed, and where it succeeded no task of an older spec is to run any more; but for START_FIRST, where an old one stays when the new one ends early,
   and for nodes that are paused, which keep what they have.
"""

from collections.abc import Callable, Iterable

from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import (
    ASSIGNED,
    COMPLETE,
    READY,
    REMOVE,
    RUNNING,
    NodeStatus,
    TaskState,
    UpdateConfig,
    UpdateStatus,
)
from swarm_core.manager.orchestrator.delayed_starts import OLD_TASK_WAIT_S
from swarm_core.manager.orchestrator.restart_history import slot_tuple
from swarm_core.rules.dirty import is_dirty
from swarm_core.rules.rollout import SlotKey
from swarm_core.store.events import Deleted, Event

from swarm_testkit.simulation.checkers import Findings

Key = tuple[str, SlotKey]
_FASTEST_CLOCK = 1.4
# What a leader knew of a node when it wrote, and what is committed before that, may differ for so long.
_NEWS_S = 10.0
_MOVES = {
    UpdateStatus.UPDATING: (UpdateStatus.COMPLETED, UpdateStatus.PAUSED, UpdateStatus.ROLLBACK_STARTED),
    UpdateStatus.ROLLBACK_STARTED: (UpdateStatus.ROLLBACK_COMPLETED, UpdateStatus.ROLLBACK_PAUSED),
    UpdateStatus.UNKNOWN: (UpdateStatus.UPDATING,),
}
_ENDS = (UpdateStatus.COMPLETED, UpdateStatus.ROLLBACK_COMPLETED)


class OrderLedger:
    """Fed with every event and with the end of every entry. `now` is the true time."""

    def __init__(self, findings: Findings, now: Callable[[], float]) -> None:
        self._findings, self._now = findings, now
        self._services: dict[str, Service] = {}
        self._tasks: dict[str, Task] = {}
        self._nodes: dict[str, Node] = {}
        self._slots: dict[str, dict[SlotKey, dict[str, None]]] = {}  # tasks by service and slot
        self._born: dict[str, float] = {}
        self._lost_until: dict[str, float] = {}  # when a node was last seen lost
        self._start_first: set[str] = set()
        self._most: dict[str, int] = {}  # slots asked for, see rule 1
        self._completed: dict[tuple[Key, int], str] = {}
        self._touched: dict[Key, None] = {}
        self._completed_updates: dict[str, None] = {}  # services
        self.updates = self.completions = 0

    def take(self, event: Event) -> None:
        """See Ledger.watchers."""
        item, is_gone = event.object, isinstance(event, Deleted)
        if isinstance(item, Service):
            self._take_service(item, is_gone=is_gone)
        elif isinstance(item, Node):
            self._take_node(item, is_gone=is_gone)
        elif isinstance(item, Task) and item.service_id:
            self._take_task(item, is_gone=is_gone)

    def entry_ends(self) -> None:
        """See Ledger.entry_watchers."""
        services = {service_id for service_id, _ in self._touched}
        for key in self._touched:
            self._check_slot(key)
        for service_id in sorted(services):
            self._check_count(service_id)
        for service_id in self._completed_updates:
            self._check_completed(service_id)
        self._touched.clear()
        self._completed_updates.clear()

    # events

    def _take_service(self, service: Service, *, is_gone: bool) -> None:
        old = self._services.pop(service.id, None)
        if is_gone:
            self._most.pop(service.id, None)
            return
        self._services[service.id] = service
        if UpdateConfig.START_FIRST in (service.spec.update.order, service.spec.rollback.order):
            self._start_first.add(service.id)
        self._touched.update({(service.id, slot): None for slot in self._slots.get(service.id, {})})
        self._touched[service.id, (0, "")] = None
        if old is not None:
            self._check_status(old, service)

    def _take_node(self, node: Node, *, is_gone: bool) -> None:
        before = self._nodes.pop(node.id, None)
        if is_gone or node.status.state == NodeStatus.DOWN or (before is not None and _is_down(before)):
            self._lost_until[node.id] = self._now()
        if not is_gone:
            self._nodes[node.id] = node

    def _take_task(self, task: Task, *, is_gone: bool) -> None:
        old = self._tasks.pop(task.id, None)
        service = self._services.get(task.service_id)
        if old is None:
            self._born[task.id] = self._now()
        slot: SlotKey = (task.slot, "") if service is None else slot_tuple(service, task)
        held = self._slots.setdefault(task.service_id, {})
        if is_gone:
            for tasks in held.values():
                tasks.pop(task.id, None)
            return
        self._tasks[task.id] = task
        held.setdefault(slot, {})[task.id] = None
        self._touched[task.service_id, slot] = None
        if service is None:
            return
        if is_job(service):
            self._check_job_task((service.id, slot), old, task)
        elif task.desired_state == RUNNING and (old is None or old.desired_state < RUNNING):
            self._check_start((service.id, slot), service, task)

    # rules

    def _check_count(self, service_id: str) -> None:
        service = self._services.get(service_id)
        if service is None:
            return
        slots = self._slots.get(service_id, {})
        if service.spec.HasField("replicated_job"):
            tasks = self._all(task_id for held in slots.values() for task_id in held)
            count = sum(_is_open(service, task) for task in tasks)
            if count > service.spec.replicated_job.max_concurrent:
                self._add(service, f"has {count} open tasks of its present iteration")
        if not service.spec.HasField("replicated"):
            return
        asked = service.spec.replicated.replicas
        count = sum(any(task.desired_state <= RUNNING for task in self._all(held)) for held in slots.values())
        most = asked if count <= asked else max(asked, self._most.get(service_id, asked))
        self._most[service_id] = most
        if count > most:
            self._add(service, f"has {count} slots to run and asked for {most} at most")

    def _check_slot(self, key: Key) -> None:
        service = self._services.get(key[0])
        if service is None:
            return
        tasks = self._all(self._slots.get(key[0], {}).get(key[1], {}))
        if is_job(service):
            wanted = [task for task in tasks if _is_open(service, task)]
        else:
            wanted = [task for task in tasks if task.desired_state <= RUNNING]
        limit = 2 if service.id in self._start_first else 1
        if len(wanted) > limit:
            self._add(service, f"has {len(wanted)} tasks to run in slot {key[1]}")

    def _check_start(self, key: Key, service: Service, task: Task) -> None:
        if service.id in self._start_first:
            return
        for other in self._all(self._slots[key[0]][key[1]]):
            if other.id == task.id or not ASSIGNED <= other.status.state <= RUNNING:
                continue
            if not RUNNING < other.desired_state < REMOVE:
                continue
            waited_s = self._now() - self._born[task.id]
            node = self._nodes.get(other.node_id)
            is_lost = node is None or _is_down(node)
            was_lost = self._lost_until.get(other.node_id, -1.0) >= self._born[task.id] - _NEWS_S
            if not is_lost and not was_lost and waited_s * _FASTEST_CLOCK < OLD_TASK_WAIT_S:
                self._add(service, f"lets task {task.id} run while {_words(other)} in slot {key[1]}")

    def _check_job_task(self, key: Key, old: Task | None, task: Task) -> None:
        run = (key, task.job_iteration.index)
        first = self._completed.get(run)
        service = self._services[key[0]]
        if old is None and first is not None:
            self._add(service, f"fills slot {key[1]} again, which {first} has completed")
        has_completed = task.status.state == COMPLETE and (old is None or old.status.state != COMPLETE)
        # A task that was told to stop may complete all the same: it was replaced by then.
        if has_completed and task.desired_state <= COMPLETE:
            self.completions += 1
            if first is not None:
                self._add(service, f"completes slot {key[1]} twice, by {first} and {task.id}")
            self._completed[run] = task.id

    def _check_status(self, old: Service, new: Service) -> None:
        before, now = old.update_status.state, new.update_status.state
        is_by_itself = old.spec_version == new.spec_version or now == UpdateStatus.ROLLBACK_STARTED
        if before == now or not is_by_itself:
            return
        if now == UpdateStatus.UPDATING:
            self.updates += 1
        is_by_hand = now in (UpdateStatus.UNKNOWN, UpdateStatus.ROLLBACK_STARTED)
        if not is_by_hand and now not in _MOVES.get(before, ()):
            words = UpdateStatus.UpdateState.Name
            self._add(new, f"goes from {words(before)} to {words(now)}")
        if now in _ENDS:
            self._completed_updates[new.id] = None
        elif not is_by_hand and now != UpdateStatus.UPDATING and not new.update_status.message:
            self._add(new, "does not say why its update ended")

    def _check_completed(self, service_id: str) -> None:
        service = self._services.get(service_id)
        if service is None or service_id in self._start_first:
            return
        for tasks in self._slots.get(service_id, {}).values():
            for task in self._all(tasks):
                node = self._nodes.get(task.node_id)
                if node is not None and node.spec.availability == NodeSpec.Availability.PAUSE:
                    continue
                if task.desired_state <= RUNNING and is_dirty(service, task, node):
                    self._add(service, f"is said to be updated, and {_words(task)} is of an older spec")

    def _all(self, task_ids: Iterable[str]) -> list[Task]:
        return [self._tasks[task_id] for task_id in task_ids]

    def _add(self, service: Service, what: str) -> None:
        self._findings.add(f"service {service.spec.annotations.name} ({service.id}) {what}")


def _is_open(service: Service, task: Task) -> bool:
    is_wanted = task.desired_state in (READY, COMPLETE) and task.status.state <= RUNNING
    return is_wanted and is_of_iteration(service, task)


def _is_down(node: Node) -> bool:
    return node.status.state == NodeStatus.DOWN


def _words(task: Task) -> str:
    state, desired = TaskState.Name(task.status.state), TaskState.Name(task.desired_state)
    return f"{task.id} is {state} and desired {desired}"
