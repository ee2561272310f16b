"""A client's request at an engine, and its answer back (docs/design/engine-api.md E8).

Rules
1. Headers go as they came, but for those of the connection itself. Bodies stream both ways and each piece goes on as it comes. There is no
   time limit.
2. When either end goes away, so does the other.
"""

from collections.abc import AsyncIterator

from aiohttp import ClientResponse, web

from swarm_core.engines.client import EngineClient
from swarm_core.http.exchange import JSON_TYPE, Exchange

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


async def relay(
    exchange: Exchange,
    engine: EngineClient,
    target: str,
    headers: list[tuple[str, str]],
    body: AsyncIterator[bytes] | bytes | None,
) -> web.StreamResponse:
    """The engine's answer to the client's request, with `target` for its path and query. Raises EngineAway."""
    request = exchange.request
    async with engine.request(request.method, target, headers, body) as answer:
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP_BY_HOP | _OF_THE_FACE:
                response.headers.add(name, value)
        if exchange.answer_check is not None and _is_short_json(answer):
            return web.Response(status=answer.status, headers=response.headers, body=await answer.read())
        await exchange.start(response)
        if request.method != "HEAD":
            async for piece in answer.content.iter_any():
                await response.write(piece)
        return response


def _is_short_json(answer: ClientResponse) -> bool:
    """Whether a guard is shown the whole of it. One without a length may be a stream that goes on for hours."""
    length = answer.content_length
    return answer.content_type == JSON_TYPE and length is not None and 0 < length <= _SHOWN_BYTES_MAX


def headers_on(request: web.BaseRequest) -> list[tuple[str, str]]:
    """The request's headers that are not about the connection it came by."""
    named = {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
    return [
        (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP | named
    ]


async def _pieces(exchange: Exchange) -> AsyncIterator[bytes]:
    yield b""  # lets the head go at once: an engine may answer before the first piece comes
    async for piece in exchange.pieces():
        yield piece


def body_of(exchange: Exchange) -> AsyncIterator[bytes] | None:
    """The request's body as it comes; None for none."""
    return _pieces(exchange) if exchange.has_body else None
