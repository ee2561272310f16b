"""Requests that the local engine answers (docs/design/engine-api.md E8).

Rules
1. Method, path with its version, query and headers go as they came, but for those of the connection itself. Bodies stream both ways
   and each piece goes on as it comes. There is no time limit.
2. When either end goes away, so does the other.
3. A hijacked connection is bytes: see `hijack`.
4. Without an engine lists are empty, an object is not found, and everything else is 503 with one sentence.
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway
from swarm_core.engines.hijack import hijack
from swarm_core.engines.relay import body_of, headers_on, relay
from swarm_core.http.errors import NotFound, Unavailable
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.routes import Handler, Route

from swarm_agentd.engine_api.local_engine import LocalEngine

NO_ENGINE = "This node has no container engine."
NO_VOLUME = "get {}: no such volume"
_SWITCHING = 101
_HIJACKED = (
    ("POST", "/exec/{id}/start"),
    ("POST", "/containers/{name:.*}/attach"),
    ("POST", "/session"),
    ("POST", "/grpc"),
    ("GET", "/containers/{name:.*}/attach/ws"),
)
_PREFIXES = (
    "/containers", "/exec", "/commit", "/images", "/build", "/session", "/grpc", "/plugins", "/distribution", "/auth",
    "/system", "/volumes", "/networks", "/checkpoints",
)  # fmt: skip
_EMPTY: Mapping[tuple[str, str], Any] = {
    ("GET", "/containers/json"): [],
    ("GET", "/images/json"): [],
    ("GET", "/plugins"): [],
    ("GET", "/volumes"): {"Volumes": [], "Warnings": None},
    ("GET", "/system/df"): {
        "LayersSize": 0, "Images": [], "Containers": [], "Volumes": [], "BuildCache": [], "BuilderSize": 0,
    },
    ("POST", "/containers/prune"): {"ContainersDeleted": None, "SpaceReclaimed": 0},
    ("POST", "/images/prune"): {"ImagesDeleted": None, "SpaceReclaimed": 0},
    ("POST", "/volumes/prune"): {"VolumesDeleted": None, "SpaceReclaimed": 0},
    ("POST", "/networks/prune"): {"NetworksDeleted": None},
    ("POST", "/build/prune"): {"CachesDeleted": None, "SpaceReclaimed": 0},
}  # fmt: skip
_MISSING = (
    ("/containers/{name:.*}/json", "No such container: {}"),
    ("/images/{name:.*}/json", "No such image: {}"),
    ("/volumes/{name:.*}", NO_VOLUME),
    ("/plugins/{name:.*}/json", 'plugin "{}" not found'),
    ("/exec/{name}/json", "No such exec instance: {}"),
)


class PassThrough:
    """The routes of the engine's own objects."""

    def __init__(self, local: LocalEngine) -> None:
        self._local = local

    def routes(self) -> list[Route]:
        """To be registered after our own: what these leave is the engine's."""
        hijacked = [Route(method, pattern, self.hijack) for method, pattern in _HIJACKED]
        empty = [Route(method, pattern, self.listed) for method, pattern in _EMPTY]
        missing = [Route("GET", pattern, self._finding(text)) for pattern, text in _MISSING]
        rest = [Route("*", prefix + tail, self.relay) for prefix in _PREFIXES for tail in ("", "/{rest:.*}")]
        return hijacked + empty + missing + rest

    async def relay(self, exchange: Exchange) -> web.StreamResponse:
        """The engine's answer to the request. Raises Unavailable without one."""
        return await self._relay(exchange, headers_on(exchange.request), body_of(exchange))

    async def relay_json(self, exchange: Exchange, body: Any) -> web.StreamResponse:
        """As `relay`, of a request whose body has been read."""
        headers = [one for one in headers_on(exchange.request) if one[0].lower() != "content-length"]
        return await self._relay(exchange, headers, json.dumps(body).encode())

    async def _relay(
        self, exchange: Exchange, headers: list[tuple[str, str]], body: AsyncIterator[bytes] | bytes | None
    ) -> web.StreamResponse:
        engine = self._engine()
        try:
            return await relay(exchange, engine, exchange.request.raw_path, headers, body)
        except EngineAway as error:
            if exchange.started:
                raise
            raise Unavailable(f"{NO_ENGINE} {error}.") from None

    async def hijack(self, exchange: Exchange) -> web.StreamResponse:
        """The engine's bytes for the client's. Raises Unavailable without an engine."""
        engine = self._engine()
        body = await exchange.read_body() if exchange.has_body else b""
        await exchange.permit(_SWITCHING, {})
        try:
            return await hijack(exchange, engine, body)
        except EngineAway as error:
            raise Unavailable(f"{NO_ENGINE} {error}.") from None

    def _engine(self) -> EngineClient:
        if self._local.engine is None:
            raise Unavailable(NO_ENGINE)
        return self._local.engine

    async def listed(self, exchange: Exchange) -> web.StreamResponse:
        """The engine's list, or what stands for it without an engine."""
        if self._local.engine is None:
            return json_answer(_EMPTY[exchange.request.method, exchange.path])
        return await self.relay(exchange)

    async def found(self, exchange: Exchange, missing: str) -> web.StreamResponse:
        """The engine's object of the path's name. Raises NotFound with `missing` about that name without an engine."""
        if self._local.engine is None:
            raise NotFound(missing.format(exchange.parameters["name"]))
        return await self.relay(exchange)

    def _finding(self, missing: str) -> Handler:
        async def find(exchange: Exchange) -> web.StreamResponse:
            return await self.found(exchange, missing)

        return find
