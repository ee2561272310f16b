"""Tests of processes run on both event loops that a daemon may run on: what they do with children and pidfds differs."""

import asyncio
from collections.abc import Callable

import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
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
