"""A leader that gets nothing done gives way (docs/design/raft-node.md 2.9).

When the oldest proposal waits longer than half a minute although this member leads, something here is stuck. What all
tasks are doing is logged, and leadership goes to another member; at most once a minute.
"""

import asyncio
import io
import logging

_log = logging.getLogger(__name__)
STUCK_S = 30.0
PAUSE_S = 60.0


class StuckCheck:
    def __init__(self) -> None:
        self._last: float | None = None

    def is_due(self, now: float, oldest_since: float | None) -> bool:
        """Whether the leader should give way now; then it counts as done."""
        if oldest_since is None or now - oldest_since <= STUCK_S:
            return False
        if self._last is not None and now - self._last < PAUSE_S:
            return False
        self._last = now
        return True


def log_tasks() -> None:
    """What every task of this loop is doing."""
    out = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=out)
    _log.error("a proposal is stuck; what the tasks of this process are doing:\n%s", out.getvalue())
