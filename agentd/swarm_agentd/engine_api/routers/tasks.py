"""`/tasks`, which are only read (docs/design/engine-api.md E10)."""

from typing import TypeVar

from aiohttp import web
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.client.control import Control
from swarm_core.engine_json import task as task_json
from swarm_core.http.exchange import Exchange, json_answer, json_list_answer
from swarm_core.http.routes import Route

from swarm_agentd.engine_api import filters
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.kept_texts import KeptTexts
from swarm_agentd.engine_api.lookup import by_id, find_one

T = TypeVar("T", Service, Node)


def routes(context: Context) -> list[Route]:
    """Of tasks."""
    tasks, kept = _Tasks(context), context.kept.of
    return [
        Route("GET", "/tasks", kept(tasks.list_all, Task, Service, Node)),
        Route("GET", "/tasks/{id}", kept(tasks.inspect, Task)),
    ]


class _Tasks:
    def __init__(self, context: Context) -> None:
        self._control = context.managers.control
        self._texts = KeptTexts(task_json.to_json)

    async def list_all(self, exchange: Exchange) -> web.Response:
        """Those that the filters let through; services and nodes among the filters may be named."""
        asked = filters.parse(exchange.query.get("filters", ""), filters.TASK_KEYS)
        async with self._control() as control:
            services = await _ids_of(control, Service, asked.get("service"))
            nodes = await _ids_of(control, Node, asked.get("node"))
            found = await control.select(Task, filters.task_filters(asked, services, nodes))
        shown = [task for task in by_id(found) if filters.task_matches(asked, task)]
        return json_list_answer(self._texts.of(task, exchange.version) for task in shown)

    async def inspect(self, exchange: Exchange) -> web.Response:
        """One."""
        async with self._control() as control:
            task = await find_one(control, Task, exchange.parameters["id"])
        return json_answer(task_json.to_json(task, exchange.version))


async def _ids_of(control: Control, kind: type[T], references: tuple[str, ...]) -> list[str]:
    """What the words of a filter mean. Raises NotFound, and BadRequest when several fit."""
    return [(await find_one(control, kind, reference)).id for reference in references]
