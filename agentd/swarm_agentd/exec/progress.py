"""What this node's tasks are busy with while they are prepared: told by executors, read by the agent.

It is for people who watch. Nothing depends on it, so it is held in memory, and only for as long as the work goes on.
"""

import asyncio
import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Activity(enum.Enum):
    """`value` is the name in swarmtui.v1.TaskProgress."""

    PULLING = "PULLING"
    EXTRACTING = "EXTRACTING"


@dataclass(frozen=True, slots=True)
class Progress:
    """`percent` of the activity; it never goes back within one."""

    activity: Activity
    percent: int

    def __post_init__(self) -> None:
        assert 0 <= self.percent <= 100


class ProgressBoard:
    """The tasks of one node that have something to tell. `changed` is set with every change; who waits clears it."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._now: dict[str, Progress] = {}

    def now(self) -> dict[str, Progress]:
        """By task id."""
        return dict(self._now)

    @contextmanager
    def telling(self, task_id: str) -> Iterator[Callable[[Progress], None]]:
        """A function that tells how far the task is; what it told is forgotten when the block is left."""

        def tell(progress: Progress) -> None:
            if self._now.get(task_id) != progress:
                self._now[task_id] = progress
                self.changed.set()

        try:
            yield tell
        finally:
            if self._now.pop(task_id, None) is not None:
                self.changed.set()
