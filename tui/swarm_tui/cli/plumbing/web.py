"""The dashboard in a browser: each page that is opened has a dashboard of its own, a process that ends with the page.

Rules:
- Nobody gets in without the token, which is in the address that is printed. It becomes a cookie, and leaves the address line.
- A page of somebody else cannot reach the dashboard: a websocket must come from the place that it goes to.
- Nothing is loaded from anywhere else.
- A page whose dashboard has ended says why: each end closes its websocket with a code, of which the page has a sentence.
"""

import asyncio
import hmac
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, web
from rich.console import Console
from textual_serve.app_service import AppService
from textual_serve.server import Server

COOKIE: Final = "swarm-tui"
PARAMETER: Final = "token"
_PAGES: Final = Path(__file__).parents[1] / "web"
_END_S: Final = 10.0
"""How long the dashboards may take to end, once the server does."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen; `port` 0 is any that is free."""

    host: str
    port: int


class _Dashboards(Server):
    """The toolkit's server, which tells a page when its dashboard ends by itself, and all pages when it ends."""

    def __init__(self, command: str, place: Place) -> None:
        super().__init__(command, host=place.host, port=place.port, title="swarm-tui", templates_path=_PAGES)
        self.console = Console(quiet=True)
        self._open: set[web.WebSocketResponse] = set()

    async def _process_messages(self, websocket: web.WebSocketResponse, app_service: AppService) -> None:
        self._open.add(websocket)
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(_close_at_end(app_service, websocket))
                await super()._process_messages(websocket, app_service)
                watching.cancel()
        finally:
            self._open.discard(websocket)

    async def on_shutdown(self, app: web.Application) -> None:
        await asyncio.gather(*(one.close(code=WSCloseCode.GOING_AWAY) for one in self._open))


async def _close_at_end(dashboard: AppService, websocket: web.WebSocketResponse) -> None:
    """One that was left has closed its page itself: of this one the process is gone without a word."""
    assert dashboard._task is not None, "it was started before its page was heard"
    await asyncio.wait([dashboard._task])
    await websocket.close(code=WSCloseCode.INTERNAL_ERROR)


async def serve(command: Sequence[str], place: Place, token: str, ready: Callable[[str], object]) -> None:
    """Serve until cancelled; `ready` is told the address to open. Raises OSError."""
    app = await _Dashboards(shlex.join(command), place)._make_app()
    app.middlewares.append(_guard(token))
    runner = web.AppRunner(app, shutdown_timeout=_END_S)
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
