"""`/events`: a stream of lines (docs/design/engine-api-json.md 14.12)."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from swarm_core.api.timestamps import NS_PER_S
from swarm_core.http.exchange import Exchange
from swarm_core.http.routes import Route

from swarm_agentd.engine_api import events, filters
from swarm_agentd.engine_api.context import Context
from swarm_agentd.engine_api.events import Event, TooSlow


def routes(context: Context) -> list[Route]:
    """Of events."""
    return [Route("GET", "/events", _Stream(context).answer)]


class _Stream:
    def __init__(self, context: Context) -> None:
        self._events, self._clock = context.events, context.clock

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """What was, if it is asked for, then what comes, until the time that is asked for. A reader that is too slow is left."""
        span = events.span(exchange.query)
        asked = filters.parse(exchange.query.get("filters", ""), None)

        def is_past(event: Event) -> bool:
            return span.has_past and span.holds(event) and events.is_asked_for(asked, event)

        with self._events.reading(is_past) as (past, following):
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await exchange.start(response)
            if past:
                await response.write(b"".join(map(events.line, past)))
            try:
                async with asyncio.timeout(self._left_s(span)):
                    await _follow(response, following, asked)
            except TimeoutError:
                await response.write_eof()
            except TooSlow:
                if (transport := exchange.request.transport) is not None:
                    transport.abort()
        return response

    def _left_s(self, span: events.Span) -> float | None:
        return None if span.until_ns is None else max(span.until_ns - self._clock.wall_ns(), 0) / NS_PER_S


async def _follow(response: web.StreamResponse, following: Callable[[], Any], asked: filters.Filters) -> None:
    while True:
        event = await following()
        if events.is_asked_for(asked, event):
            await response.write(events.line(event))
