"""How a mirror follows a watch: what comes is read with the next flush, and flushes come at an even pace."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from swarm_core.client.watch import Update

from swarm_tui.clusters.mirror import Mirror

_FLOOD_UPDATES: Final = 100
"""So many within one interval nobody follows one by one: they are told together with those of the next ones."""
_FLOOD_INTERVALS: Final = 3


async def follow(mirror: Mirror, updates: AsyncIterator[Update]) -> None:
    """Take in every update of a watch, at once after a pause and then at the mirror's pace, until the watch ends or this is cancelled. Raises
    what reading an update raises."""
    loop, following = asyncio.get_running_loop(), asyncio.current_task()
    assert following is not None
    timer: asyncio.TimerHandle | None = None
    next_at = loop.time()
    failure: Exception | None = None

    def flush() -> None:
        nonlocal timer, next_at, failure
        is_flood = mirror.queued >= _FLOOD_UPDATES
        timer, next_at = None, loop.time() + mirror.flush_interval_s * (_FLOOD_INTERVALS if is_flood else 1)
        try:
            mirror.flush()
        except Exception as error:  # noqa: BLE001 - raised below: the task is told by being cancelled
            failure = error
            following.cancel()

    try:
        async for update in updates:
            mirror.queue(update)
            if timer is None:
                timer = loop.call_at(next_at, flush)
    except asyncio.CancelledError:
        if failure is None:
            raise
        following.uncancel()
        raise failure from None
    finally:
        if timer is not None:
            timer.cancel()
    mirror.read_queued()
