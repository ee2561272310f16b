"""`/volumes`: the engine's, and from API 1.42 on the cluster's too (docs/design/engine-api.md E15).

Rules
1. The engine's come first, and of two volumes with one name the engine's is meant: any manager can make a cluster volume, so names meet.
2. Older clients, and clients of a node that is no manager, have the engine's alone.
3. What concerns one of the engine's volumes is the engine's to answer.
"""

import logging
from typing import Any

from aiohttp import web
from swarm_core.api.proto.objects_pb2 import Secret, Volume
from swarm_core.api.proto.specs_pb2 import VolumeSpec
from swarm_core.engine_json import volume as volume_json
from swarm_core.engine_json.given import Given
from swarm_core.engines.errors import EngineAway, EngineRefused
from swarm_core.http.errors import HttpError, NotFound, Unavailable
from swarm_core.http.exchange import Exchange, empty_answer, json_answer
from swarm_core.http.routes import Route
from swarm_core.http.version import Version

from swarm_agentd.engine_api import filters
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.lookup import by_id, find_one
from swarm_agentd.engine_api.pass_through import NO_VOLUME, PassThrough
from swarm_agentd.engine_api.requests import as_read, object_version

_log = logging.getLogger(__name__)
_ENGINE_S = 20.0
_SINCE = Version(1, 42)
_NO_MANAGER = "volume update only valid for cluster volumes, but swarm is unavailable"
_NOT_FOUND = 404


def routes(context: Context, rest: PassThrough) -> list[Route]:
    """Of volumes; `rest` answers what is the engine's."""
    volumes = _Volumes(context, rest)
    return [
        Route("GET", "/volumes", volumes.list_all),
        Route("GET", "/volumes/{name:.*}", volumes.inspect),
        Route("POST", "/volumes/create", volumes.create),
        Route("PUT", "/volumes/{name:.*}", volumes.update),
        Route("DELETE", "/volumes/{name:.*}", volumes.remove),
    ]


class _Volumes:
    def __init__(self, context: Context, rest: PassThrough) -> None:
        self._context, self._rest = context, rest

    async def list_all(self, exchange: Exchange) -> web.StreamResponse:
        """Those that the filters let through. Why one of the two cannot tell is a warning."""
        if not self._has_ours(exchange):
            return await self._rest.listed(exchange)
        asked = filters.volume_filters(filters.parse(exchange.query.get("filters", ""), filters.VOLUME_KEYS))
        shown, warnings = await self._theirs(exchange)
        try:
            async with self._context.managers.control() as control:
                found = by_id(await control.find(Volume))
        except HttpError as error:
            found = []
            warnings.append(str(error))
        ours = [volume_json.to_json(volume, exchange.version) for volume in found]
        shown += [volume for volume in ours if asked.match(volume)]
        return json_answer({"Volumes": shown, "Warnings": warnings or None})

    async def inspect(self, exchange: Exchange) -> web.StreamResponse:
        """One, of whichever of the two has it."""
        if not self._has_ours(exchange) or await self._is_theirs(exchange):
            return await self._rest.found(exchange, NO_VOLUME)
        async with self._context.managers.control() as control:
            volume = await find_one(control, Volume, exchange.parameters["name"])
        return json_answer(volume_json.to_json(volume, exchange.version))

    async def create(self, exchange: Exchange) -> web.StreamResponse:
        """In the cluster for those with a spec for it, else on the engine."""
        if exchange.version < _SINCE:
            return await self._rest.relay(exchange)
        body = await exchange.read_json()
        if not Given(body, exchange.version).has("ClusterVolumeSpec"):
            return await self._rest.relay_json(exchange, body)
        spec = volume_json.from_json(body, exchange.version)
        async with self._context.managers.control() as control:
            for secret in spec.secrets:
                secret.secret = (await find_one(control, Secret, secret.secret)).id
            volume = await control.create(Volume, spec)
        return json_answer(volume_json.to_json(volume, exchange.version), status=201)

    async def update(self, exchange: Exchange) -> web.Response:
        """Its availability, and nothing else."""
        standing = self._context.node.standing()
        if not standing.is_manager or not standing.serves:
            raise Unavailable(_NO_MANAGER)
        version = object_version(exchange, "swarm object")
        body = await exchange.read_json()
        async with self._context.managers.control() as control:
            volume = await find_one(control, Volume, exchange.parameters["name"])
            spec = VolumeSpec()
            spec.CopyFrom(volume.spec)
            kept = volume.spec.availability
            spec.availability = volume_json.availability_from_json(body, exchange.version, kept)
            await control.update(Volume, as_read(volume, version), spec)
        return empty_answer()

    async def remove(self, exchange: Exchange) -> web.StreamResponse:
        """One, of whichever of the two has it. By force it is no matter if neither has it."""
        if not self._has_ours(exchange) or await self._is_theirs(exchange):
            return await self._rest.relay(exchange)
        force = exchange.loose_flag("force")
        async with self._context.managers.control() as control:
            try:
                volume = await find_one(control, Volume, exchange.parameters["name"])
            except NotFound:
                if force:
                    return empty_answer(204)
                raise
            await control.remove(Volume, volume.id, force=force)
        return empty_answer(204)

    def _has_ours(self, exchange: Exchange) -> bool:
        standing = self._context.node.standing()
        return exchange.version >= _SINCE and standing.is_manager and standing.serves

    async def _theirs(self, exchange: Exchange) -> tuple[list[Any], list[str]]:
        """The engine's volumes as it answers the query, and what it warns of; none without one."""
        engine = self._context.local.engine
        if engine is None:
            return [], []
        query = exchange.request.raw_path.partition("?")[2]
        target = f"/v{exchange.version}/volumes" + (f"?{query}" if query else "")
        try:
            answer, _ = await engine.read_json(target, timeout=_ENGINE_S)
        except (EngineAway, EngineRefused) as error:
            return [], [str(error)]
        if not isinstance(answer, dict):
            return [], [f"the container engine at {engine.url} answered no list of volumes"]
        return list(answer.get("Volumes") or ()), list(answer.get("Warnings") or ())

    async def _is_theirs(self, exchange: Exchange) -> bool:
        """Whether the engine has a volume of the path's name."""
        engine = self._context.local.engine
        if engine is None:
            return False
        try:
            await engine.read_json(f"/v{exchange.version}{exchange.path}", timeout=_ENGINE_S)
        except EngineRefused as error:
            return error.status != _NOT_FOUND
        except EngineAway as error:
            _log.info("a volume is looked for in the cluster alone: %s", error)
            return False
        return True
