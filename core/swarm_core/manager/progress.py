"""How far nodes are with preparing their tasks, from nodes to whoever watches (docs/design/progress.md).

Rules
1. Nothing of it is stored or replicated. The leader holds what each node told last, until the node tells something else or
   says nothing for FORGET_S.
2. A node is believed about its own tasks alone; it tells of TASKS_MAX at most.
3. A watcher gets everything first, then changes, at most one message in REST_S. One that cannot follow is told everything
   anew.
4. Outside `run` every call is answered Aborted, and open streams end so.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.progress_pb2 import (
    ReportProgressRequest,
    ReportProgressResponse,
    TaskProgress,
    WatchProgressMessage,
    WatchProgressRequest,
)
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument
from swarm_core.runtime.clock import Clock
from swarm_core.store.memory import MemoryStore

TASKS_MAX: Final = 1_000
CHANGES_HELD_MAX: Final = 10_000
FORGET_S: Final = 10.0
REST_S: Final = 0.25
_LOOK_EVERY_S: Final = 1.0


@dataclass(slots=True)
class _Report:
    """What one node told last, and when."""

    tasks: dict[str, TaskProgress]
    at_s: float


class _Watcher:
    """Ids of tasks of which a stream has to tell; None: of all."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.woken.set()
        self._changed: set[str] | None = None

    def note(self, task_ids: Iterable[str]) -> None:
        if self._changed is not None:
            self._changed.update(task_ids)
            if len(self._changed) > CHANGES_HELD_MAX:
                self._changed = None
        self.woken.set()

    def begin_anew(self) -> None:
        self._changed = None
        self.woken.set()

    def take(self) -> set[str] | None:
        changed, self._changed = self._changed, set()
        self.woken.clear()
        return changed


class Progress:
    """Handler of swarmtui.v1.Progress, and component of the leader."""

    name = "progress"

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._is_running = False
        self._reports: dict[str, _Report] = {}
        self._told: dict[str, TaskProgress] = {}
        self._watchers: set[_Watcher] = set()
        self._has_reports = asyncio.Event()

    async def run(self) -> None:
        """Serve from now until cancelled. While no node tells anything nothing is done."""
        self._is_running = True
        try:
            while True:
                await self._has_reports.wait()
                await self._clock.sleep(_LOOK_EVERY_S)
                self._forget_silent()
                if not self._reports:
                    self._has_reports.clear()
        finally:
            self._is_running = False
            self._reports.clear()
            self._told.clear()
            for watcher in self._watchers:
                watcher.begin_anew()

    async def report_progress(self, request: ReportProgressRequest, caller: Caller) -> ReportProgressResponse:
        """Take what the calling node tells of its tasks."""
        self._check_running()
        if len(request.tasks) > TASKS_MAX:
            raise InvalidArgument(f"a node tells of {TASKS_MAX} tasks at most, not of {len(request.tasks)}")
        self._replace(
            caller.node_id, {each.task_id: each for each in request.tasks if self._is_of(each, caller)}
        )
        return ReportProgressResponse()

    async def watch_progress(
        self, request: WatchProgressRequest, caller: Caller
    ) -> AsyncIterator[WatchProgressMessage]:
        """What is under way, then each change."""
        self._check_running()
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            while True:
                await watcher.woken.wait()
                self._check_running()
                yield self._message(watcher.take())
                await self._clock.sleep(REST_S)
        finally:
            self._watchers.discard(watcher)

    def _message(self, changed: set[str] | None) -> WatchProgressMessage:
        if changed is None:
            return WatchProgressMessage(is_complete=True, tasks=self._told.values())
        return WatchProgressMessage(
            tasks=[self._told[task_id] for task_id in changed if task_id in self._told],
            ended=sorted(changed - self._told.keys()),
        )

    def _replace(self, node_id: str, tasks: dict[str, TaskProgress]) -> None:
        before = self._reports.pop(node_id, None)
        if tasks:
            self._reports[node_id] = _Report(tasks, self._clock.monotonic())
            self._has_reports.set()
        old = before.tasks if before is not None else {}
        changed = [task_id for task_id in {*old, *tasks} if old.get(task_id) != tasks.get(task_id)]
        for task_id in changed:
            if task_id in tasks:
                self._told[task_id] = tasks[task_id]
            else:
                self._told.pop(task_id, None)
        if changed:
            for watcher in self._watchers:
                watcher.note(changed)

    def _forget_silent(self) -> None:
        oldest_s = self._clock.monotonic() - FORGET_S
        for node_id in [node_id for node_id, report in self._reports.items() if report.at_s < oldest_s]:
            self._replace(node_id, {})

    def _is_of(self, progress: TaskProgress, caller: Caller) -> bool:
        task = self._store.get(Task, progress.task_id)
        return task is not None and task.node_id == caller.node_id

    def _check_running(self) -> None:
        if not self._is_running:
            raise Aborted("progress is told by the leader, which this manager is not")
