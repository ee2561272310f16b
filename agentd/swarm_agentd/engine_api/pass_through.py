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

from aiohttp import ClientResponse, web
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway
from swarm_core.http.errors import NotFound, Unavailable
from swarm_core.http.exchange import JSON_TYPE, Exchange, json_answer
from swarm_core.http.routes import Handler, Route

from swarm_agentd.engine_api.hijack import hijack
from swarm_agentd.engine_api.local_engine import LocalEngine

NO_ENGINE = "This node has no container engine."
NO_VOLUME = "get {}: no such volume"
_SWITCHING = 101
_SHOWN_BYTES_MAX = 64 << 10
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    )
)
_OF_THE_FACE = frozenset(("api-version", "server", "docker-experimental", "ostype"))
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
        return await self._relay(exchange, _headers_on(exchange.request), _body_of(exchange))

    async def relay_json(self, exchange: Exchange, body: Any) -> web.StreamResponse:
        """As `relay`, of a request whose body has been read."""
        headers = [one for one in _headers_on(exchange.request) if one[0].lower() != "content-length"]
        return await self._relay(exchange, headers, json.dumps(body).encode())

    async def _relay(
        self, exchange: Exchange, headers: list[tuple[str, str]], body: AsyncIterator[bytes] | bytes | None
    ) -> web.StreamResponse:
        engine = self._engine()
        request = exchange.request
        try:
            async with engine.request(request.method, request.raw_path, headers, body) as answer:
                response = web.StreamResponse(status=answer.status, reason=answer.reason)
                for name, value in answer.headers.items():
                    if name.lower() not in _HOP_BY_HOP | _OF_THE_FACE:
                        response.headers.add(name, value)
                if exchange.answer_check is not None and _is_short_json(answer):
                    return web.Response(
                        status=answer.status, headers=response.headers, body=await answer.read()
                    )
                await exchange.start(response)
                if request.method != "HEAD":
                    async for piece in answer.content.iter_any():
                        await response.write(piece)
                return response
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


def _is_short_json(answer: ClientResponse) -> bool:
    """Whether a guard is shown the whole of it. One without a length may be a stream that goes on for hours."""
    length = answer.content_length
    return answer.content_type == JSON_TYPE and length is not None and 0 < length <= _SHOWN_BYTES_MAX


def _headers_on(request: web.BaseRequest) -> list[tuple[str, str]]:
    """The request's headers that are not about the connection it came by."""
    named = {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
    return [
        (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP | named
    ]


async def _pieces(exchange: Exchange) -> AsyncIterator[bytes]:
    yield b""  # lets the head go at once: an engine may answer before the first piece comes
    async for piece in exchange.pieces():
        yield piece


def _body_of(exchange: Exchange) -> AsyncIterator[bytes] | None:
    return _pieces(exchange) if exchange.has_body else None
