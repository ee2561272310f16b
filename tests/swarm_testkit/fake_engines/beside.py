"""Fake engines in a loop of their own, in a thread: for tests of what runs a loop itself, as commands do."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from swarm_testkit.fake_engines.serving import FakeEngines, fake_engines

T = TypeVar("T")
_LIMIT_S = 60.0


class Beside:
    """The engines of another thread, touched in that thread alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, engines: FakeEngines) -> None:
        self._loop, self._engines = loop, engines
        self.urls = [engine.url for engine in engines]

    def do(self, work: Callable[[FakeEngines], T]) -> T:
        """What a function of the engines gives."""

        async def call() -> T:
            return work(self._engines)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_LIMIT_S)

    def wait(self, work: Callable[[FakeEngines], Awaitable[T]]) -> T:
        """The same, of one that is awaited."""

        async def call() -> T:
            return await work(self._engines)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_LIMIT_S)


@contextmanager
def engines_beside(directory: Path, count: int, *, containers: int = 0) -> Iterator[Beside]:
    """Fake engines that live while the block is run."""
    ready: Future[tuple[asyncio.AbstractEventLoop, FakeEngines, asyncio.Event]] = Future()

    async def live() -> None:
        ended = asyncio.Event()
        async with fake_engines(directory, count, containers=containers) as engines:
            ready.set_result((asyncio.get_running_loop(), engines, ended))
            await ended.wait()

    def work() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=work, name="fake engines")
    thread.start()
    try:
        loop, engines, ended = ready.result(_LIMIT_S)
        try:
            yield Beside(loop, engines)
        finally:
            loop.call_soon_threadsafe(ended.set)
    finally:
        thread.join(_LIMIT_S)
        assert not thread.is_alive(), "the fake engines do not end"
