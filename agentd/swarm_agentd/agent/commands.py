"""Commands that are run by hand in this node's tasks, and connections to their ports, for who asked the manager (docs/design/exec.md 15.2).

Each order is a call of its own: what the command writes goes out, what is typed comes back. When the call ends, however it does, the command
is ended. A failing command ends itself and nothing else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final, TypeVar

from swarm_core.api.proto.exec_pb2 import ExecEnd, ExecInput, ExecOrder, ExecOutput
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.client.calls import opened
from swarm_core.client.dispatch import Dispatch
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.runtime.tasks import Group, beside

from swarm_agentd.agent.logs import LogSource
from swarm_agentd.agent.port_streams import carry
from swarm_agentd.exec.commands import Typed, Write
from swarm_agentd.exec.errors import ExecError, Missing

_log = logging.getLogger(__name__)
_NOT_RUN: Final = 126
_QUEUE_MAX: Final = 8
"""Pieces that wait to be sent, or to be taken."""
T = TypeVar("T")


class CommandServer:
    """`source` has the node's tasks."""

    def __init__(self, source: LogSource) -> None:
        self._source = source

    async def run(self, dispatch: Dispatch) -> None:
        """Serve until the manager ends the stream, or for ever when it has no such orders. Raises ClientError."""
        try:
            async with beside() as group, opened(dispatch.exec_orders()) as orders:
                async for order in orders:
                    group.spawn(self._serve(dispatch, order), name=f"command {order.id}")
        except CallFailed as error:
            if error.code == "UNIMPLEMENTED":
                await asyncio.Event().wait()  # the leader is a Docker Engine
            raise

    async def _serve(self, dispatch: Dispatch, order: ExecOrder) -> None:
        written: asyncio.Queue[ExecOutput | None] = asyncio.Queue(_QUEUE_MAX)
        typed: asyncio.Queue[ExecInput | None] = asyncio.Queue(_QUEUE_MAX)
        async with Group() as group:
            # Read by one task to its end: who stops reading a call ends it, and the command ends before its call.
            call = group.spawn(_type(dispatch, order, _until_none(written), typed), name=f"call {order.id}")
            end = await self._run(order, _until_none(typed), written.put)
            # Nobody takes what is typed any more.
            group.spawn(_drain(typed), name=f"rest {order.id}")
            if not call.done():
                await written.put(ExecOutput(end=end))
                await written.put(None)
                # The manager ends the call when it has told the end.
                await asyncio.wait([call])
            group.cancel_all()

    async def _run(self, order: ExecOrder, typed: Typed, write: Write) -> ExecEnd:
        try:
            for manager in self._source.managers():
                if manager.task.id == order.spec.task_id and manager.task.status.state == RUNNING:
                    if order.spec.port:
                        await carry(await manager.controller.connect(order.spec.port), typed, write)
                        return ExecEnd()
                    code = await manager.controller.run_command(order.spec, typed, write)
                    return ExecEnd(exit_code=code)
            raise Missing(f"task {order.spec.task_id} does not run here")
        except OSError as error:
            return ExecEnd(exit_code=_NOT_RUN, error=error.strerror or str(error))
        except ExecError as error:
            return ExecEnd(exit_code=_NOT_RUN, error=str(error))


async def _type(
    dispatch: Dispatch,
    order: ExecOrder,
    written: AsyncIterator[ExecOutput],
    typed: "asyncio.Queue[ExecInput | None]",
) -> None:
    """Pass on what is typed until the call ends: then nobody is there any more."""
    try:
        async with opened(dispatch.serve_exec(order.id, written)) as inputs:
            async for one in inputs:
                await typed.put(one)
    except ClientError as error:
        _log.info("the command of order %s is no longer wanted: %s", order.id, error)
    await typed.put(None)


async def _drain(queue: "asyncio.Queue[ExecInput | None]") -> None:
    while True:
        await queue.get()


async def _until_none(queue: "asyncio.Queue[T | None]") -> AsyncIterator[T]:
    while (one := await queue.get()) is not None:
        yield one
