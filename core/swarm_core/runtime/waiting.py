"""Waiting for whichever comes first: an event, or a time of a Clock; and letting others have their turn of the loop."""

import asyncio
import types
from collections.abc import Generator

from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group


async def event_or_time(clock: Clock, event: asyncio.Event, seconds: float | None) -> bool:
    """Return when `event` is set or `seconds` have passed (None: never); whether the event is set."""
    if event.is_set() or (seconds is not None and seconds <= 0):
        return event.is_set()
    if seconds is None:
        return await event.wait()
    async with Group() as group:
        timer = group.spawn(clock.sleep(seconds), name="timer")
        signal = group.spawn(event.wait(), name="event")
        await asyncio.wait((timer, signal), return_when=asyncio.FIRST_COMPLETED)
        group.cancel_all()
    return event.is_set()


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Let others have theirs."""
    yield
