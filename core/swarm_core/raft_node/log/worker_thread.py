"""A thread that does blocking work for the event loop, one piece after the other.

Leaner than an executor: a proposal's sync takes about as long as the two hand-overs around it. Work that has begun
is always waited for, so that nobody closes a file which the thread still writes.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class _Job:
    """One piece of work. `end` runs on the loop, when the thread is done with it."""

    __slots__ = ("_late", "future", "has_ended", "loop", "work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.has_ended = False
        self._late: asyncio.Future[None] | None = None

    def do(self) -> None:
        """In the thread."""
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self.loop.call_soon_threadsafe(self.end, None, error)
        else:
            self.loop.call_soon_threadsafe(self.end, result, None)

    def end(self, result: object, error: BaseException | None) -> None:
        self.has_ended = True
        if self._late is not None and not self._late.done():
            self._late.set_result(None)
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    async def wait_for_end(self) -> None:
        """However often the caller is cancelled."""
        while not self.has_ended:
            self._late = self.loop.create_future()
            try:
                await self._late
            except asyncio.CancelledError:
                continue


class WorkerThread:
    """The thread begins with the first work. A process that ends does not wait for it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._unended = 0

    @property
    def is_idle(self) -> bool:
        """Whether everything that was given to it has ended. To be asked on the loop."""
        return self._unended == 0

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Returns only when it has ended, cancelled or not."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        job = _Job(work, asyncio.get_running_loop())
        self._unended += 1
        self._jobs.put(job)
        try:
            result: T = await job.future
        except asyncio.CancelledError:
            await job.wait_for_end()
            raise
        finally:
            self._unended -= 1
        return result

    def close(self) -> None:
        """End the thread after the work that was given to it."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.do()
            del job  # what the work holds must not live on until the next piece
