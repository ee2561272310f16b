"""The memory disk under simulated time: work takes a while, one piece after the other, and the power goes at any moment.

Work happens at the end of its time, in one step. When the power fails within it, the host is told; `run` then never
gives a result of its own: it raises PowerCut once the host is down.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, TypeVar

from swarm_testkit.disk import MemoryDisk, PowerCut
from swarm_testkit.simulation.host import Host

T = TypeVar("T")


class _Thread:
    """Like raft_node.log.worker_thread.WorkerThread: in order, and what was given to it is waited for."""

    def __init__(self, disk: "SimulatedDisk") -> None:
        self._disk = disk
        self._free_at = 0.0
        self._jobs: list[asyncio.Future[Any]] = []

    async def run(self, work: Callable[[], T]) -> T:
        disk, loop = self._disk, self._disk.host.loop
        disk.check_power()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.append(done)
        self._free_at = max(self._free_at, loop.now) + disk.latency_s()
        loop.call_at(self._free_at, disk.host.when_running, lambda: self._do(work, done))
        cancelled = False
        while not done.done():
            # What asyncio.wait does, which costs more than the work itself.
            turn: asyncio.Future[None] = loop.create_future()
            done.add_done_callback(lambda _, turn=turn: turn.done() or turn.set_result(None))  # type: ignore[misc]
            try:
                await turn
            except asyncio.CancelledError:
                cancelled = True
        self._jobs.remove(done)
        if cancelled:
            done.exception()
            raise asyncio.CancelledError
        return done.result()

    @property
    def is_idle(self) -> bool:
        return not self._jobs

    def fail(self) -> None:
        """The power is gone: nobody waits any longer."""
        for done in self._jobs:
            if not done.done():
                done.set_exception(PowerCut())

    def _do(self, work: Callable[[], T], done: "asyncio.Future[T]") -> None:
        if done.done():
            return
        try:
            done.set_result(work())
        except PowerCut:
            self._disk.power_failed()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            done.set_exception(error)


class SimulatedDisk(MemoryDisk):
    """`power_failed` is called when the power goes within a change. `latency` is a range in seconds."""

    def __init__(self, host: Host, rng: random.Random, power_failed: Callable[[], None]) -> None:
        super().__init__()
        self.host = host
        self.power_failed = power_failed
        self.latency = (0.0002, 0.005)
        self._rng = rng
        self._threads = (_Thread(self), _Thread(self))
        # On every other disk brief writes are done at once; the others have a thread for them.
        self.works_at_once = rng.random() < 0.5

    def latency_s(self) -> float:
        return self._rng.uniform(*self.latency)

    def power_off(self) -> None:
        """Every call from now on raises PowerCut, also those that wait."""
        self._changes_left = -1
        for thread in self._threads:
            thread.fail()

    def fill(self, spare: int) -> None:
        """Leave room for `spare` bytes only."""
        self.capacity = sum(content.length for content in self._now.values() if content) + spare

    def after_power_cut(self) -> "SimulatedDisk":
        """What the next start finds when the machine lost its power."""
        return self._successor(self.reboot(self._rng))

    def after_kill(self) -> "SimulatedDisk":
        """What the next start finds when only the process died: all that was written, synced or not."""
        for content in self._now.values():
            if content is not None:
                content.locked = False
        return self._successor(self)

    def _successor(self, found: MemoryDisk) -> "SimulatedDisk":
        out = SimulatedDisk(self.host, self._rng, self.power_failed)
        out._now, out.capacity, out.latency = found._now, self.capacity, self.latency
        return out

    async def run(self, work: Callable[[], T]) -> T:
        return await self._threads[0].run(work)

    async def run_brief(self, work: Callable[[], T], *, after_turn: bool = False) -> T:
        return await self.run(work)

    @property
    def is_quick(self) -> bool:
        return super().is_quick and self._threads[0].is_idle

    def at_once(self, work: Callable[[], T]) -> T:
        self.check_power()
        try:
            return super().at_once(work)
        except PowerCut:
            self.power_failed()
            raise

    async def run_aside(self, work: Callable[[], T]) -> T:
        return await self._threads[1].run(work)

    def spare_power(self) -> None:
        """The power will not go after all, unless it is gone."""
        if self._changes_left is not None and self._changes_left >= 0:
            self._changes_left = None
