"""What an orchestrator waits for: commits of its subscription, or a moment of its clock."""

import asyncio

from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.store.events import Commit
from swarm_core.watch.queue import Overflow, Subscription


class Inbox:
    """One reader of one subscription. Its waits are tasks of `group`, which the caller ends."""

    def __init__(self, events: Subscription[Commit], clock: Clock, group: Group) -> None:
        self._events = events
        self._clock = clock
        self._group = group
        self._reading: asyncio.Task[list[Commit] | Overflow] | None = None

    async def next(self, until: float | None) -> list[Commit]:
        """The commits that are there, or none once the clock reads `until`. Raises Overflow."""
        if self._reading is None:
            self._reading = self._group.spawn(self._read(), name="read the store's changes")
        if until is None:
            await asyncio.wait([self._reading])
        else:
            timer = self._group.spawn(
                self._clock.sleep(until - self._clock.monotonic()), name="wait for a delayed start"
            )
            await asyncio.wait([self._reading, timer], return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
        if not self._reading.done():
            return []
        commits = self._reading.result()
        self._reading = None
        if isinstance(commits, Overflow):
            raise commits
        return commits

    async def _read(self) -> list[Commit] | Overflow:
        try:
            return await self._events.next()
        except Overflow as overflow:
            # As a value: a failing task would end the group.
            return overflow
