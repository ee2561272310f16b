"""The dashboard in a browser: each page that is opened has a dashboard of its own, a process that ends with the page.

Rules:
- Nobody gets in without the token, which is in the address that is printed. It becomes a cookie, and leaves the address line.
- A page of somebody else cannot reach the dashboard: a websocket must come from the place that it goes to.
- Nothing is loaded from anywhere else.
"""

import asyncio
import hmac
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from rich.console import Console
from textual_serve.server import Server

COOKIE: Final = "swarm-tui"
PARAMETER: Final = "token"
_PAGES: Final = Path(__file__).parents[1] / "web"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen; `port` 0 is any that is free."""

    host: str
    port: int


async def serve(command: Sequence[str], place: Place, token: str, ready: Callable[[str], object]) -> None:
    """Serve until cancelled; `ready` is told the address to open. Raises OSError."""
    server = Server(
        shlex.join(command), host=place.host, port=place.port, title="swarm-tui", templates_path=_PAGES
    )
    server.console = Console(quiet=True)
    app = await server._make_app()
    app.middlewares.append(_guard(token))
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, place.host, place.port)
        await site.start()
        host, port = runner.addresses[0][:2]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/?{PARAMETER}={token}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _guard(token: str) -> Any:
    def is_right(given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), token.encode())

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if PARAMETER in request.query:
            if not is_right(request.query[PARAMETER]):
                raise web.HTTPForbidden(text="This is not the token that swarm-tui printed.\n")
            answer = web.HTTPFound("/")
            answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
            raise answer
        if not is_right(request.cookies.get(COOKIE)):
            raise web.HTTPForbidden(text="Open the address that swarm-tui printed: it has a token.\n")
        origin = request.headers.get("Origin")
        if request.path == "/ws" and (origin is None or urlsplit(origin).netloc != request.host):
            raise web.HTTPForbidden(text="A page of somebody else may not open the dashboard.\n")
        return await handler(request)

    return guard
