"""Waiting for an event or a time of a clock."""

import asyncio

import pytest
from swarm_core.runtime.waiting import event_or_time
from swarm_testkit.clock import VirtualClock, in_virtual_time


@in_virtual_time
async def test_whichever_comes_first() -> None:
    """The event or the time ends the wait, and the answer says whether it was the event."""
    clock, event = VirtualClock(), asyncio.Event()
    before = clock.monotonic()
    assert not await event_or_time(clock, event, 3)
    assert clock.monotonic() - before == pytest.approx(3)
    asyncio.get_running_loop().call_later(2, event.set)
    assert await event_or_time(clock, event, 100)
    assert clock.monotonic() - before == pytest.approx(5)
    assert await event_or_time(clock, event, None)
    assert await event_or_time(clock, event, 0)
    event.clear()
    assert not await event_or_time(clock, event, 0)


@in_virtual_time
async def test_cancellation_passes() -> None:
    """A cancelled wait is cancelled."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(event_or_time(VirtualClock(), asyncio.Event(), 50), 1)
