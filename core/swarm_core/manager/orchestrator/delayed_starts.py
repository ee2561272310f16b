"""Replacements that wait: for their delay, and for the task they replace to stop (docs/design/orchestration.md 2.5).

Pure: fed with what happened and with the time, it says which tasks may start. A start waits for its delay, and
if it has old tasks also until each of them stopped or its node is lost, or OLD_TASK_WAIT_S have passed since the beginning.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.states import is_terminal

OLD_TASK_WAIT_S = 60.0


@dataclass(slots=True)
class DelayedStart:
    """One waiting replacement. `is_restart_due`: it ended while waiting and is to be restarted itself."""

    task_id: str
    starts_at: float
    old_tasks: dict[str, str] = field(default_factory=dict)  # ids with their nodes, until they stopped
    is_restart_due: bool = False


class DelayedStarts:
    """Waiting replacements by task id, with a heap of the times at which they may start."""

    def __init__(self) -> None:
        self._starts: dict[str, DelayedStart] = {}
        self._waiting_for: dict[str, dict[str, None]] = {}  # old task id -> ids of those that wait for it
        self._delay_ends: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []  # may hold entries that no longer apply

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._starts

    def begin(self, task_id: str, *, delay_s: float, old: Iterable[Task], now: float) -> None:
        """Let `task_id` wait for its delay, and for the `old` tasks to stop."""
        self.cancel(task_id)
        delay_ends = now + delay_s
        start = DelayedStart(task_id, delay_ends, {task.id: task.node_id for task in old})
        if start.old_tasks:
            start.starts_at = max(delay_ends, now + OLD_TASK_WAIT_S)
        for old_id in start.old_tasks:
            self._waiting_for.setdefault(old_id, {})[task_id] = None
        self._starts[task_id] = start
        self._delay_ends[task_id] = delay_ends
        heappush(self._heap, (start.starts_at, task_id))

    def cancel(self, task_id: str) -> None:
        """Forget a start; one that does not exist is fine."""
        start = self._starts.pop(task_id, None)
        if start is not None:
            self._delay_ends.pop(task_id)
            for old_id in start.old_tasks:
                waiting = self._waiting_for[old_id]
                del waiting[task_id]
                if not waiting:
                    del self._waiting_for[old_id]

    def restart_after(self, task_id: str) -> None:
        """When the wait of `task_id` ends, restart it instead of starting it."""
        self._starts[task_id].is_restart_due = True

    def task_changed(self, task: Task) -> None:
        """A task has a new status."""
        if task.id in self._waiting_for and is_terminal(task.status.state):
            self._old_stopped(task.id)

    def task_removed(self, task: Task) -> None:
        """A task is gone: what waits for it need not, and it waits no more."""
        if task.id in self._waiting_for:
            self._old_stopped(task.id)
        self.cancel(task.id)

    def node_lost(self, node_id: str) -> None:
        """A node is down or gone: nobody will report that its tasks stopped."""
        lost = {
            id_ for one in self._starts.values() for id_, where in one.old_tasks.items() if where == node_id
        }
        for old_task_id in lost:
            self._old_stopped(old_task_id)

    def _old_stopped(self, old_task_id: str) -> None:
        for task_id in self._waiting_for.pop(old_task_id):
            start = self._starts[task_id]
            del start.old_tasks[old_task_id]
            if not start.old_tasks:
                start.starts_at = self._delay_ends[task_id]
                heappush(self._heap, (start.starts_at, task_id))

    def next_at(self) -> float | None:
        """When `take_due` will give something next, as far as is known now."""
        heap = self._heap
        while heap and not self._is_current(*heap[0]):
            heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, now: float) -> list[DelayedStart]:
        """The starts whose wait is over; they are forgotten here."""
        due = []
        while (at := self.next_at()) is not None and at <= now:
            start = self._starts[heappop(self._heap)[1]]
            due.append(start)
            self.cancel(start.task_id)
        return due

    def _is_current(self, at: float, task_id: str) -> bool:
        start = self._starts.get(task_id)
        return start is not None and start.starts_at == at
