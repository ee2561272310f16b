"""What is done once, after some time (swarm_tui.widgets.once)."""

import asyncio
import itertools

import pytest
from swarm_tui.widgets.once import once
from textual import timer
from textual.app import App

WAIT_S = 10


@pytest.fixture
def late(monkeypatch):
    """The name of timers that begin to wait when their time is over, as on a busy machine: each of their looks at the clock finds a second more."""
    get_time, name, seconds = timer._time.get_time, "late", itertools.count()

    def time():
        task = asyncio.current_task()
        return get_time() + (next(seconds) if task is not None and task.get_name() == name else 0)

    monkeypatch.setattr(timer._time, "get_time", time)
    return name


async def test_it_is_done_however_busy_the_machine_is(late):
    """The toolkit's own timer is not: it would be no news if it were, and this module could go."""
    done = asyncio.Event()
    dropped = []
    app = App()
    async with app.run_test():
        app.set_timer(0.01, lambda: dropped.append("done after all"), name=late)
        once(app, 0.05, done.set)
        async with asyncio.timeout(WAIT_S):
            await done.wait()
    assert dropped == []


async def test_what_is_cancelled_is_not_done():
    """Nor is it where nobody is there any more."""
    done, later = [], asyncio.Event()
    app = App()
    async with app.run_test():
        once(app, 0.01, lambda: done.append("cancelled")).cancel()
        once(app, 0.02, later.set)
        async with asyncio.timeout(WAIT_S):
            await later.wait()
    assert done == []
