"""What an agent tells of its tasks' preparation (docs/design/progress.md)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import pytest
from swarm_agentd.agent.progress import ProgressReporter
from swarm_agentd.config import AgentConfig
from swarm_agentd.exec.progress import Activity, Progress, ProgressBoard
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed
from swarm_testkit.manual_clock import ManualClock, settle

CONFIG = AgentConfig()


class Recording(Dispatch):
    """A manager that notes what it is told; `refusals` are raised instead, each once."""

    def __init__(self) -> None:
        self.told: list[dict[str, int]] = []
        self.refusals: list[CallFailed] = []

    async def report_progress(self, tasks: Iterable[TaskProgress]) -> None:
        self.told.append({each.task_id: each.percent for each in tasks})
        if self.refusals:
            raise self.refusals.pop(0)


@contextlib.asynccontextmanager
async def reporting(board: ProgressBoard) -> AsyncIterator[tuple[Recording, ManualClock]]:
    clock, manager = ManualClock(), Recording()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ProgressReporter(board, clock, CONFIG).run(manager))
        await settle()
        yield manager, clock
        running.cancel()


def pulling(percent: int) -> Progress:
    return Progress(Activity.PULLING, percent)


async def test_changes_are_told_and_the_last_report_is_empty() -> None:
    """Nothing is said while there is nothing to say; changes go together; the end is told once."""
    board = ProgressBoard()
    async with reporting(board) as (manager, clock):
        assert manager.told == []
        with board.telling("t1") as tell:
            tell(pulling(1))
            await settle()
            assert manager.told == [{"t1": 1}]
            for percent in range(2, 9):
                tell(pulling(percent))
            await settle()
            assert len(manager.told) == 1
            await clock.advance(CONFIG.progress_rest_s)
            assert manager.told[-1] == {"t1": 8}
        await clock.advance(CONFIG.progress_rest_s)
        assert manager.told[-1] == {}
        await clock.advance(60)
        assert len(manager.told) == 3


async def test_what_does_not_change_is_told_again() -> None:
    """A manager forgets what it does not hear of; a long silence of the engine is no end."""
    board = ProgressBoard()
    async with reporting(board) as (manager, clock):
        with board.telling("t1") as tell:
            tell(pulling(40))
            await settle()
            await clock.advance(CONFIG.progress_rest_s)
            await clock.advance(CONFIG.progress_again_s)
            assert manager.told == [{"t1": 40}] * 2


@pytest.mark.parametrize(("code", "reports"), [("UNIMPLEMENTED", 1), ("ABORTED", 2)])
async def test_refusals(code: str, reports: int) -> None:
    """A manager that does not know the call is left alone; one that lost its leadership is told again."""
    board = ProgressBoard()
    async with reporting(board) as (manager, clock):
        manager.refusals.append(CallFailed(code, "no"))
        with board.telling("t1") as tell:
            tell(pulling(1))
            await settle()
            await clock.advance(CONFIG.progress_rest_s)
            await clock.advance(CONFIG.progress_again_s)
            assert len(manager.told) == reports


async def test_a_new_session_tells_what_is_under_way() -> None:
    """The board outlives sessions: a reporter that begins in the middle tells at once."""
    board = ProgressBoard()
    with board.telling("t1") as tell:
        tell(pulling(7))
        async with reporting(board) as (manager, _):
            assert manager.told == [{"t1": 7}]
