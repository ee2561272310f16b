"""What nodes and their tasks use, from nodes to whoever watches (docs/design/usage.md).

Rules
1. Nothing of it is stored or replicated, nor kept here: a report is passed on to who watches now. Nodes remember the past, and tell it
   when somebody new watches.
2. While nobody watches nodes report nothing. Otherwise they report every EVERY_S, and more seldom where there are so many of them, or of
   their tasks, that it would cost the leader too much.
3. A node is believed about its own tasks alone, and about TASKS_MAX at most. Of a node that reports faster than a watcher reads, the watcher gets
   the newest report.
4. Outside `run` every call is answered Aborted, and open streams end so.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.usage_pb2 import (
    ListenUsageRequest,
    NodeUsage,
    ReportUsageRequest,
    ReportUsageResponse,
    UsageWanted,
    WatchUsageMessage,
    WatchUsageRequest,
)
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument
from swarm_core.runtime.clock import Clock
from swarm_core.store.memory import MemoryStore

EVERY_S: Final = 3.0
REPORTS_PER_S: Final = 100
TASKS_PER_S: Final = 5_000
TASKS_MAX: Final = 5_000
SAMPLES_MAX: Final = 64
REST_S: Final = 0.25


class _Watcher:
    """The newest report of each node that a stream has not told yet."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self._reports: dict[str, NodeUsage] = {}

    def note(self, report: NodeUsage) -> None:
        before = self._reports.get(report.node_id)
        if before is not None and before.has_history and not report.has_history:
            # The past comes once: it must not be lost to a newer report without one.
            return
        self._reports[report.node_id] = report
        self.woken.set()

    def take(self) -> list[NodeUsage]:
        reports, self._reports = self._reports, {}
        self.woken.clear()
        return list(reports.values())


class Usage:
    """Handler of swarmtui.v1.Usage, and component of the leader."""

    name = "usage"

    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._is_running = False
        self._watchers: set[_Watcher] = set()
        self._watched = 0
        self._listeners: dict[asyncio.Event, str] = {}
        self._sizes: dict[str, int] = {}

    @property
    def is_watched(self) -> bool:
        """Whether somebody watches."""
        return bool(self._watchers)

    async def run(self) -> None:
        """Serve from now until cancelled. There is no work but that of the calls."""
        self._is_running = True
        try:
            await asyncio.Event().wait()
        finally:
            self._is_running = False
            self._sizes.clear()
            for watcher in self._watchers:
                watcher.woken.set()
            self._tell_listeners()

    async def listen_usage(self, request: ListenUsageRequest, caller: Caller) -> AsyncIterator[UsageWanted]:
        """Whether and how often the calling node is to report, and each change of that."""
        self._check_running()
        woken = asyncio.Event()
        self._listeners[woken] = caller.node_id
        try:
            told: UsageWanted | None = None
            while True:
                self._check_running()
                woken.clear()
                if (wanted := self._wanted()) != told:
                    told = wanted
                    yield wanted
                await woken.wait()
        finally:
            del self._listeners[woken]
            self._sizes.pop(caller.node_id, None)

    async def report_usage(self, request: ReportUsageRequest, caller: Caller) -> ReportUsageResponse:
        """Take what the calling node tells of itself and its tasks."""
        self._check_running()
        usage = request.usage
        if len(usage.tasks) > TASKS_MAX:
            raise InvalidArgument(f"a node tells of {TASKS_MAX} tasks at most, not of {len(usage.tasks)}")
        if any(len(each.series.ago_ms) > SAMPLES_MAX for each in usage.tasks):
            raise InvalidArgument(f"a node tells {SAMPLES_MAX} samples of a task at most")
        if not self.is_watched:
            return ReportUsageResponse()
        report = NodeUsage(node_id=caller.node_id, has_history=usage.has_history)
        if usage.HasField("machine"):
            report.machine.CopyFrom(usage.machine)
        report.tasks.extend(each for each in usage.tasks if self._is_of(each.task_id, caller))
        before = self._every_ms()
        self._sizes[caller.node_id] = len(report.tasks)
        for watcher in self._watchers:
            watcher.note(report)
        if self._every_ms() != before:
            self._tell_listeners()
        return ReportUsageResponse()

    async def watch_usage(
        self, request: WatchUsageRequest, caller: Caller
    ) -> AsyncIterator[WatchUsageMessage]:
        """What nodes report from now on."""
        self._check_running()
        watcher = _Watcher()
        self._watchers.add(watcher)
        self._watched += 1
        self._tell_listeners()
        try:
            while True:
                await watcher.woken.wait()
                self._check_running()
                yield WatchUsageMessage(every_ms=self._every_ms(), nodes=watcher.take())
                await self._clock.sleep(REST_S)
        finally:
            self._watchers.discard(watcher)
            self._tell_listeners()

    def _wanted(self) -> UsageWanted:
        if not self.is_watched:
            return UsageWanted()
        return UsageWanted(every_ms=self._every_ms(), watchers=self._watched)

    def _every_ms(self) -> int:
        """In whole steps of EVERY_S, so that a task more or less changes nothing."""
        least_s = max(len(self._listeners) / REPORTS_PER_S, sum(self._sizes.values()) / TASKS_PER_S)
        return int((least_s // EVERY_S + 1) * EVERY_S * 1_000)

    def _tell_listeners(self) -> None:
        for woken in self._listeners:
            woken.set()

    def _is_of(self, task_id: str, caller: Caller) -> bool:
        task = self._store.get(Task, task_id)
        return task is not None and task.node_id == caller.node_id

    def _check_running(self) -> None:
        if not self._is_running:
            raise Aborted("what is used is told by the leader, which this manager is not")
