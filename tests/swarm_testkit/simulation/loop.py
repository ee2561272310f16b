"""An event loop on virtual time that takes the same steps whenever it runs the same program.

There are no sockets, threads or signals in it. When nothing can run, time jumps to the next timer; when there is no timer
either, the program is stuck, which is an error. Tasks and futures hash by their number, because asyncio keeps them in sets
and would else wake or cancel them in the order of their addresses.
"""

import asyncio
import itertools
from collections.abc import Coroutine, Generator
from typing import Any

START_S = 1_000.0
# Far beyond any plan.
_LONGEST_S = 2_000.0
# Turns of the loop at one moment of time; more means that something runs in circles.
_TURNS_MAX = 200_000


class Stuck(Exception):
    """Nothing will ever happen any more, or time does not go on."""


class _NumberedTask(asyncio.Task[Any]):
    def __init__(self, *args: Any, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(*args, **options)

    def __hash__(self) -> int:
        return self._number


class _NumberedFuture(asyncio.Future[Any]):
    def __init__(self, *, loop: asyncio.AbstractEventLoop, number: int) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class _Jump:
    """Where a real selector would wait for the next timer, the time jumps to it."""

    def __init__(self, loop: "SimulationLoop") -> None:
        self._loop = loop
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck("nothing is left to happen")
        if timeout > 0:
            self._loop.now += timeout
            self._turns = 0
        if self._loop.now > START_S + _LONGEST_S:
            raise Stuck("the run does not end")
        self._turns += 1
        if self._turns > _TURNS_MAX:
            raise Stuck(f"the time stands still at {self._loop.now:.6f}")
        return []

    def close(self) -> None:
        """Nothing is held."""


class SimulationLoop(asyncio.BaseEventLoop):
    """`now` is the time in seconds, `skipped_s` what the calendar went ahead by while nothing happened."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START_S
        self.skipped_s = 0.0
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        self._numbers = itertools.count(1)
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self.now

    def create_future(self) -> "asyncio.Future[Any]":
        return _NumberedFuture(loop=self, number=next(self._numbers))

    def abandon(self) -> None:
        """Leave all tasks where they are: this loop will not run again."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **options: Any,
    ) -> "asyncio.Task[Any]":
        return _NumberedTask(work, loop=loop, number=next(self._numbers), **options)

    def _process_events(self, events: list[Any]) -> None:
        assert not events

    def _write_to_self(self) -> None:
        raise AssertionError("there is only one thread")
