"""A clock that stands still until a test moves it.

`advance` wakes sleepers in the order of their times and lets what they start run before time moves on, so a
test sees the same order on every run. `settle` lets everything run that can run without time passing.
"""

import asyncio
from heapq import heappop, heappush

SETTLE_TURNS = 100
START_WALL_NS = 1_700_000_000_000_000_000


class ManualClock:
    """A Clock whose time is the test's."""

    def __init__(self, *, wall_ns: int = START_WALL_NS) -> None:
        self._start_ns = wall_ns
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._serial = 0

    def monotonic(self) -> float:
        return self._now

    def wall_ns(self) -> int:
        return self._start_ns + round(self._now * 1e9)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._serial += 1
        heappush(self._sleepers, (self._now + seconds, self._serial, woken))
        await woken

    def skip(self, seconds: float) -> None:
        """Set the wall clock ahead, or back; nobody who sleeps notices."""
        self._start_ns += round(seconds * 1e9)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        end = self._now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heappop(self._sleepers)
            self._now = max(self._now, at)
            if not woken.done():
                woken.set_result(None)
                await settle()
        self._now = end
        await settle()


async def settle() -> None:
    """Give every task that is ready its turns."""
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)
