"""Work that a signal ends as an exception does: what it has begun, it ends.

A program that SIGTERM kills leaves behind what its `finally` blocks would have taken down: daemons, mounts, network namespaces. Scripts that run for long
begin their work here.
"""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class ToldToEnd(Exception):
    """The work was cancelled because a signal asked for it, and has cleaned up."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, but SIGTERM and an interrupt cancel the work. A second one changes nothing: it would cut the cleaning up short. Raises ToldToEnd."""
    try:
        return asyncio.run(_heeding(work))
    except KeyboardInterrupt:
        raise ToldToEnd from None


async def _heeding(work: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    is_told = False

    def end() -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            task.cancel()

    # Whoever starts a script in the background may let it ignore interrupts: then it does.
    heard = [one for one in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(one) is not signal.SIG_IGN]
    for one in heard:
        loop.add_signal_handler(one, end)
    try:
        return await work
    except asyncio.CancelledError:
        if is_told:
            raise ToldToEnd from None
        raise
    finally:
        for one in heard:
            loop.remove_signal_handler(one)
