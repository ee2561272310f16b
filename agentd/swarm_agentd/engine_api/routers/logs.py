"""`/services/{id}/logs` and `/tasks/{id}/logs` (docs/design/engine-api.md E14).

Rules
1. Everything is checked before the answer begins; then its head goes at once, before there is any line.
2. What goes wrong later is a line of the stream.
3. A client that leaves ends the subscription at the manager.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web
from swarm_core.api.proto.logbroker_pb2 import LogSelector, SubscribeLogsRequest
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.client.calls import Calls, opened
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed, ClientError
from swarm_core.http.errors import BadRequest
from swarm_core.http.exchange import Exchange
from swarm_core.http.routes import Route

from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.log_stream import LogRequest, content_type, encoded, failure, log_request
from swarm_agentd.engine_api.lookup import find_one
from swarm_agentd.engine_api.managers import LocalManagers, refused

Selecting = Callable[[Control, str], Awaitable[tuple[LogSelector, TaskSpec]]]


def routes(context: Context) -> list[Route]:
    """Of logs."""
    return [
        Route("GET", "/services/{id}/logs", _Logs(context.managers, _of_service).stream),
        Route("GET", "/tasks/{id}/logs", _Logs(context.managers, _of_task).stream),
    ]


async def _of_service(control: Control, reference: str) -> tuple[LogSelector, TaskSpec]:
    service = await find_one(control, Service, reference)
    return LogSelector(service_ids=[service.id]), service.spec.task


async def _of_task(control: Control, reference: str) -> tuple[LogSelector, TaskSpec]:
    task = await find_one(control, Task, reference)
    return LogSelector(task_ids=[task.id]), task.spec


class _Logs:
    """`select` finds whose lines are asked for."""

    def __init__(self, managers: LocalManagers, select: Selecting) -> None:
        self._managers, self._select = managers, select

    async def stream(self, exchange: Exchange) -> web.StreamResponse:
        """The lines, as they come."""
        asked = log_request(exchange.query, exchange.loose_flag)
        async with self._managers.calls() as calls:
            selector, spec = await self._select(Control(calls), exchange.parameters["id"])
            if spec.WhichOneof("runtime") == "attachment":
                raise BadRequest("logs only supported on container tasks")
            is_tty = spec.container.tty
            response = web.StreamResponse()
            response.headers["Content-Type"] = content_type(exchange.version, is_tty=is_tty)
            await exchange.start(response)
            try:
                await _copy(calls, selector, asked, response, is_tty=is_tty)
            except ClientError as error:
                text = refused(error).message if isinstance(error, CallFailed) else str(error)
                await response.write(failure(text, is_tty=is_tty))
        return response


async def _copy(
    calls: Calls, selector: LogSelector, asked: LogRequest, response: web.StreamResponse, *, is_tty: bool
) -> None:
    request = SubscribeLogsRequest(selector=selector, options=asked.options)
    async with opened(calls.stream("Logs.SubscribeLogs", request)) as batches:
        async for batch in batches:
            await response.write(b"".join(encoded(line, asked, is_tty=is_tty) for line in batch.messages))
