"""`/networks`: the swarm's and the engine's as one list (docs/design/engine-api.md E13).

Rules
1. The swarm's come first. What the executor made on the engine for one of them is not shown a second time.
2. Where the cluster cannot be asked there are only the engine's; where there is no engine, only the swarm's.
3. What concerns one of the engine's networks is the engine's to answer.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web
from swarm_core.api.proto.objects_pb2 import Network
from swarm_core.engine_json import network as network_json
from swarm_core.engine_json.given import Given
from swarm_core.engines.errors import EngineAway, EngineRefused
from swarm_core.http.errors import BadRequest, Conflict, Forbidden, HttpError, NotFound
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route
from swarm_core.http.version import Version

from swarm_agentd.engine_api import filters
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.lookup import by_id
from swarm_agentd.engine_api.pass_through import PassThrough
from swarm_agentd.executors.docker.networks import ID_LABEL, OVERLAY, PREDEFINED_LABEL
from swarm_agentd.node.standing import NodeState

_log = logging.getLogger(__name__)
_ENGINE_S = 20.0
_SWARM = "swarm"
_FROM_WORKER = (
    "Cannot create a multi-host network from a worker node. Please create the network from a manager node."
)
Shown = dict[str, Any]
"""A network as it is answered."""


def routes(context: Context, rest: PassThrough) -> list[Route]:
    """Of networks; `rest` answers what is the engine's."""
    networks = _Networks(context, rest)
    return [
        Route("GET", "/networks", networks.list_all),
        Route("GET", "/networks/{id:.*}", networks.inspect),
        Route("POST", "/networks/create", networks.create),
        Route("DELETE", "/networks/{id:.*}", networks.remove),
    ]


class _Networks:
    def __init__(self, context: Context, rest: PassThrough) -> None:
        self._context, self._rest = context, rest

    async def list_all(self, exchange: Exchange) -> web.StreamResponse:
        """Those that the filters let through. Which of its own are in use the engine alone knows, so it gets the query too."""
        read = filters.parse(exchange.query.get("filters", ""), filters.NETWORK_KEYS)
        asked = filters.network_filters(read)
        ours, theirs = await self._both(exchange.version, exchange.request.raw_path.partition("?")[2])
        shown = [one for one in ours if asked.match(one) and filters.manager_finds(read, one)]
        asked = replace(asked, dangling=None)
        return json_answer(shown + [one for one in theirs if asked.match(one)])

    async def inspect(self, exchange: Exchange) -> web.StreamResponse:
        """One, of whichever of the two has it."""
        exchange.strict_flag("verbose")
        found = await self._find(exchange, exchange.query.get("scope", ""))
        return json_answer(found) if _is_ours(found) else await self._rest.relay(exchange)

    async def remove(self, exchange: Exchange) -> web.StreamResponse:
        """One, of whichever of the two has it."""
        found = await self._find(exchange)
        if not _is_ours(found):
            return await self._rest.relay(exchange)
        async with self._context.managers.control() as control:
            await control.remove(Network, found["Id"])
        return empty_answer(204)

    async def create(self, exchange: Exchange) -> web.StreamResponse:
        """In the swarm for overlay networks and what asks for its scope, else on the engine."""
        body = await exchange.read_json()
        spec = network_json.from_json(body, exchange.version)
        name = spec.annotations.name
        if name in filters.PREDEFINED_NETWORKS:
            raise Forbidden(f"{name} is a pre-defined network and cannot be created")
        if any(one["Name"] == name for one in await self._ours(exchange.version)):
            raise Conflict(f"network with name {name} already exists")
        if spec.driver_config.name != OVERLAY and Given(body, exchange.version).text("Scope") != _SWARM:
            return await self._rest.relay_json(exchange, body)
        standing = self._context.node.standing()
        if standing.state is NodeState.ACTIVE and not standing.is_manager:
            raise Forbidden(_FROM_WORKER)
        async with self._context.managers.control() as control:
            network = await control.create(Network, spec)
        return json_answer({"Id": network.id, "Warning": ""}, status=201)

    async def _both(self, version: Version, query: str = "") -> tuple[list[Shown], list[Shown]]:
        """The swarm's, and the engine's that are none of the swarm's. An overlay network of an engine is never its own."""
        ours = await self._ours(version)
        ids = {one["Id"] for one in ours}
        theirs = [
            one
            for one in await self._theirs(version, query)
            if one.get("Id") not in ids and one.get("Driver") != OVERLAY and not _stands_for(one, ids)
        ]
        return ours, theirs

    async def _ours(self, version: Version, *, twins: bool = False) -> list[Shown]:
        """The swarm's, or its twins of the engine's predefined ones; none where the cluster cannot be asked."""
        try:
            async with self._context.managers.control() as control:
                found = by_id(await control.find(Network))
        except HttpError as error:
            _log.debug("networks are shown without the swarm's: %s", error)
            return []
        return [
            network_json.to_json(one, version)
            for one in found
            if (one.spec.annotations.labels.get(PREDEFINED_LABEL) == "true") is twins
        ]

    async def _theirs(self, version: Version, query: str) -> list[Shown]:
        """The engine's, as it answers the query; none without one."""
        engine = self._context.local.engine
        if engine is None:
            return []
        target = f"/v{version}/networks" + (f"?{query}" if query else "")
        try:
            found, _ = await engine.read_json(target, timeout=_ENGINE_S)
        except (EngineAway, EngineRefused) as error:
            _log.info("networks are shown without the engine's: %s", error)
            return []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    async def _find(self, exchange: Exchange, scope: str = "") -> Shown:
        """What the path means. Raises NotFound, and BadRequest when several fit."""
        reference = exchange.parameters["id"]
        ours, theirs = await self._both(exchange.version)
        known = [one for one in (*ours, *theirs) if scope in ("", one.get("Scope"))]
        for one in known:
            if one.get("Id") == reference:
                return one
        named = [one for one in known if one.get("Name") == reference]
        begun = [one for one in known if str(one.get("Id", "")).startswith(reference)]
        for found, reason in ((named, "name"), (begun, "ID prefix")):
            if len(found) > 1:
                raise BadRequest(
                    f"{len(found)} matches found based on {reason}: network {reference} is ambiguous"
                )
            if found:
                return found[0]
        for one in await self._ours(exchange.version, twins=True):
            if one["Id"].startswith(reference) or (scope == _SWARM and one["Name"] == reference):
                return one
        raise NotFound(f"network {reference} not found")


def _is_ours(network: Mapping[str, Any]) -> bool:
    return network.get("Scope") == _SWARM


def _stands_for(network: Mapping[str, Any], ids: set[str]) -> bool:
    """Whether the executor made it for one of these networks of the swarm."""
    return (network.get("Labels") or {}).get(ID_LABEL) in ids
