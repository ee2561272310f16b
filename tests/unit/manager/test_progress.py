"""What tasks are busy with, from nodes to watchers (docs/design/progress.md)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import pytest
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.progress_pb2 import (
    ReportProgressRequest,
    TaskProgress,
    WatchProgressMessage,
    WatchProgressRequest,
)
from swarm_core.manager import progress
from swarm_core.manager.progress import FORGET_S, REST_S, TASKS_MAX, Progress
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_testkit.factories import make_task
from swarm_testkit.manual_clock import ManualClock, settle
from swarm_testkit.sole_manager import CommitLog

_PLACES = (("t1", "n1"), ("t2", "n1"), ("t3", "n2"))


def pulling(task_id: str, percent: int) -> TaskProgress:
    return TaskProgress(task_id=task_id, activity=TaskProgress.PULLING, percent=percent)


def node(node_id: str) -> Caller:
    return Caller(node_id, frozenset({"swarm-worker"}), "cluster", "192.0.2.1:1")


class Bench:
    """A leader with tasks t1 and t2 on node n1, and t3 on node n2."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(clock=self.clock, proposer=CommitLog(1))
        self.progress = Progress(self.store, self.clock)

    async def report(self, node_id: str, *tasks: TaskProgress) -> None:
        await self.progress.report_progress(ReportProgressRequest(tasks=tasks), node(node_id))

    def watch(self) -> AsyncIterator[WatchProgressMessage]:
        return self.progress.watch_progress(WatchProgressRequest(), node("m1"))


def _create(task: Task, transaction: Transaction) -> None:
    transaction.create(task)


@contextlib.asynccontextmanager
async def leading() -> AsyncIterator[Bench]:
    bench = Bench()
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(bench.store.run()), group.create_task(bench.progress.run())]
        tasks = [make_task(task_id, node_id=node_id) for task_id, node_id in _PLACES]
        await bench.store.batch([partial(_create, task) for task in tasks])
        await settle()
        yield bench
        for each in running:
            each.cancel()


def told(message: WatchProgressMessage) -> dict[str, int]:
    return {each.task_id: each.percent for each in message.tasks}


async def test_a_watcher_gets_everything_then_changes() -> None:
    """First all that is under way, then what changed and what is over."""
    async with leading() as bench:
        await bench.report("n1", pulling("t1", 10), pulling("t2", 20))
        watch = bench.watch()
        first = await anext(watch)
        assert first.is_complete and told(first) == {"t1": 10, "t2": 20}
        await bench.report("n1", pulling("t1", 11), pulling("t2", 20))
        await bench.report("n2", pulling("t3", 5))
        following = asyncio.ensure_future(anext(watch))
        await bench.clock.advance(REST_S)
        second = await following
        assert not second.is_complete and told(second) == {"t1": 11, "t3": 5}
        await bench.report("n1", pulling("t2", 20))
        following = asyncio.ensure_future(anext(watch))
        await bench.clock.advance(REST_S)
        third = await following
        assert told(third) == {} and list(third.ended) == ["t1"]


async def test_messages_come_at_most_once_in_a_while() -> None:
    """Changes that come together are one message."""
    async with leading() as bench:
        watch = bench.watch()
        await anext(watch)
        following = asyncio.ensure_future(anext(watch))
        for percent in range(50):
            await bench.report("n1", pulling("t1", percent))
        await settle()
        assert not following.done()
        await bench.clock.advance(REST_S)
        assert told(await following) == {"t1": 49}


async def test_a_node_is_believed_about_its_own_tasks_alone() -> None:
    """Tasks of other nodes, and tasks that are not there, are left out."""
    async with leading() as bench:
        await bench.report("n2", pulling("t1", 1), pulling("t3", 3), pulling("nowhere", 9))
        assert told(await anext(bench.watch())) == {"t3": 3}


async def test_too_many_tasks_are_refused() -> None:
    """A node cannot fill the leader's memory."""
    async with leading() as bench:
        with pytest.raises(InvalidArgument, match="1000 tasks at most"):
            await bench.report("n1", *(pulling(f"x{number}", 1) for number in range(TASKS_MAX + 1)))


async def test_a_silent_node_is_forgotten() -> None:
    """What a node told that is gone does not stay."""
    async with leading() as bench:
        await bench.report("n1", pulling("t1", 1))
        await bench.clock.advance(FORGET_S - 2)
        assert told(await anext(bench.watch())) == {"t1": 1}
        for _ in range(4):
            await bench.clock.advance(1)
        assert told(await anext(bench.watch())) == {}


async def test_a_watcher_that_cannot_follow_is_told_everything_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes are held up to a bound; beyond it the next message is complete."""
    monkeypatch.setattr(progress, "CHANGES_HELD_MAX", 1)
    async with leading() as bench:
        watch = bench.watch()
        await anext(watch)
        await bench.report("n1", pulling("t1", 1), pulling("t2", 2))
        following = asyncio.ensure_future(anext(watch))
        await bench.clock.advance(REST_S)
        message = await following
        assert message.is_complete and told(message) == {"t1": 1, "t2": 2}


async def test_only_a_leader_tells() -> None:
    """Outside `run` calls are aborted, open streams end so, and nothing is kept for the next term."""
    bench = Bench()
    with pytest.raises(Aborted):
        await bench.report("n1")
    with pytest.raises(Aborted):
        await anext(bench.watch())
    async with leading() as bench:
        await bench.report("n1", pulling("t1", 1))
        watch = bench.watch()
        await anext(watch)
        following = asyncio.ensure_future(anext(watch))
    await bench.clock.advance(REST_S)
    with pytest.raises(Aborted):
        await following
