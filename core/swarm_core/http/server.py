"""The server of an HTTP face, on aiohttp's protocol without its application (docs/design/engine-api.md E3, E4).

Rules
1. One server answers on all listeners; each connection is answered in order.
2. A handler's HttpError becomes its status and sentence. Any other exception is logged with its traceback and becomes 500
   `internal error`; a response that has begun is broken off instead, so that nobody takes it for whole.
3. What is no HTTP is answered with 400 and logged nowhere: its bytes may hold credentials.
4. A handler whose client goes away is cancelled.
5. A guard, where there is one, is asked before a handler runs and before an answer leaves, also that of an error.
6. There are so many connections at a time and no more.
7. Ending: no new connections, then requests that run get a time to end, then they are cancelled.
"""

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import HttpVersion10, HttpVersion11, web

from swarm_core.http import debug_log
from swarm_core.http.errors import BadRequest, HttpError, NotFound, error_body
from swarm_core.http.exchange import JSON_TYPE, Exchange, Limits, empty_answer
from swarm_core.http.guard import Guard
from swarm_core.http.listeners import Listener
from swarm_core.http.routes import Route, Routes, clean_path, split_version
from swarm_core.http.version import NEWEST, OLDEST, Version, parse

_log = logging.getLogger(__name__)
_QUERY_FIELDS_MAX = 1000
_FULL_BODY = error_body("too many connections")
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
    + str(len(_FULL_BODY)).encode()
    + b"\r\n\r\n"
    + _FULL_BODY
)


@dataclass(frozen=True, slots=True)
class Face:
    """What a server says of itself. `newest` and `is_experimental` are asked at each request: they may depend on an engine that comes and
    goes.

    `what` is what people call it in the log. One that is no Docker Engine `tells_versions` of none."""

    server: str
    newest: Callable[[], Version] = field(default=lambda: NEWEST)
    oldest: Version = OLDEST
    is_experimental: Callable[[], bool] = field(default=lambda: False)
    what: str = "API"
    tells_versions: bool = True

    def headers(self) -> dict[str, str]:
        """Those of every answer to a path that exists."""
        if not self.tells_versions:
            return {"Server": self.server}
        return {
            "Server": self.server,
            "Api-Version": str(self.newest()),
            "Ostype": "linux",
            "Docker-Experimental": "true" if self.is_experimental() else "false",
        }


@asynccontextmanager
async def serving(
    routes: Routes,
    face: Face,
    listeners: Iterable[Listener],
    limits: Limits | None = None,
    guard: Guard | None = None,
) -> AsyncIterator[None]:
    """Answer on `listeners`, which are closed in the end."""
    limits = limits or Limits()
    server = _Server(_Answerer(routes, face, limits, guard), face.server, limits)
    open_, loop = list(listeners), asyncio.get_running_loop()
    started: list[asyncio.Server] = []
    try:
        for listener in open_:
            started.append(await loop.create_server(server, sock=listener.socket, ssl=listener.tls))
            _log.info("%s listen on %s", face.what, listener.shown)
        yield
    finally:
        for one in started:
            one.close()
        for listener in open_:
            listener.close()
        server.pre_shutdown()
        await server.shutdown(limits.stop_s)


class _Answerer:
    """Finds the handler of a request and turns its errors into answers."""

    def __init__(self, routes: Routes, face: Face, limits: Limits, guard: Guard | None) -> None:
        self._routes, self._face, self._limits, self._guard = routes, face, limits, guard

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if not HttpVersion10 <= request._version <= HttpVersion11:
            request._version = HttpVersion11  # that in which it is told so
            return self._of_no_version()
        path, _, query = _target(request.raw_path).partition("?")
        if (clean := clean_path(path)) != path:
            location = clean + ("?" + query if query else "")
            return web.Response(status=301, headers={"Location": location, "Server": self._face.server})
        version_text, path = split_version(path)
        found = self._routes.find(request.method, path)
        if found is None and request.method != "OPTIONS":
            missing = _refusal(NotFound("page not found"))
            missing.headers["Server"] = self._face.server
            return missing
        exchange = Exchange(request, self._face.newest(), path, {}, self._limits, self._face.headers())
        try:
            exchange.version = self._version(version_text)
        except HttpError as error:
            return _with_headers(_refusal(error), exchange, without="Docker-Experimental")
        if found is None:
            return _with_headers(empty_answer(), exchange)
        route, exchange.parameters = found
        try:
            answer = await self._handled(route, exchange, query)
            if isinstance(answer, web.Response):
                await exchange.permit(answer.status, answer.headers, _body_of(answer))
            return _with_headers(answer, exchange)
        except HttpError as error:  # the guard's, about the answer
            return _with_headers(_refusal(error), exchange)

    async def _handled(self, route: Route, exchange: Exchange, query: str) -> web.StreamResponse:
        """The handler's answer, or that to its error or the guard's."""
        request = exchange.request
        try:
            if _log.isEnabledFor(logging.DEBUG):
                _log.debug("%s", await debug_log.told(exchange))
            if self._guard is not None:
                exchange.answer_check = await self._guard.check_request(exchange)
            exchange.query = _parsed(query)
            return await route.handler(exchange)
        except HttpError as error:
            if error.status >= 500:
                _log.error("Handler for %s %s returned error: %s", request.method, exchange.path, error)
            return self._failed(exchange, _refusal(error))
        except Exception as error:
            if isinstance(error, ConnectionError) and exchange.is_abandoned:
                raise
            _log.exception("Handler for %s %s failed", request.method, exchange.path)
            body = error_body("internal error")
            return self._failed(exchange, web.Response(status=500, body=body, content_type=JSON_TYPE))

    def _of_no_version(self) -> web.Response:
        """To a request in a version of HTTP that is none of 1; the connection ends after it."""
        text, headers = "505 HTTP Version Not Supported", {"Server": self._face.server}
        answer = web.Response(status=505, text=text, headers=headers)
        answer.force_close()
        return answer

    def _version(self, text: str) -> Version:
        """The version that a client speaks. Raises BadRequest."""
        newest, oldest = self._face.newest(), self._face.oldest
        if not text:
            return newest
        try:
            version = parse(text)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        if version < oldest:
            raise BadRequest(
                f"client version {text} is too old. Minimum supported API version is {oldest}, "
                f"please upgrade your client to a newer version"
            )
        if version > newest:
            raise BadRequest(f"client version {text} is too new. Maximum supported API version is {newest}")
        return version

    def _failed(self, exchange: Exchange, answer: web.Response) -> web.StreamResponse:
        if not exchange.started:
            return answer
        exchange.request.protocol.force_close()
        raise ConnectionResetError("the answer had begun when it failed")


class _Protocol(web.RequestHandler):
    """aiohttp's protocol with an answer of our own to what is no HTTP, and without a word of it in the log."""

    __slots__ = ("_name", "_server")

    def __init__(self, server: "_Server", name: str, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._name, self._server = name, server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One too many is told so and ended before it can ask anything."""
        super().connection_made(transport)
        if self._server.is_full() and self.transport is not None:
            self.transport.write(_FULL)
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that cannot be read; the connection ends after it. That it has ended is no news."""
        if exc is not None and status >= 500 and not (isinstance(exc, ConnectionError) and self._is_over):
            _log.error("a connection failed", exc_info=exc)
        self.keep_alive(False)
        text = f"{status} {'Bad Request' if status == 400 else 'Internal Server Error'}"
        response = web.Response(status=status, text=text, headers={"Server": self._name})
        response.force_close()
        return response

    @property
    def _is_over(self) -> bool:
        return self.transport is None or self.transport.is_closing()


class _Server(web.Server):
    """Makes a protocol for each connection."""

    def __init__(self, answer: _Answerer, name: str, limits: Limits) -> None:
        super().__init__(answer, handler_cancellation=True)
        self._name, self._limits = name, limits
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._connections_max = min(limits.connections_max, max(files // 2, 1))
        self._was_full = False

    def is_full(self) -> bool:
        """Whether there are more connections than there may be. It is logged when that begins."""
        was_full, self._was_full = self._was_full, len(self._connections) > self._connections_max
        if self._was_full and not was_full:
            _log.warning(
                "clients have more than %d connections open; others are refused", self._connections_max
            )
        return self._was_full

    def __call__(self) -> web.RequestHandler:
        return _Protocol(
            self,
            self._name,
            loop=self._loop,
            access_log=None,
            keepalive_timeout=self._limits.head_s,
            lingering_time=1.0,
            max_line_size=self._limits.field_bytes_max,
            max_field_size=self._limits.field_bytes_max,
            max_headers=self._limits.fields_max,
            auto_decompress=False,
        )


def _target(raw: str) -> str:
    """The path and query of a request's target, which proxies write with scheme and host before it."""
    scheme, separator, rest = raw.partition("://")
    if not separator or "/" in scheme:
        return raw
    return "/" + rest.partition("/")[2]


def _parsed(query: str) -> dict[str, str]:
    """The query's fields; of several with one name the first. Raises BadRequest."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX, errors="replace")
    except ValueError:
        raise BadRequest("the query has too many fields") from None
    return dict(reversed(pairs))


def _with_headers(response: web.StreamResponse, exchange: Exchange, without: str = "") -> web.StreamResponse:
    """An answer with those that all have, unless it has begun."""
    if not response.prepared:
        response.headers.update(exchange.face_headers)
        if without:
            response.headers.pop(without, None)
    return response


def _body_of(answer: web.Response) -> bytes:
    return bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""


def _refusal(error: HttpError) -> web.Response:
    if error.status == 304:
        return empty_answer(304)
    return web.Response(status=error.status, body=error_body(error.message), content_type=JSON_TYPE)
