"""The task reaper: deletes tasks that are finished with, and history beyond its limit (docs/design/tasks.md 1.7).

Rules
1. A task is finished with when it is desired REMOVE, or has no service and is ORPHANED, and no agent may be
   running it. Each deletion looks again in its transaction.
2. A slot keeps as many tasks as the limit says, and always one: it tells the orchestrator that the slot was not left
   empty. Oldest go first, and only those that have ended or will never run and are not wanted any more. Of a
   job's present iteration the completion stays, or else the last attempt: without it the slot would be filled again.
3. Slots are counted as tasks come and go; a slot is read only when its count passes its limit.
"""

import logging
import random

from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto.objects_pb2 import Cluster, Service, Task
from swarm_core.api.proto.types_pb2 import COMPLETE, ORPHANED, REMOVE, RUNNING
from swarm_core.api.states import is_reapable, is_terminal, will_never_run
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.restart_history import SlotTuple, slot_tuple, status_ns
from swarm_core.runtime.clock import Clock
from swarm_core.store.by import ByNode, Slot
from swarm_core.store.events import Commit, Created, Deleted, Event
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow, Subscription

HISTORY_LIMIT_DEFAULT = 5
log = logging.getLogger(__name__)


class _ServiceSlots:
    """How many tasks each slot of a service has, and how many it may keep."""

    __slots__ = ("counts", "limit", "service")

    def __init__(self, service: Service, limit: int) -> None:
        self.service = service
        self.limit = limit  # negative: everything is kept
        self.counts: dict[SlotTuple, int] = {}

    def is_over(self, key: SlotTuple) -> bool:
        return self.limit >= 0 and max(self.limit, 1) < self.counts.get(key, 0)


class TaskReaper:
    """Leader component. It leaves nothing to chance: `rng` is taken as every component's and unused."""

    name = "task reaper"

    def __init__(self, *, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._reset()

    def _reset(self) -> None:
        self._cluster_limit = HISTORY_LIMIT_DEFAULT
        self._services: dict[str, _ServiceSlots] = {}
        self._full: dict[tuple[str, SlotTuple], None] = {}  # slots over their limit, to be looked at
        self._finished: dict[str, None] = {}  # task ids

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            with self._store.subscribe(Cluster, Service, Task) as events:
                try:
                    await self._follow(events)
                except Overflow:
                    log.warning("fell behind the store's changes; starting over from its content")

    async def _follow(self, events: Subscription[Commit]) -> None:
        self._start_up()
        await self._reap()
        async for commits in events:
            for commit in commits:
                for event in commit.events:
                    self._observe(event)
            await self._reap()

    def _start_up(self) -> None:
        self._reset()
        for cluster in self._store.find(Cluster):
            self._cluster_changed(cluster)
        for service in self._store.find(Service):
            self._service_changed(service)
        for task in self._store.find(Task):
            self._task_created(task)
            self._task_changed(task)

    def _observe(self, event: Event) -> None:
        item = event.object
        if isinstance(item, Task):
            if isinstance(event, Deleted):
                self._task_deleted(item)
                return
            if isinstance(event, Created):
                self._task_created(item)
            self._task_changed(item)
        elif isinstance(item, Service):
            if isinstance(event, Deleted):
                self._services.pop(item.id, None)
            else:
                self._service_changed(item)
        elif isinstance(item, Cluster) and not isinstance(event, Deleted):
            self._cluster_changed(item)

    def _task_created(self, task: Task) -> None:
        slots = self._services.get(task.service_id)
        if slots is not None:
            key = slot_tuple(slots.service, task)
            slots.counts[key] = slots.counts.get(key, 0) + 1
            self._look_at(slots, key)

    def _task_changed(self, task: Task) -> None:
        if task.desired_state == REMOVE:
            if is_reapable(task):
                self._finished[task.id] = None
        elif is_terminal(task.status.state) or will_never_run(task):
            slots = self._services.get(task.service_id)
            if slots is not None:
                self._look_at(slots, slot_tuple(slots.service, task))
            elif not task.service_id and task.status.state >= ORPHANED:
                self._finished[task.id] = None

    def _task_deleted(self, task: Task) -> None:
        self._finished.pop(task.id, None)
        slots = self._services.get(task.service_id)
        if slots is None:
            return
        key = slot_tuple(slots.service, task)
        left = slots.counts.get(key, 0) - 1
        if left > 0:
            slots.counts[key] = left
        else:
            slots.counts.pop(key, None)

    def _service_changed(self, service: Service) -> None:
        slots = self._services.get(service.id)
        limit = self._limit(service)
        if slots is None:
            self._services[service.id] = _ServiceSlots(service, limit)
            return
        slots.service = service
        if slots.limit != limit:
            slots.limit = limit
            for key in slots.counts:
                self._look_at(slots, key)

    def _cluster_changed(self, cluster: Cluster) -> None:
        limit = cluster.spec.orchestration.task_history_retention_limit
        if limit != self._cluster_limit:
            self._cluster_limit = limit
            for slots in self._services.values():
                self._service_changed(slots.service)

    def _limit(self, service: Service) -> int:
        """A limit of attempts replaces the cluster's limit: so many can be of use, and the live one (1.7)."""
        attempts = service.spec.task.restart.max_attempts
        return attempts + 1 if attempts else self._cluster_limit

    def _look_at(self, slots: _ServiceSlots, key: SlotTuple) -> None:
        if slots.is_over(key):
            self._full[slots.service.id, key] = None

    async def _reap(self) -> None:
        full, self._full = self._full, {}
        for service_id, key in full:
            self._trim(service_id, key)
        finished, self._finished = self._finished, {}
        if finished:
            await changes.write(self._store, map(changes.reap, finished), who=self.name)

    def _trim(self, service_id: str, key: SlotTuple) -> None:
        slots = self._services.get(service_id)
        if slots is None or not slots.is_over(key):
            return
        tasks = self._tasks_in(service_id, key)
        surplus = len(tasks) - max(slots.limit, 1)
        tasks.sort(key=status_ns)
        kept = _outcome(slots.service, tasks)
        for task in tasks:
            if surplus <= 0:
                return
            if task is not kept and _is_done_with(task) and is_reapable(task):
                self._finished[task.id] = None
                surplus -= 1

    def _tasks_in(self, service_id: str, key: SlotTuple) -> list[Task]:
        slot, node_id = key
        if not node_id:
            return self._store.find(Task, Slot(service_id, slot))
        return [task for task in self._store.find(Task, ByNode(node_id)) if task.service_id == service_id]


def _outcome(service: Service, tasks: list[Task]) -> Task | None:
    """The task that says how a job's slot stands in the present iteration; `tasks` are in the order of their times."""
    present = [task for task in tasks if is_of_iteration(service, task)] if is_job(service) else []
    completed = [task for task in present if task.status.state == COMPLETE]
    outcomes = completed or present
    return outcomes[-1] if outcomes else None


def _is_done_with(task: Task) -> bool:
    """Nobody wants the task any more. A job's task is wanted as COMPLETE until it is."""
    desired = task.desired_state
    return desired > COMPLETE or (desired > RUNNING and task.status.state == COMPLETE)
