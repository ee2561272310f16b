"""From assignments to running tasks.

Rules (docs/design/agent.md 6.7)
1. The store on disk comes first: a task is stored before it is started, a status before it is reported, and a task that is
   taken away is forgotten before its work is removed.
2. The status that this node reached is the truth; an assignment's copy of it counts only for a task never seen here.
3. Ending `run` closes the controllers and stops no task's work. Only what is no longer assigned is removed.
4. A volume is in use until every task that was given it has ended, or its work is removed.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from swarm_core.api.proto.dispatcher_pb2 import AssignmentsMessage
from swarm_core.api.proto.objects_pb2 import Secret, Task
from swarm_core.api.proto.types_pb2 import RUNNING, NodeDescription, TaskStatus
from swarm_core.api.timestamps import timestamp
from swarm_core.rules.templates.tasks import expand_task
from swarm_core.rules.templates.values import TemplateError
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.log import TASK
from swarm_core.runtime.tasks import Group, cancel_and_wait
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.agent.assignments import Assignments
from swarm_agentd.agent.dependencies import DependencyStore
from swarm_agentd.agent.reporter import Reporter
from swarm_agentd.agent.status_buffer import StatusBuffer
from swarm_agentd.agent.storage import Change, Forget, PutStatus, PutTask, StorageUnusable, TaskStorage
from swarm_agentd.agent.task_manager import TaskManager
from swarm_agentd.agent.task_ports import TaskPorts
from swarm_agentd.agent.volumes import NodeVolumes
from swarm_agentd.config import AgentConfig
from swarm_agentd.exec.errors import InvalidTask, Temporary
from swarm_agentd.exec.executor import Executor
from swarm_agentd.exec.step import failed, is_told_at_once

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A task of this node; without a manager when no controller could be built."""

    task: Task
    manager: TaskManager | None = None
    runner: "asyncio.Task[None] | None" = None


class Worker:
    """The tasks of one node. `description` gives the node's newest description, for templates; `ports` gives tasks theirs."""

    def __init__(
        self,
        *,
        executor: Executor,
        storage: TaskStorage,
        volumes: NodeVolumes,
        reporter: Reporter,
        clock: Clock,
        config: AgentConfig,
        description: Callable[[], NodeDescription],
        ports: TaskPorts,
    ) -> None:
        self._executor = executor
        self._ports = ports
        self._storage = storage
        self._reporter = reporter
        self._clock = clock
        self._config = config
        self._description = description
        self._volumes = volumes
        self._dependencies = DependencyStore(volumes.published)
        self._entries: dict[str, _Entry] = {}
        self._removals: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, Task] = {}  # tasks whose work is being removed
        self._observers: list[Callable[[TaskManager], None]] = []
        self._buffer = StatusBuffer(config.passing_state_s)
        self._storing: Set[str] = frozenset()
        self._noted = asyncio.Event()
        self._ready = asyncio.Event()
        self._is_retained = False
        self._group = Group()

    async def run(self) -> None:
        """Resume the stored tasks and work until cancelled. Raises StorageUnusable when they cannot be read."""
        tasks = self._storage.load()
        try:
            async with Group() as self._group:
                self._group.spawn(self._volumes.run(), name="volumes")
                for task in tasks:
                    self._start(task)
                self._ready.set()
                await self._tell_statuses()
        finally:
            for entry in self._entries.values():
                if entry.manager is not None:
                    await entry.manager.controller.close()

    async def assign(self, message: AssignmentsMessage) -> None:
        """Carry out one message of the dispatcher; returns when it is on disk and begun."""
        await self._ready.wait()
        given = Assignments.of(message)
        if given.is_complete:
            self._dependencies.reset()
        given.apply_dependencies(self._dependencies)
        given.apply_volumes(self._volumes)
        removed = set(given.removed_tasks)
        if given.is_complete:
            removed |= self._entries.keys() - given.tasks.keys()
        for task in given.tasks.values():
            if task.id not in self._entries:
                self._ports.give(task)
        changes = [PutTask(task) for task in given.tasks.values()]
        await self._store([*map(Forget, removed), *changes])
        for task_id in removed:
            self._remove(task_id)
        if given.is_complete:
            await self._retain(given.tasks.keys() | self._removals.keys())
        for task in given.tasks.values():
            self._put(task)

    async def leave(self) -> None:
        """Give up every task and volume; return when all work is removed, and the volumes are gone or their plugins do not answer."""
        await self.assign(AssignmentsMessage(type=AssignmentsMessage.COMPLETE))
        while self._removals:
            await asyncio.wait(self._removals.values())
        if not await self._volumes.until_none(self._config.leave_volumes_s):
            _log.error("volumes stay published: their plugins have not taken them away")

    def secret(self, secret_id: str) -> Secret | None:
        """A secret that was assigned to this node."""
        return self._dependencies.secrets.get(secret_id)

    def uses_volume(self, volume_id: str) -> bool:
        """Whether a task that has not ended was given this volume."""
        here = ((entry.manager or entry).task for entry in self._entries.values())
        running = (task for task in here if task.status.state <= RUNNING)
        return any(
            attachment.id == volume_id
            for task in itertools.chain(running, self._leaving.values())
            for attachment in task.volumes
        )

    def statuses(self) -> dict[str, TaskStatus]:
        """The newest status of every task; one that is yet to be stored will be reported when it is."""
        return {
            task_id: _copy((entry.manager or entry).task.status)
            for task_id, entry in self._entries.items()
            if task_id not in self._buffer and task_id not in self._storing
        }

    def managers(self) -> list[TaskManager]:
        """The managers of all tasks that have one, ended tasks too."""
        return [entry.manager for entry in self._entries.values() if entry.manager is not None]

    def observe(self, started: Callable[[TaskManager], None]) -> Callable[[], None]:
        """Be told of each manager that is made from now on; the result ends that."""
        self._observers.append(started)
        return lambda: self._observers.remove(started)

    # tasks

    def _put(self, task: Task) -> None:
        known = self._entries.get(task.id)
        # A copy of its own: the task would keep the whole message in memory.
        own = Task()
        own.CopyFrom(task)
        if known is None:
            self._start(own)
        elif known.manager is not None:
            known.manager.update(own)
        else:
            own.status.CopyFrom(known.task.status)
            self._start(own)

    def _expand(self, task: Task) -> Task:
        try:
            return expand_task(task, self._description())
        except TemplateError as error:
            raise InvalidTask(str(error)) from None

    def _start(self, task: Task) -> None:
        self._ports.resume(task)
        try:
            expanded = self._expand(task)
            dependencies = self._dependencies.restricted(expanded, self._description)
            controller = self._executor.controller(expanded, dependencies)
        except Exception as error:  # noqa: BLE001 - a task that cannot be built fails alone
            self._refuse(task, error)
            return
        manager = TaskManager(
            task,
            controller,
            self._clock,
            retry_s=self._config.retry_step_s,
            changed=self._note,
            expand=self._expand,
        )
        work = self._run_after(self._removals.get(task.id), manager)
        runner = self._group.spawn(work, name=f"task {task.id}")
        self._entries[task.id] = _Entry(task, manager, runner)
        for observer in self._observers:
            observer(manager)

    async def _run_after(self, removal: "asyncio.Task[None] | None", manager: TaskManager) -> None:
        if removal is not None:
            await asyncio.wait([removal])
        await manager.run()

    def _refuse(self, task: Task, error: Exception) -> None:
        _log.error("task %s cannot be run here: %s", task.id, error)
        if task.status.state <= RUNNING:
            status, _ = failed(task.status, error)
            status.timestamp.CopyFrom(timestamp(self._clock.wall_ns()))
            task.status.CopyFrom(status)
            self._note(task, status)
        self._entries[task.id] = _Entry(task)

    def _remove(self, task_id: str) -> None:
        self._buffer.discard(task_id)
        self._reporter.discard(task_id)
        entry = self._entries.pop(task_id, None)
        if entry is None or entry.manager is None or entry.runner is None:
            self._ports.forget(task_id)
            return
        removal = self._group.spawn(self._dismantle(entry.manager, entry.runner), name=f"remove {task_id}")
        self._removals[task_id] = removal
        self._leaving[task_id] = entry.manager.task
        removal.add_done_callback(lambda done: self._removal_ended(task_id, done))

    def _removal_ended(self, task_id: str, removal: "asyncio.Task[None]") -> None:
        if self._removals.get(task_id) is removal:
            del self._removals[task_id]
            if self._leaving.pop(task_id).volumes:
                self._volumes.tasks_changed()

    async def _dismantle(self, manager: TaskManager, runner: "asyncio.Task[None]") -> None:
        TASK.set(manager.task.id)
        await cancel_and_wait(runner)
        try:
            while not await self._try_remove(manager):
                await self._clock.sleep(self._config.retry_step_s)
        finally:
            await manager.controller.close()
            if manager.task.id not in self._entries:
                self._ports.forget(manager.task.id)

    async def _try_remove(self, manager: TaskManager) -> bool:
        """Free the task's work; False asks for another try."""
        try:
            await manager.controller.remove()
        except Temporary as error:
            _log.warning("task %s is not removed yet: %s", manager.task.id, error)
            return False
        except Exception as error:  # noqa: BLE001 - what is left is freed after the next restart
            _log.error("task %s could not be removed: %s", manager.task.id, error)
        return True

    async def _retain(self, task_ids: Set[str]) -> None:
        """Once, when a manager has said which tasks are ours: free what an earlier daemon left behind."""
        if self._is_retained:
            return
        try:
            await self._executor.retain(frozenset(task_ids))
        except Exception as error:  # noqa: BLE001 - leftovers must not keep new tasks from starting
            _log.error("what earlier runs left behind could not be freed: %s", error)
        else:
            self._is_retained = True

    # statuses

    def _note(self, task: Task, status: TaskStatus) -> None:
        self._ports.observe(task, status)
        if status.state > RUNNING and task.volumes:
            self._volumes.tasks_changed()
        at_once = is_told_at_once(status.state, task.desired_state)
        if self._buffer.put(task.id, status, is_settled=at_once, now=self._clock.monotonic()):
            self._noted.set()

    async def _tell_statuses(self) -> None:
        while True:
            self._noted.clear()
            await event_or_time(self._clock, self._noted, self._buffer.wait_s(self._clock.monotonic()))
            due = self._buffer.take(self._clock.monotonic())
            if not due:
                continue
            self._storing = due.keys()
            await self._store([PutStatus(task_id, status) for task_id, status in due.items()])
            self._storing = frozenset()
            self._reporter.report(due)

    async def _store(self, changes: Sequence[Change]) -> None:
        """Write to the store, however long it takes until it can be written."""
        while True:
            try:
                await self._storage.write(changes)
            except StorageUnusable as error:
                _log.error("waiting for the task store: %s", error)
                await self._clock.sleep(self._config.retry_step_s)
            else:
                return


def _copy(status: TaskStatus) -> TaskStatus:
    copy = TaskStatus()
    copy.CopyFrom(status)
    return copy
