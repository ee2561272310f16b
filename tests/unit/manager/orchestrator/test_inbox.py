"""What an orchestrator waits for: commits, or a moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from swarm_core.manager.orchestrator.inbox import Inbox
from swarm_core.runtime.tasks import Group
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Overflow
from swarm_testkit.clock import VirtualClock, in_virtual_time
from swarm_testkit.factories import make_task


class Rig:
    def __init__(self, store: MemoryStore, clock: VirtualClock, group: Group, events_max: int) -> None:
        self.store, self.clock, self.group = store, clock, group
        self.inbox = Inbox(store.subscribe(events_max=events_max), clock, group)

    async def put(self, task_id: str) -> None:
        await self.store.update(lambda transaction: transaction.create(make_task(task_id)))

    async def put_after(self, seconds: float, task_id: str) -> None:
        await asyncio.sleep(seconds)
        await self.put(task_id)

    async def ids(self, until: float | None) -> list[str]:
        return [event.object.id for commit in await self.inbox.next(until) for event in commit.events]


@contextlib.asynccontextmanager
async def rigged(events_max: int = 100) -> AsyncIterator[Rig]:
    clock = VirtualClock()
    async with Group() as group:
        yield Rig(MemoryStore(clock=clock), clock, group, events_max)
        group.cancel_all()


@in_virtual_time
async def test_what_is_there_comes_at_once() -> None:
    """Commits that are there are given together, without a wait."""
    async with rigged() as rig:
        await rig.put("a")
        await rig.put("b")
        begun = rig.clock.monotonic()
        assert await rig.ids(begun + 5) == ["a", "b"]
        assert rig.clock.monotonic() == begun


@in_virtual_time
async def test_a_commit_ends_the_wait() -> None:
    """A commit that comes later ends the wait, with and without a moment; several waits share one timer."""
    async with rigged() as rig:
        begun = rig.clock.monotonic()
        tasks_before = len(asyncio.all_tasks())
        for number, until in enumerate((None, begun + 90.0, begun + 95.0, begun + 99.0), 1):
            rig.group.spawn(rig.put_after(1, f"t{number}"), name="put")
            assert await rig.ids(until) == [f"t{number}"]
            assert rig.clock.monotonic() == begun + number
        assert len(asyncio.all_tasks()) == tasks_before + 1


@in_virtual_time
async def test_the_moment_ends_the_wait() -> None:
    """Without a commit the wait ends at its moment, and at once when that is over."""
    async with rigged() as rig:
        begun = rig.clock.monotonic()
        assert await rig.ids(begun + 10) == []
        assert rig.clock.monotonic() == begun + 10
        assert await rig.ids(begun + 3) == []
        assert rig.clock.monotonic() == begun + 10


@in_virtual_time
async def test_an_earlier_moment_counts() -> None:
    """A wait that has an earlier moment than the one before ends then."""
    async with rigged() as rig:
        begun = rig.clock.monotonic()
        rig.group.spawn(rig.put_after(1, "a"), name="put")
        assert await rig.ids(begun + 50) == ["a"]
        assert await rig.ids(begun + 7) == []
        assert rig.clock.monotonic() == begun + 7


@in_virtual_time
async def test_a_later_moment_is_reached() -> None:
    """A timer of an earlier wait may end one wait too soon; the later moment is reached, and nothing is given before it."""
    async with rigged() as rig:
        begun = rig.clock.monotonic()
        rig.group.spawn(rig.put_after(1, "a"), name="put")
        assert await rig.ids(begun + 5) == ["a"]
        waits = 0
        while rig.clock.monotonic() < begun + 30:
            assert await rig.ids(begun + 30) == []
            waits += 1
        assert rig.clock.monotonic() == begun + 30
        assert waits <= 2


@in_virtual_time
async def test_without_a_moment_only_commits_count() -> None:
    """The timer of an earlier wait does not end one that waits for commits alone."""
    async with rigged() as rig:
        rig.group.spawn(rig.put_after(1, "a"), name="put")
        assert await rig.ids(rig.clock.monotonic() + 5) == ["a"]
        rig.group.spawn(rig.put_after(60, "b"), name="put")
        assert await rig.ids(None) == ["b"]


@in_virtual_time
async def test_overflow_is_raised() -> None:
    """Who fell behind is told so, whether the wait has begun or not."""
    async with rigged(events_max=1) as rig:
        await rig.put("a")
        await rig.put("b")
        with pytest.raises(Overflow):
            await rig.ids(None)
