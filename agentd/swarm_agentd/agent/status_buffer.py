"""Statuses on their way out: settled ones leave at once, those a task only passes through after a moment, unless they are
overtaken. Pure: it is told the time.
"""

from swarm_core.api.proto.types_pb2 import TaskStatus


class StatusBuffer:
    """The newest untold status of each task."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._settled: dict[str, TaskStatus] = {}
        self._passing: dict[str, TaskStatus] = {}
        self._passing_since = 0.0

    def put(self, task_id: str, status: TaskStatus, *, is_settled: bool, now: float) -> bool:
        """Take a status; it replaces what the task had. Whether `wait_s` has become shorter."""
        had_settled, had_passing = bool(self._settled), bool(self._passing)
        if is_settled:
            self._passing.pop(task_id, None)
            self._settled[task_id] = status
        elif task_id in self._settled:
            self._settled[task_id] = status
        else:
            if not self._passing:
                self._passing_since = now
            self._passing[task_id] = status
        return bool(self._settled) != had_settled or (bool(self._passing) and not had_passing)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._settled or task_id in self._passing

    def discard(self, task_id: str) -> None:
        """The task is gone; nobody wants its status."""
        self._settled.pop(task_id, None)
        self._passing.pop(task_id, None)

    def wait_s(self, now: float) -> float | None:
        """Seconds until `take` gives something; None while nothing is held."""
        if self._settled:
            return 0.0
        return max(self._passing_since + self._hold_s - now, 0.0) if self._passing else None

    def take(self, now: float) -> dict[str, TaskStatus]:
        """What is due."""
        out, self._settled = self._settled, {}
        if self._passing and now >= self._passing_since + self._hold_s:
            out.update(self._passing)
            self._passing = {}
        return out
