"""`/debug/vars`: what the daemon is at, for who debugs it (docs/design/engine-api.md E18.1).

Rule: places in the program, names and numbers; no value of any variable, which might be secret.
"""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

import psutil
from aiohttp import web
from swarm_core.api.version import VERSION
from swarm_core.http.errors import NotFound
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.routes import Route

from swarm_agentd.engine_api.context import Context

_log = logging.getLogger(__name__)
_TASKS_MAX = 10_000
_FRAMES_MAX = 50


def routes(context: Context) -> list[Route]:
    """Of debugging."""
    return [Route("GET", "/debug/vars", _Debug(context).variables)]


class _Debug:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def variables(self, exchange: Exchange) -> web.Response:
        """What runs, and where each task and thread stands. Raises NotFound unless debugging is on."""
        if not _log.isEnabledFor(logging.DEBUG):
            raise NotFound("page not found")
        context, process = self._context, psutil.Process()
        standing, tasks = context.node.standing(), list(asyncio.all_tasks())
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        return json_answer(
            {
                "version": VERSION,
                "process": {
                    "pid": process.pid,
                    "memory_bytes": process.memory_info().rss,
                    "open_files": process.num_fds(),
                    "cpu_seconds": sum(process.cpu_times()[:2]),
                },
                "node": {
                    "state": standing.state.value,
                    "is_manager": standing.is_manager,
                    "serves": standing.serves,
                },
                "engine": {"answers": context.local.is_there, "newest": str(context.local.newest())},
                "events": {"kept": context.events.kept, "readers": context.events.readers},
                "tasks": len(tasks),
                "stacks": {
                    "threads": [
                        {
                            "name": names.get(number, ""),
                            "at": [_place(each, line) for each, line in _of_thread(frame)],
                        }
                        for number, frame in sys._current_frames().items()
                    ],
                    "tasks": [
                        {"name": task.get_name(), "at": list(_of_task(task))} for task in tasks[:_TASKS_MAX]
                    ],
                },
            }
        )


def _of_thread(frame: FrameType) -> Iterator[tuple[FrameType, int]]:
    """Its frames, the innermost last."""
    yield from list(traceback.walk_stack(frame))[:_FRAMES_MAX][::-1]


def _of_task(task: asyncio.Task[Any]) -> Iterator[str]:
    """Where it waits, from its own coroutine inwards: asyncio tells of the outermost alone."""
    inner: Any = task.get_coro()
    for _ in range(_FRAMES_MAX):
        frame = next(
            (getattr(inner, name) for name in _FRAMES if getattr(inner, name, None) is not None), None
        )
        if frame is None:
            return
        yield _place(frame, frame.f_lineno)
        inner = next(
            (getattr(inner, name) for name in _AWAITED if getattr(inner, name, None) is not None), None
        )


_FRAMES = ("cr_frame", "ag_frame", "gi_frame")
_AWAITED = ("cr_await", "ag_await", "gi_yieldfrom")


def _place(frame: FrameType, line: int) -> str:
    return f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"
