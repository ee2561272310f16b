"""Coroutines whose first step is made at once, without a task; only one that has to wait becomes a task.

Most calls read memory and answer: for them a task, and the turn of the loop that it begins with, is most of their cost.

How: one task is parked ahead. The first step runs while that task counts as the current one, so that time limits and task
groups find whom to cancel. If the coroutine has to wait, the parked task goes on with it, and another is parked.

`_enter_task` and `_leave_task` are asyncio's own, documented for those who extend tasks.
"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any

from swarm_core.runtime.tasks import Group

Work = Coroutine[Any, Any, None]


class Runners:
    """What starts the work of one server. Its tasks belong to `group`."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._parked = _Runner(group)

    def start(self, work: Work) -> "asyncio.Task[None] | None":
        """Begin `work`. Gives the task that goes on with it; None when it has ended."""
        runner = self._parked
        if not runner.is_parked or asyncio.current_task(self._loop) is not None:
            return self._group.spawn(work, name="call")
        task = runner.task
        assert task is not None
        asyncio.tasks._enter_task(self._loop, task)
        try:
            waits_for = runner.context.run(work.send, None)
        except (StopIteration, asyncio.CancelledError):
            return None
        finally:
            asyncio.tasks._leave_task(self._loop, task)
        runner.go_on(work, waits_for)
        self._parked = _Runner(self._group)
        return task


class _Runner:
    """A parked task, and the work that it will go on with."""

    def __init__(self, group: Group) -> None:
        self.context = copy_context()
        self._work: Work | None = None
        self._waits_for: Any = None
        self._wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_parked = False
        # A context of its own, which the first step shares: what it sets there must be seen by the others.
        self.task: asyncio.Task[None] | None = group.spawn(self._run(), name="call", context=self.context)

    def go_on(self, work: Work, waits_for: Any) -> None:
        """Continue `work`, which waits for `waits_for`."""
        # The task keeps what it ends with, and with that this object: it must not be kept in turn.
        self._work, self._waits_for, self.is_parked, self.task = work, waits_for, False, None
        if not self._wake.done():  # else this task was cancelled, and cancels the work
            self._wake.set_result(None)

    async def _run(self) -> None:
        self.is_parked = True
        try:
            await self._wake
        except asyncio.CancelledError as cancelled:
            self.is_parked = False
            if self._work is None:
                raise
            # Cancelled before it took over: what the work waits for is cancelled with it, as a task does.
            if self._waits_for is not None and self._waits_for.cancel():
                await _continued(self._work, self._waits_for)
            else:
                await _interrupted(self._work, cancelled)
        else:
            assert self._work is not None
            await _continued(self._work, self._waits_for)


def _is_done(waits_for: Any) -> bool:
    """Whether what was waited for is there already, so that no further turn is needed for it."""
    return isinstance(waits_for, asyncio.Future) and waits_for.done()


@types.coroutine
def _continued(work: Work, waits_for: Any) -> Generator[Any, Any, None]:
    """What a task does with a coroutine that has begun elsewhere."""
    try:
        if not _is_done(waits_for):
            yield waits_for
    except GeneratorExit:
        work.close()
        raise
    except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle
        yield from _interrupted(work, error)
    else:
        yield from work


@types.coroutine
def _interrupted(work: Work, error: BaseException) -> Generator[Any, Any, None]:
    try:
        waits_for = work.throw(error)
    except StopIteration:
        return
    finally:
        # The error's traceback holds this frame: together they would be a cycle, and with them all that the call held.
        del error
    yield from _continued(work, waits_for)
