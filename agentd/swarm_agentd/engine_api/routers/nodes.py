"""`/nodes` (docs/design/engine-api.md E10)."""

from aiohttp import web
from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.engine_json import node as node_json
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route

from swarm_agentd.engine_api import filters
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.kept_answers import MEMBERS_S
from swarm_agentd.engine_api.lookup import by_id, find_one
from swarm_agentd.engine_api.requests import as_read, object_version


def routes(context: Context) -> list[Route]:
    """Of nodes."""
    nodes, kept = _Nodes(context), context.kept.of
    return [
        Route("GET", "/nodes", kept(nodes.list_all, Node, lasts_s=MEMBERS_S)),
        Route("GET", "/nodes/{id}", kept(nodes.inspect, Node, lasts_s=MEMBERS_S)),
        Route("DELETE", "/nodes/{id}", nodes.remove),
        Route("POST", "/nodes/{id}/update", nodes.update),
    ]


class _Nodes:
    def __init__(self, context: Context) -> None:
        self._control = context.managers.control

    async def list_all(self, exchange: Exchange) -> web.Response:
        """Those that the filters let through."""
        asked = filters.parse(exchange.query.get("filters", ""), filters.NODE_KEYS)
        async with self._control() as control:
            found = await control.select(Node, filters.node_filters(asked))
        shown = [node for node in by_id(found) if filters.node_matches(asked, node)]
        return json_answer([node_json.to_json(node, exchange.version) for node in shown])

    async def inspect(self, exchange: Exchange) -> web.Response:
        """One."""
        async with self._control() as control:
            node = await find_one(control, Node, exchange.parameters["id"])
        return json_answer(node_json.to_json(node, exchange.version))

    async def remove(self, exchange: Exchange) -> web.Response:
        """One that is down, or any by force."""
        force = exchange.loose_flag("force")
        async with self._control() as control:
            node = await find_one(control, Node, exchange.parameters["id"])
            await control.remove(Node, node.id, force=force)
        return empty_answer()

    async def update(self, exchange: Exchange) -> web.Response:
        """Its labels, role and availability."""
        body = await exchange.read_json()
        version = object_version(exchange, "node")
        async with self._control() as control:
            node = await find_one(control, Node, exchange.parameters["id"])
            spec = node_json.from_json(body, exchange.version, node.spec)
            await control.update(Node, as_read(node, version), spec)
        return empty_answer()
