"""Tasks that live in groups."""

import asyncio

import pytest
from swarm_core.runtime.tasks import beside


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
