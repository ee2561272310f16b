"""The event loop of the daemons: uvloop where it is available, and a collector of garbage that fits them."""

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def garbage_kept() -> Iterator[None]:
    """While much is built that stays, no garbage is looked for."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# Stores hold many long-lived objects and few cycles: looking for cycles after every 700 new objects, as Python does by
# itself, would walk them again and again.
_GARBAGE_THRESHOLDS = (50_000, 20, 50)


def tune_collector() -> None:
    """Look for garbage as seldom as a daemon does. What was loaded until now stays for ever, and need not be walked."""
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    gc.freeze()


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` for a daemon's whole life."""
    tune_collector()
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
