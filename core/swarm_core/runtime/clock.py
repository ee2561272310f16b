"""Time as a constructor argument: the one place that reads the machine's clocks.

Everything that waits or stamps takes a Clock. `monotonic` orders and measures, `wall_ns` stamps
objects, `sleep` waits. Tests pass a clock of their own (swarm_testkit.clock).
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; zero or less yields once."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))
