"""What an orchestrator waits for: commits of its subscription, or a moment of its clock."""

import asyncio

from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.store.events import Commit
from swarm_core.watch.queue import Subscription


class Inbox:
    """One reader of one subscription. Its timer is a task of `group`, which the caller ends.

    Most waits end with a commit, and the moment waited for is far away. So the timer stays from one wait to the next, as long as it
    ends in time; a wait that it ends too early gives no commits."""

    def __init__(self, events: Subscription[Commit], clock: Clock, group: Group) -> None:
        self._events = events
        self._clock = clock
        self._group = group
        self._timer: asyncio.Task[None] | None = None
        self._timer_at = 0.0

    async def next(self, until: float | None) -> list[Commit]:
        """The commits that are there, or none: when the clock reads `until` at the latest. Raises Overflow."""
        commits = self._events.take()
        if not commits:
            self._set_timer(until)
            if self._timer is None or not self._timer.done():
                await self._events.changed()
            commits = self._events.take()
        if self._timer is not None and self._timer.done():
            self._timer = None
        return commits

    def _set_timer(self, until: float | None) -> None:
        timer = self._timer
        if timer is not None and not timer.done() and (until is None or until < self._timer_at):
            timer.cancel()
            timer = self._timer = None
        if timer is None and until is not None:
            self._timer_at = until
            self._timer = self._group.spawn(self._run_timer(until), name="wait for what is due")

    async def _run_timer(self, until: float) -> None:
        await self._clock.sleep(until - self._clock.monotonic())
        self._events.wake()
