"""Commands that the manager orders for a node's tasks (docs/design/exec.md 15.2)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from swarm_agentd.agent.commands import CommandServer
from swarm_agentd.agent.logs import LogSource
from swarm_agentd.exec.commands import Typed, Write
from swarm_agentd.exec.errors import Missing
from swarm_core.api.proto.exec_pb2 import ExecInput, ExecOrder, ExecOutput, ExecSpec
from swarm_core.client.calls import opened
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed, ClientError, Unreachable
from swarm_core.runtime.tasks import cancel_and_wait
from swarm_testkit.factories import make_task


class Runner:
    """A task in which a command tells what is typed, until `done` is typed or nobody is there any more."""

    def __init__(self, task_id: str, state: str = "RUNNING") -> None:
        self.task = make_task(task_id, state=state)
        self.controller = SimpleNamespace(run_command=self._run)
        self.ended = asyncio.Event()

    async def _run(self, spec: ExecSpec, typed: Typed, write: Write) -> int:
        if spec.command[0] == "nothing":
            raise Missing("program nothing is not there")
        try:
            async for one in typed:
                if one.data == b"done":
                    return 3
                await write(ExecOutput(stdout=one.data))
            return 129
        finally:
            self.ended.set()


class Manager(Dispatch):
    """A manager whose orders and typing a test gives, and which notes what comes back."""

    def __init__(self) -> None:
        self.orders: asyncio.Queue[ExecOrder | ClientError] = asyncio.Queue()
        self.typed: asyncio.Queue[ExecInput | ClientError | None] = asyncio.Queue()
        self.outputs: asyncio.Queue[ExecOutput] = asyncio.Queue()
        self.served: list[str] = []

    async def _orders(self) -> AsyncIterator[ExecOrder]:
        while True:
            one = await self.orders.get()
            if isinstance(one, ClientError):
                raise one
            yield one

    def exec_orders(self) -> AsyncIterator[ExecOrder]:
        return self._orders()

    async def serve_exec(self, order_id: str, outputs: AsyncIterator[ExecOutput]) -> AsyncIterator[ExecInput]:  # type: ignore[override]
        self.served.append(order_id)
        noting = asyncio.ensure_future(self._note(outputs))
        try:
            while (one := await self.typed.get()) is not None:
                if isinstance(one, ClientError):
                    raise one
                yield one
        finally:
            await cancel_and_wait(noting)

    async def _note(self, outputs: AsyncIterator[ExecOutput]) -> None:
        async with opened(outputs) as written:
            async for output in written:
                await self.outputs.put(output)
                if output.HasField("end"):
                    await self.typed.put(None)


@contextlib.asynccontextmanager
async def serving(*runners: Runner) -> AsyncIterator[Manager]:
    manager = Manager()
    source = cast(LogSource, SimpleNamespace(managers=lambda: list(runners)))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(CommandServer(source).run(manager))
        yield manager
        running.cancel()


def order(task_id: str = "t1", command: str = "sh") -> ExecOrder:
    return ExecOrder(id="o1", spec=ExecSpec(task_id=task_id, command=[command]))


def data(text: str) -> ExecInput:
    return ExecInput(data=text.encode())


async def test_a_command_is_run_in_its_task() -> None:
    """15.2.1: what is typed reaches it, what it writes comes back, and at last its code."""
    async with serving(Runner("t0"), Runner("t1")) as manager:
        manager.orders.put_nowait(order())
        manager.typed.put_nowait(data("one"))
        assert (await manager.outputs.get()).stdout == b"one"
        manager.typed.put_nowait(data("done"))
        assert (await manager.outputs.get()).end.exit_code == 3
    assert manager.served == ["o1"]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (order("gone"), "task gone does not run here"),
        (order("old"), "task old does not run here"),
        (order("t1", "nothing"), "program nothing is not there"),
    ],
)
async def test_what_cannot_be_run(asked: ExecOrder, text: str) -> None:
    """15.2.5: a sentence and 126 come back."""
    async with serving(Runner("t1"), Runner("old", "COMPLETE")) as manager:
        manager.orders.put_nowait(asked)
        end = (await manager.outputs.get()).end
        assert (end.exit_code, end.error) == (126, text)


@pytest.mark.parametrize("lost", [Unreachable("gone"), CallFailed("ABORTED", "no leader"), None])
async def test_nobody_is_there_any_more(lost: ClientError | None) -> None:
    """15.2.4: when the call ends, however it does, the command is ended, and the next order is served."""
    runner = Runner("t1")
    async with serving(runner) as manager:
        manager.orders.put_nowait(order())
        manager.typed.put_nowait(data("one"))
        await manager.outputs.get()
        manager.typed.put_nowait(lost)
        await runner.ended.wait()
        manager.orders.put_nowait(order("gone"))
        assert (await manager.outputs.get()).end.error


@pytest.mark.parametrize("lost", [Unreachable("gone"), CallFailed("ABORTED", "no leader")])
async def test_a_lost_manager_ends_the_session_and_every_command(lost: ClientError) -> None:
    """It is the failure itself that is raised, and no group of failures."""
    runner, manager = Runner("t1"), Manager()
    source: Any = SimpleNamespace(managers=lambda: [runner])
    running = asyncio.ensure_future(CommandServer(source).run(manager))
    manager.orders.put_nowait(order())
    manager.typed.put_nowait(data("one"))
    await manager.outputs.get()
    manager.orders.put_nowait(lost)
    with pytest.raises(type(lost)):
        await running
    assert runner.ended.is_set()


async def test_a_docker_engine_is_not_asked_again() -> None:
    """Where the call is unknown the session goes on without it."""
    async with serving() as manager:
        manager.orders.put_nowait(CallFailed("UNIMPLEMENTED", "unknown service"))
        for _ in range(50):
            await asyncio.sleep(0)
        assert manager.served == []
