"""When a leader gives way by itself."""

import asyncio
import logging

import pytest
from swarm_core.raft_node.leading.stuck import PAUSE_S, STUCK_S, StuckCheck, log_tasks


def test_only_what_waits_long_is_stuck() -> None:
    """Nothing, or something young, is fine; something old is due once a minute."""
    check = StuckCheck()
    assert not check.is_due(1000.0, None)
    assert not check.is_due(1000.0, 1000.0 - STUCK_S)
    assert check.is_due(1000.0, 999.0 - STUCK_S)
    assert not check.is_due(999.0 + PAUSE_S, 0.0)
    assert check.is_due(1000.0 + PAUSE_S, 0.0)


async def test_the_tasks_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What each is waiting in can be read."""

    async def a_stuck_function() -> None:
        await asyncio.Event().wait()

    task = asyncio.get_running_loop().create_task(a_stuck_function())
    await asyncio.sleep(0)
    with caplog.at_level(logging.ERROR):
        log_tasks()
    task.cancel()
    assert "a_stuck_function" in caplog.text
