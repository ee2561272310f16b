"""One simulated machine: its clock, whether it runs, and what waits for it while it stands still.

A paused host is a stopped process: its timers, disk answers and messages wait until it goes on. Its clocks run on.
"""

import asyncio
from collections.abc import Callable

from swarm_testkit.simulation.loop import START_S, SimulationLoop
from swarm_testkit.simulation.trace import Trace

_GRAIN_S = 1e-6
_WALL_START_NS = 1_760_000_000 * 10**9


class HostClock:
    """A Clock with a rate of its own and a wall clock that may be wrong. The days that are skipped count for all wall clocks."""

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._at, self._local = START_S, START_S
        self.rate = 1.0
        self.wall_offset_s = 0.0

    def monotonic(self) -> float:
        return self._local + (self._host.loop.now - self._at) * self.rate

    def wall_ns(self) -> int:
        return _WALL_START_NS + round(
            (self.monotonic() + self.wall_offset_s + self._host.loop.skipped_s) * 1e9
        )

    async def sleep(self, seconds: float) -> None:
        # A real clock goes on by itself; here a wait shorter than its grain would never end.
        await asyncio.sleep(max(seconds / self.rate, _GRAIN_S) if seconds > 0 else 0)
        if self._host.is_paused:
            await self._host.running()

    def set_rate(self, rate: float) -> None:
        """Run `rate` times as fast as true time from now on."""
        self._at, self._local = self._host.loop.now, self.monotonic()
        self.rate = rate


class Host:
    """`history` holds (true time, speed of the process from then on): 0 while it is paused, else its clock's rate."""

    def __init__(self, name: str, loop: SimulationLoop, trace: Trace) -> None:
        self.name = name
        self.loop = loop
        self.trace = trace
        self.clock = HostClock(self)
        self.is_paused = False
        self.history: list[tuple[float, float]] = [(loop.now, 1.0)]
        self._waiting: list[Callable[[], None]] = []
        self._resumed = asyncio.Event()
        self._resumed.set()

    def pause(self) -> None:
        self.trace.note(f"{self.name} pauses")
        self.is_paused = True
        self._resumed.clear()
        self._speed_changed()

    def resume(self) -> None:
        if not self.is_paused:
            return
        self.trace.note(f"{self.name} goes on")
        self.is_paused = False
        self._resumed.set()
        self._speed_changed()
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def set_clock(self, *, rate: float, wall_offset_s: float) -> None:
        self.trace.note(f"{self.name} has a clock of rate {rate:.3f}, {wall_offset_s:.0f} s off")
        self.clock.set_rate(rate)
        self.clock.wall_offset_s = wall_offset_s
        self._speed_changed()

    async def running(self) -> None:
        """Return when the host is not paused."""
        await self._resumed.wait()

    def when_running(self, callback: Callable[[], None]) -> None:
        """Call back now, or when the host goes on."""
        if self.is_paused:
            self._waiting.append(callback)
        else:
            callback()

    def before(self, at: float, running_s: float) -> float:
        """The true time from which on the host has run for `running_s` of its own seconds until `at`."""
        end = at
        for start, speed in reversed(self.history):
            if start >= end:
                continue
            if speed and (end - start) * speed >= running_s:
                return end - running_s / speed
            running_s -= (end - start) * speed
            end = start
        return self.history[0][0]

    def forget_waiting(self) -> None:
        """The manager is dead: answers of its disk and messages to it are lost with it."""
        self._waiting.clear()

    def _speed_changed(self) -> None:
        self.history.append((self.loop.now, 0.0 if self.is_paused else self.clock.rate))
