"""Answers Prometheus, and whoever asks whether a program is well (docs/design/metrics.md M.1, M.3).

Rules
1. `/metrics` is the text format, `/healthz` says that the program answers, `/readyz` whether it can do its work: 200, or 503 with what is
   missing. Nothing here changes anything, and nothing else is answered.
2. It is asked on the event loop: what is told is of one moment.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    disable_created_metrics,
    generate_latest,
)

from swarm_core.api.version import VERSION
from swarm_core.http import listeners, server
from swarm_core.http.exchange import Exchange, Limits
from swarm_core.http.hosts import Host
from swarm_core.http.routes import Route, Routes
from swarm_core.metrics.checks import Check, told

_LIMITS: Final = Limits(
    head_s=30.0, body_s=5.0, field_bytes_max=8192, fields_max=64, stop_s=0.5, connections_max=64
)
_FACE: Final = server.Face(f"swarm-tui/{VERSION}", what="metrics", tells_versions=False)
# When a series began says nothing that its counter does not, and is another series for each.
disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Told:
    """What a program tells: its figures, `more` that it has heard of another as text, and how it is."""

    registry: CollectorRegistry
    ready: Callable[[], Awaitable[Iterable[Check]]]
    more: Callable[[], Awaitable[bytes]] | None = None


@asynccontextmanager
async def serving(host: Host, program: Told) -> AsyncIterator[str]:
    """Answer on `host` within the block; the address that was really opened. Raises listeners.CannotListen."""

    async def metrics(_: Exchange) -> web.Response:
        text = generate_latest(program.registry)
        if program.more is not None:
            text += await program.more()
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def healthy(_: Exchange) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: Exchange) -> web.Response:
        is_fine, text = told(await program.ready())
        return web.Response(status=200 if is_fine else 503, text=text)

    routes = Routes(
        (Route("GET", "/metrics", metrics), Route("GET", "/healthz", healthy), Route("GET", "/readyz", ready))
    )
    # Whoever named the address wants it asked from there; what is told changes nothing and holds no secret.
    opened = listeners.open_all([host], listeners.Terms(allows_strangers=True), {})
    async with server.serving(routes, _FACE, opened, _LIMITS):
        yield opened[0].shown
