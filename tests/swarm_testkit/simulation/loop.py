"""An event loop on virtual time that takes the same steps whenever it runs the same program.

There are no sockets, threads or signals in it. When nothing can run, time jumps to the next timer; when there is no timer
either, the program is stuck, which is an error. Tasks hash by their number, because asyncio keeps them in sets
and would else wake or cancel them in the order of their addresses; a future is nowhere in a set with others.

What asyncio's own loop does beside that (debugging, selecting, checking for other threads) would take a good part of a run's time.
"""

import asyncio
import contextvars
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from heapq import heapify, heappop, heappush
from typing import Any

START_S = 1_000.0
# Far beyond any plan.
_LONGEST_S = 2_000.0
# Turns of the loop at one moment of time; more means that something runs in circles.
_TURNS_MAX = 200_000
# Timers so close to each other are due together.
_RESOLUTION_S = 1e-9
# So many timers, half of them cancelled, are worth sorting out.
_TIMERS_MIN = 100


class Stuck(Exception):
    """Nothing will ever happen any more, or time does not go on."""


class _NumberedTask(asyncio.Task[Any]):
    def __init__(self, *args: Any, number: int, **options: Any) -> None:
        self._number = number
        super().__init__(*args, **options)

    def __hash__(self) -> int:
        return self._number


class _Timer:
    """What is to be called at `due`. See asyncio.TimerHandle."""

    __slots__ = ("_arguments", "_loop", "_work", "context", "due", "is_cancelled")

    def __init__(
        self,
        loop: "SimulationLoop",
        due: float,
        work: Callable[..., object],
        arguments: tuple[Any, ...],
        context: contextvars.Context,
    ) -> None:
        self._loop: SimulationLoop | None = loop
        self._work, self._arguments, self.context = work, arguments, context
        self.due, self.is_cancelled = due, False

    def cancel(self) -> None:
        if not self.is_cancelled:
            self.is_cancelled = True
            self._arguments = ()
            if self._loop is not None:
                self._loop.cancelled_timers += 1

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.due

    def leave(self) -> None:
        """It is due, and counts as a timer no more."""
        self._loop = None

    def fire(self) -> None:
        """Do it, unless it was cancelled."""
        if not self.is_cancelled:
            self._work(*self._arguments)

    def __lt__(self, other: object) -> bool:
        """Timers of one moment are equal."""
        return False


class SimulationLoop(asyncio.BaseEventLoop):
    """`now` is the time in seconds, `skipped_s` what the calendar went ahead by while nothing happened."""

    # Asked for each future, and never true.
    get_debug = staticmethod(bool)
    # Kept by the class above.
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self.now = START_S
        self.skipped_s = 0.0
        self.cancelled_timers = 0
        self._numbers = itertools.count(1)
        self._due: deque[tuple[contextvars.Context, Callable[..., object], tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, _Timer]] = []
        self._turns = 0

    def time(self) -> float:
        return self.now

    def create_future(self) -> "asyncio.Future[Any]":
        next(self._numbers)  # as ever: what a seed plays depends on the numbers of its tasks
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[Any]":
        return _NumberedTask(work, loop=self, number=next(self._numbers), name=name, context=context)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> None:
        """Nobody takes back what is called in the next turn: there is no handle."""
        if context is None:
            context = contextvars.copy_context()
        self._due.append((context, callback, args))

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> _Timer:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> _Timer:
        if context is None:
            context = contextvars.copy_context()
        timer = _Timer(self, when, callback, args, context)
        heappush(self._timers, (when, timer))
        return timer

    def close(self) -> None:
        super().close()
        self._due.clear()
        self._timers.clear()

    def abandon(self) -> None:
        """Leave all tasks where they are: this loop will not run again."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    def _run_once(self) -> None:
        """One turn after the other, until somebody stops the loop."""
        due, timers = self._due, self._timers
        while True:
            if timers and (self.cancelled_timers > _TIMERS_MIN / 2 or timers[0][1].is_cancelled):
                self._forget_cancelled()
            if not due and not self._stopping:
                self._jump()
            self._turns += 1
            if self._turns > _TURNS_MAX:
                raise Stuck(f"the time stands still at {self.now:.6f}")
            if timers and timers[0][0] < self.now + _RESOLUTION_S:
                self._take_timers()
            for _ in range(len(due)):
                context, work, arguments = due.popleft()
                try:
                    context.run(work, *arguments)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001 - as asyncio's own loop does
                    self.call_exception_handler(
                        {"message": f"Exception in callback {work}", "exception": error}
                    )
            if self._stopping:
                return

    def _forget_cancelled(self) -> None:
        timers = self._timers
        if len(timers) > _TIMERS_MIN and self.cancelled_timers > len(timers) / 2:
            timers[:] = [one for one in timers if not one[1].is_cancelled]
            heapify(timers)
            self.cancelled_timers = 0
        while timers and timers[0][1].is_cancelled:
            heappop(timers)
            self.cancelled_timers -= 1

    def _jump(self) -> None:
        """Where a real loop would wait for the next timer, the time jumps to it."""
        if not self._timers:
            raise Stuck("nothing is left to happen")
        wait_s = self._timers[0][0] - self.now
        if wait_s > 0:
            self.now += wait_s
            self._turns = 0
        if self.now > START_S + _LONGEST_S:
            raise Stuck("the run does not end")

    def _take_timers(self) -> None:
        timers, due, end = self._timers, self._due, self.now + _RESOLUTION_S
        while timers and timers[0][0] < end:
            timer = heappop(timers)[1]
            timer.leave()
            due.append((timer.context, timer.fire, ()))

    def _write_to_self(self) -> None:
        raise AssertionError("there is only one thread")
