"""Work whose first step is made at once: it behaves as a task's would, wherever it stops."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine

import pytest
from swarm_core.rpc.eager import Runners
from swarm_core.runtime.tasks import Group

Work = Callable[[list[str]], Coroutine[object, object, None]]
SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("SEEN", default="")


async def begun_from_a_callback(work: Work, after: Callable[[asyncio.Task[None] | None], None]) -> list[str]:
    """What `work` noted. It is begun outside of any task, as by a transport; `after` follows in the same callback."""
    notes: list[str] = []
    loop = asyncio.get_running_loop()
    begun: asyncio.Future[asyncio.Task[None] | None] = loop.create_future()

    async with asyncio.timeout(40), Group() as group:
        runners = Runners(group)
        await asyncio.sleep(0)

        def callback() -> None:
            task = runners.start(work(notes))
            notes.append("callback")
            after(task)
            begun.set_result(task)

        loop.call_soon(callback)
        task = await begun
        if task is not None:
            await asyncio.wait([task])
        group.cancel_all()
    return notes


async def test_work_that_need_not_wait_is_done_at_once() -> None:
    """No task is left, and the next work is done at once as well."""

    async def work(notes: list[str]) -> None:
        notes.append("done")

    assert await begun_from_a_callback(work, lambda task: None) == ["done", "callback"]


async def test_work_that_waits_goes_on_in_the_task_it_began_in() -> None:
    """Time limits, groups and context variables of the first step hold for the rest."""

    async def work(notes: list[str]) -> None:
        task = asyncio.current_task()
        SEEN.set("set")
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            notes.append("timeout")
        async with asyncio.TaskGroup() as group:
            child = group.create_task(asyncio.sleep(0, "child"))
        assert asyncio.current_task() is task
        notes += [child.result(), SEEN.get()]

    assert await begun_from_a_callback(work, lambda task: None) == ["callback", "timeout", "child", "set"]
    assert SEEN.get() == ""


@pytest.mark.parametrize("waits_for", ["future", "done future", "turn"])
async def test_work_cancelled_before_its_task_went_on(waits_for: str) -> None:
    """A cancellation right after the first step reaches the work at the place where it waits, and what it waits for."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work(notes: list[str]) -> None:
        try:
            if waits_for == "turn":
                await asyncio.sleep(0)
            else:
                await future
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            notes.append("cleaned up")
            raise

    def after(task: asyncio.Task[None] | None) -> None:
        assert task is not None
        if waits_for == "done future":
            future.set_result(None)
        task.cancel()

    assert await begun_from_a_callback(work, after) == ["callback", "cleaned up"]
    assert future.cancelled() == (waits_for == "future")


async def test_what_is_there_already_is_not_waited_for() -> None:
    """Work goes on in the first turn of its task when what it waits for came before."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work(notes: list[str]) -> None:
        notes.append(await future)

    def after(task: asyncio.Task[None] | None) -> None:
        future.set_result("there")
        asyncio.get_running_loop().call_soon(seen)

    def seen() -> None:
        turns.append("a turn later")

    turns: list[str] = []

    async def noted(notes: list[str]) -> None:
        await work(notes)
        turns.append("went on")

    await begun_from_a_callback(noted, after)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert turns == ["went on", "a turn later"]


async def test_a_later_cancellation() -> None:
    """Once the task went on it is cancelled as any other."""
    entered = asyncio.Event()

    async def work(notes: list[str]) -> None:
        try:
            await asyncio.sleep(0)
            entered.set()
            await asyncio.Event().wait()
        finally:
            notes.append("ended")

    async def cancel(task: asyncio.Task[None]) -> None:
        await entered.wait()
        task.cancel()

    cancelling: list[asyncio.Task[None]] = []

    def after(task: asyncio.Task[None] | None) -> None:
        assert task is not None
        cancelling.append(asyncio.ensure_future(cancel(task)))

    assert await begun_from_a_callback(work, after) == ["callback", "ended"]
    await cancelling[0]


async def test_many_at_once() -> None:
    """Work that waits while a task is being parked, and work begun inside of a task, get tasks of their own."""
    gate, done = asyncio.Event(), []

    async def work(number: int) -> None:
        await gate.wait()
        done.append(number)

    async with asyncio.timeout(40), Group() as group:
        runners = Runners(group)
        tasks = [runners.start(work(number)) for number in range(3)]
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: tasks.extend(runners.start(work(number)) for number in range(3, 6)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gate.set()
        await asyncio.wait([task for task in tasks if task is not None])
        assert len(tasks) == 6 and None not in tasks
        group.cancel_all()
    assert sorted(done) == list(range(6))
