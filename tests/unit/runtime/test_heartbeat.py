"""A loop says that it turns, and never waits for whoever should listen."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from swarm_core.runtime.heartbeat import BEAT_S, WORD, beat
from swarm_core.runtime.tasks import Group
from swarm_testkit.manual_clock import ManualClock

LINE = f"{WORD}\n".encode()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


async def test_it_is_said_as_time_goes_by(pipe: tuple[int, int]) -> None:
    """One line every two seconds."""
    reading, writing = pipe
    clock = ManualClock()
    async with Group() as group:
        group.spawn(beat(writing, clock), name="heartbeat")
        for _ in range(3):
            await clock.advance(BEAT_S)
            assert os.read(reading, 4096) == LINE
        await clock.advance(3 * BEAT_S)
        assert os.read(reading, 4096) == 3 * LINE
        group.cancel_all()


async def test_nobody_listens(pipe: tuple[int, int]) -> None:
    """A pipe that nobody reads keeps its room for other words; once it is read again the lines come again."""
    reading, writing = pipe
    clock = ManualClock()
    async with Group() as group:
        group.spawn(beat(writing, clock), name="heartbeat")
        await clock.advance(1_000 * BEAT_S)
        left = os.read(reading, 65_536)
        assert len(left) < 300 and left.replace(LINE, b"") == b""
        await clock.advance(BEAT_S)
        assert os.read(reading, 4096) == LINE
        group.cancel_all()


async def test_the_listener_is_gone() -> None:
    """Then there is nothing more to say; the same holds for what is no pipe."""
    clock = ManualClock()
    reading, writing = os.pipe()
    os.close(reading)
    null = os.open(os.devnull, os.O_WRONLY)
    async with asyncio.timeout(60), Group() as group:
        tasks = [group.spawn(beat(end, clock), name="heartbeat") for end in (writing, null)]
        await clock.advance(BEAT_S)
        await asyncio.wait(tasks)
    os.close(writing)
    os.close(null)
