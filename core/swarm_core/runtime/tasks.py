"""Structured tasks: a task lives in a group that waits for it.

`Group` is asyncio's TaskGroup with a name for every task and one call that ends them all. No other
module of the packages creates a task.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from traceback import walk_tb
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Group(asyncio.TaskGroup):
    """A task group: leaving it waits for its tasks; the first failure cancels the others.

    Nothing leads from what it raised back to that, as asyncio's own does in Python 3.11: by a frame that names it, and by the task that was
    cancelled with it. Otherwise everything that hangs on it, such as a call with its connection, would stay until somebody looks for garbage.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: set[asyncio.Task[Any]] = set()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        except BaseException as raised:
            _forget(raised)
            raise
        finally:
            self._parent_task = None
            del error, trace

    def spawn(
        self, work: Coroutine[Any, Any, T], *, name: str, context: Context | None = None
    ) -> asyncio.Task[T]:
        """Start `work` in this group, in `context` or a copy of the current one. Raises RuntimeError when the group is
        already closing."""
        task = self.create_task(work, name=name, context=context)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel_all(self) -> None:
        """Ask every task of the group to end; leaving the group then waits for them."""
        for task in list(self._running):
            task.cancel()


def _forget(raised: BaseException) -> None:
    """Empty the frame in which asyncio's group names what it raised."""
    for frame, _ in walk_tb(raised.__traceback__):
        if frame.f_code is asyncio.TaskGroup.__aexit__.__code__:
            frame.clear()


@asynccontextmanager
async def beside() -> AsyncIterator[Group]:
    """A group of what is done beside a block: it ends with the block. What the block raises comes out as it is, in no group of failures;
    a task that fails ends the block, and comes out in one."""
    failure: BaseException | None = None
    async with Group() as group:
        try:
            yield group
        except BaseException as error:  # noqa: BLE001 - raised again below, outside of the group
            failure = error
        group.cancel_all()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure


def end_if_cancelled() -> None:
    """Raise CancelledError when this task was asked to end. To be called where a failure is taken as a reason to try again:
    a group that failed at the moment in which its task was cancelled raises the failure and keeps the cancellation to itself."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel `task` and return when it has ended; its failure is raised, its cancellation is not."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
