"""The event loops that a daemon may run on, for tests of what differs between them: children, transports, TLS.

A conftest names the hook: `from swarm_testkit.loops import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories`.
"""

import asyncio
from collections.abc import Callable


def pytest_asyncio_loop_factories(
    config: object, item: object
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops by name."""
    del config, item
    return {
        factory.__module__.partition(".")[0]: factory
        for factory in (asyncio.new_event_loop, *loop_of_daemons())
    }


def loop_of_daemons() -> list[Callable[[], asyncio.AbstractEventLoop]]:
    """The daemons' own loop, where it can be had."""
    try:
        import uvloop
    except ImportError:
        return []
    return [uvloop.new_event_loop]
