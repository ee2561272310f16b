"""The loop that the orchestrators of services share: start up, take what happened, write, again.

There is no debounce: one round takes all commits that are there. It writes restarts and starts first and
reconciles after that, from the store's new content. Updates come last: reconciling says which slots they are about.
When the subscription overflows the loop starts over; its state is rebuilt from the store.
"""

import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import NoReturn

from swarm_core.api.proto.objects_pb2 import Cluster, Node, Service, Task
from swarm_core.api.proto.types_pb2 import REMOVE, RUNNING, TaskState
from swarm_core.manager.orchestrator import changes
from swarm_core.manager.orchestrator.inbox import Inbox
from swarm_core.manager.orchestrator.restart import RestartSupervisor, start, tasks_of_slot
from swarm_core.manager.orchestrator.restart_history import slot_tuple
from swarm_core.manager.orchestrator.updater import Updater
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import beside
from swarm_core.store.by import ByService
from swarm_core.store.errors import StoreError
from swarm_core.store.events import Commit, Event
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step
from swarm_core.watch.queue import Overflow

log = logging.getLogger(__name__)


class ServiceOrchestrator(ABC):
    """Leader component for the services of one mode."""

    name: str

    def __init__(self, *, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._reset()

    def _reset(self) -> None:
        self._supervisor = RestartSupervisor(clock=self._clock, rng=self._rng)
        self._updater = Updater(self._store, self._clock, self._supervisor, self._rng)
        self._restarts: dict[str, None] = {}  # task ids in the order of their events
        self._steps: list[Step] = []

    @abstractmethod
    def _start_up(self) -> None:
        """Read the store: the component's own state, and what is to be done at once."""

    @abstractmethod
    def _observe(self, event: Event) -> None:
        """Note what `event` asks for."""

    @abstractmethod
    def _reconcile(self) -> list[Step]:
        """What brings the noted services to what their specs say."""

    def _settle(self, errors: Sequence[StoreError | None]) -> None:  # noqa: B027 - not all have something to do
        """The steps of `_reconcile` are written, but for those that were refused."""

    def _may_restart(self, task_id: str) -> bool:
        """Whether a task on the restart list still goes to the supervisor."""
        return True

    async def run(self) -> None:
        """Orchestrate until cancelled."""
        while True:
            with self._store.subscribe(Cluster, Node, Service, Task) as events:
                try:
                    async with beside() as group:
                        await self._follow(Inbox(events, self._clock, group))
                except Overflow:
                    log.warning("%s fell behind the store's changes; starting over", self.name)

    async def _follow(self, inbox: Inbox) -> NoReturn:
        self._reset()
        self._supervisor.cluster = next(iter(self._store.find(Cluster)), None)
        self._start_up()
        while True:
            await self._round()
            for commit in await inbox.next(self._next_at()):
                self._take(commit)

    def _next_at(self) -> float | None:
        ends = (self._supervisor.starts.next_at(), self._updater.next_at())
        return min((at for at in ends if at is not None), default=None)

    def _take(self, commit: Commit) -> None:
        for event in commit.events:
            if isinstance(event.object, Cluster):
                self._supervisor.cluster = event.object
            else:
                self._updater.observe(event)
                self._observe(event)

    async def _round(self) -> None:
        """Write restarts, starts and noted steps, reconcile, then go on with updates."""
        for delayed in self._supervisor.starts.take_due(self._clock.monotonic()):
            if delayed.is_restart_due:
                self._restarts[delayed.task_id] = None
            else:
                self._steps.append(start(delayed.task_id))
        await self._restart_and_start()
        self._settle(await self._write(self._reconcile()))
        await self._updater.work(self._write)

    async def _restart_and_start(self) -> None:
        restarts = [
            restart
            for task_id in self._restarts
            if self._may_restart(task_id)
            and (restart := self._supervisor.restart(task_id, is_alone=self._is_alone(task_id))) is not None
        ]
        steps, self._steps = self._steps, []
        self._restarts.clear()
        errors = await self._write([*(restart.write for restart in restarts), *steps])
        for restart, error in zip(restarts, errors, strict=False):
            if error is None:
                restart.settle(self._clock.monotonic(), self._clock.wall_ns())

    def _is_alone(self, task_id: str) -> bool:
        """Whether no other task of its slot is to run. Only an update puts two there, so few restarts have to look closer."""
        task = self._store.get(Task, task_id)
        service = self._store.get(Service, task.service_id) if task is not None else None
        if task is None or service is None:
            return True
        slot = tasks_of_slot(self._store, service, slot_tuple(service, task))
        return not any(other.id != task_id and other.desired_state <= RUNNING for other in slot)

    async def _write(self, steps: list[Step]) -> list[StoreError | None]:
        return await changes.write(self._store, steps, who=self.name) if steps else []

    def _remove_all_of(self, service: Service) -> None:
        """The service is gone: its tasks follow (docs/design/tasks.md 1.8)."""
        self._supervisor.forget(service.id)
        self._desire(self._store.find(Task, ByService(service.id)), REMOVE)

    def _desire(self, tasks: Iterable[Task], desired: "TaskState.ValueType") -> None:
        self._steps += (changes.desire(task.id, desired) for task in tasks if task.desired_state < desired)
