"""Virtual time: a loop that never waits for a timer, and the Clock that reads it.

In a test decorated with `in_virtual_time` every sleep and timeout of the loop ends as soon as nothing else can run, in the
right order, and hours pass in no time. Threads and sockets do not mix with it.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

START_NS = 1_760_000_000 * 1_000_000_000
_POLL_S = 0.005


class _JumpingSelector(selectors.DefaultSelector):
    """Where a real selector would wait for the next timer, the time jumps to it."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.loop.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`now` is the loop's time in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


P = ParamSpec("P")


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorator: run an async test in a virtual loop. Its fixtures must not be async."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


class VirtualClock:
    """The Clock of the running virtual loop."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall_ns(self) -> int:
        return START_NS + round(self.monotonic() * 1e9)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))

    def stall(self, seconds: float) -> None:
        """Time passes in which the loop runs nothing, as when something blocks it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.now += seconds


async def until(condition: Callable[[], object], *, limit_s: float = 30.0) -> None:
    """Let the loop run until `condition` holds; fails after `limit_s` of the loop's time."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(_POLL_S)
