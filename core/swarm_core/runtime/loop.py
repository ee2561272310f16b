"""The event loop of the daemons: uvloop where it is available, and a collector of garbage that fits them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from swarm_core.runtime import garbage

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` for a daemon's whole life."""
    garbage.look_seldom()
    garbage.keep_what_is_loaded()
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
