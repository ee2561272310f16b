"""Tasks that live in groups."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest
from swarm_core.runtime.tasks import Group, beside


class Broken(Exception):
    """What a block raises."""


async def test_what_is_beside_a_block_ends_with_it() -> None:
    """The block's result stands, and nothing runs on."""
    async with beside() as group:
        task = group.spawn(asyncio.Event().wait(), name="for ever")
        await asyncio.sleep(0)
    assert task.cancelled()


async def test_a_block_s_failure_comes_out_as_it_is() -> None:
    """In no group of failures, after what was beside it has ended."""
    with pytest.raises(Broken):
        async with beside() as group:
            task = group.spawn(asyncio.Event().wait(), name="for ever")
            raise Broken
    assert task.cancelled()


async def test_a_task_that_fails_ends_the_block() -> None:
    """Its failure is in a group, as of any group of tasks."""

    async def fail() -> None:
        raise Broken

    with pytest.raises(ExceptionGroup) as told:
        async with beside() as group:
            group.spawn(fail(), name="fails")
            await asyncio.Event().wait()
    assert [type(one) for one in told.value.exceptions] == [Broken]


async def test_cancelling_ends_both() -> None:
    """The task that has the block is cancelled, not failed."""
    begun = asyncio.Event()

    async def work() -> None:
        async with beside() as group:
            group.spawn(asyncio.Event().wait(), name="for ever")
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


class Held:
    """What hangs on a frame of what was raised."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
async def test_what_a_group_raised_leads_to_nothing() -> None:
    """A failure, a group's own cancellation and a task that was cancelled within a group leave nothing to the collector of garbage."""

    async def waiting(refs: list[weakref.ref[Held]]) -> None:
        held = Held()
        refs.append(weakref.ref(held))
        async with Group():
            await asyncio.Event().wait()

    async def failing(refs: list[weakref.ref[Held]]) -> None:
        held = Held()
        refs.append(weakref.ref(held))
        async with Group():
            raise Broken

    refs: list[weakref.ref[Held]] = []
    with pytest.raises(ExceptionGroup):
        await failing(refs)
    task = asyncio.ensure_future(waiting(refs))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    del task
    async with Group() as group:
        group.spawn(waiting(refs), name="waits")
        await asyncio.sleep(0)
        group.cancel_all()
    await asyncio.sleep(0)
    assert len(refs) == 3
    assert [ref() for ref in refs] == [None, None, None]
