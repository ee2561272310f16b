"""A connection that is no HTTP any more: attach, exec and sessions (docs/design/engine-api.md E8.5).

Rules
1. The request goes to the engine with its `Upgrade`. Of the answer the head is rewritten, whatever comes after it is bytes.
2. Each direction ends by itself: when one end has sent its last byte the other learns so and may go on sending. TLS knows no such
   end; there the engine's ends both.
3. An error is ordinary HTTP: both ends are closed after it, so that nobody sends another request that way.
4. Who sends faster than the other takes is not read from in the meantime.
5. The client's connection is ours from the moment the engine has one for us, and is never used for HTTP again.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from aiohttp import web

from swarm_core.engines.client import EngineClient
from swarm_core.http.exchange import Exchange
from swarm_core.runtime import transports

_HEAD_BYTES_MAX = 1 << 20
_ONLY_OURS = frozenset(("api-version", "server", "docker-experimental", "ostype"))


class _End(asyncio.Protocol):
    """One of the two ends; what it reads goes to `other`."""

    def __init__(self, ended: asyncio.Event) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.has_finished = False
        """Whether it has sent its last byte."""
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        if (to := self._other_transport()) is not None:
            to.write(data)

    def eof_received(self) -> bool:
        self.has_finished = True
        to = self._other_transport()
        if to is None:
            return False
        if to.can_write_eof() and self.other is not None and not self.other.has_finished:
            to.write_eof()
            return True
        to.close()
        return False

    def pause_writing(self) -> None:
        if (source := self._other_transport()) is not None:
            source.pause_reading()

    def resume_writing(self) -> None:
        if (source := self._other_transport()) is not None:
            source.resume_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        to = self._other_transport()
        self.transport = None
        if to is not None:
            to.close()
        self._ended.set()

    def _other_transport(self) -> asyncio.Transport | None:
        to = None if self.other is None else self.other.transport
        return None if to is None or to.is_closing() else to


class _Client(_End):
    """The client's end. `http` is the protocol that had the connection before; it must learn of its end."""

    def __init__(self, ended: asyncio.Event, http: web.RequestHandler) -> None:
        super().__init__(ended)
        self._http = http

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._http.connection_lost(exc)


class _Engine(_End):
    """The engine's end. `rewrite` makes the head that a client is shown."""

    def __init__(self, ended: asyncio.Event, rewrite: Callable[[bytes], bytes]) -> None:
        super().__init__(ended)
        self._rewrite = rewrite
        self._head: bytearray | None = bytearray()
        self._bytes_left: int | None = None

    def data_received(self, data: bytes) -> None:
        if self._head is None:
            self._hand_on(data)
            return
        self._head += data
        head, separator, rest = bytes(self._head).partition(b"\r\n\r\n")
        if separator:
            self._head = None
            self._bytes_left = _length_of_error(head)
            super().data_received(self._rewrite(head) + separator)
            self._hand_on(rest)
        elif len(self._head) > _HEAD_BYTES_MAX and self.transport is not None:
            self.transport.abort()

    def _hand_on(self, data: bytes) -> None:
        if data:
            super().data_received(data)
        if self._bytes_left is not None:
            self._bytes_left -= len(data)
            if self._bytes_left <= 0 and self.transport is not None:
                transports.close(self.transport)


class _Spent(web.StreamResponse):
    """The answer of a handler whose connection is not HTTP any more: nothing is written."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


async def hijack(
    exchange: Exchange, engine: EngineClient, body: bytes, target: str = ""
) -> web.StreamResponse:
    """Give the client's connection to the engine and return when both have ended. `target` stands in for the request's own.

    Raises EngineAway before anything was taken."""
    request, ended = exchange.request, asyncio.Event()
    theirs, end = await engine.connect(lambda: _Engine(ended, lambda head: _rewritten(head, exchange)))
    transport, http = request.transport, request.protocol
    if transport is None:
        theirs.abort()
        raise ConnectionResetError("the client has gone")
    client = _Client(ended, http)
    client.connection_made(transport)
    client.other, end.other = end, client
    exchange.started = True
    early = http._message_tail
    transport.set_protocol(client)
    theirs.write(_request_head(request, body, target or request.raw_path) + body + early)
    transport.resume_reading()
    try:
        while client.transport is not None or end.transport is not None:
            ended.clear()
            await ended.wait()
    finally:
        theirs.abort()
    response = _Spent()
    response.force_close()
    return response


def _request_head(request: web.BaseRequest, body: bytes, target: str) -> bytes:
    lines = [f"{request.method} {target} HTTP/1.1".encode()]
    for name, value in request.raw_headers:
        if name.lower() not in (b"content-length", b"transfer-encoding", b"expect"):
            lines.append(name + b": " + value)
    lines.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _rewritten(head: bytes, exchange: Exchange) -> bytes:
    """The engine's head with our own headers in place of its."""
    first, *lines = head.split(b"\r\n")
    kept = [
        line for line in lines if line.partition(b":")[0].strip().lower().decode("latin-1") not in _ONLY_OURS
    ]
    ours = [f"{name}: {value}".encode("latin-1") for name, value in exchange.face_headers.items()]
    return b"\r\n".join([first, *kept, *ours])


def _length_of_error(head: bytes) -> int | None:
    """How long the body of an error is; None for what is no error, or ends with its connection."""
    first, *lines = head.split(b"\r\n")
    if first.split(b" ")[1:2] < [b"400"]:
        return None
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
