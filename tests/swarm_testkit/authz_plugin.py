"""An authorization plugin for tests: a program beside a daemon that is asked, on a unix socket, what clients may.

`AuthzPlugin.judge` says what it denies; it begins by denying nothing. `serving_plugin` serves one in the running loop, `plugin_thread` in a
thread with a loop of its own, for tests that wait for other programs.
"""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.routes import Route, Routes

from swarm_testkit.http_face import face_at

REQUEST, ANSWER = "AuthZReq", "AuthZRes"


def allow(step: str, about: dict[str, Any]) -> dict[str, Any]:
    """Everything."""
    return {"Allow": True}


@dataclass
class AuthzPlugin:
    """`asked` are the steps with what was told; `judge` makes the answer to one."""

    judge: Callable[[str, dict[str, Any]], Any] = allow
    kinds: tuple[str, ...] = ("authz",)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def deny(self, step: str, method: str, why: str) -> None:
        """Deny this step of requests of this method."""

        def judge(now: str, about: dict[str, Any]) -> dict[str, Any]:
            is_denied = (now, about["RequestMethod"]) == (step, method)
            return {"Allow": False, "Msg": why} if is_denied else {"Allow": True}

        self.judge = judge

    def told(self, step: str) -> list[dict[str, Any]]:
        """What it was told at this step, in order."""
        return [about for now, about in self.asked if now == step]

    def routes(self) -> Routes:
        return Routes(
            [
                Route("POST", "/Plugin.Activate", self._activate),
                Route("POST", f"/AuthZPlugin.{REQUEST}", self._ask),
                Route("POST", f"/AuthZPlugin.{ANSWER}", self._ask),
            ]
        )

    async def _activate(self, exchange: Exchange) -> web.Response:
        return json_answer({"Implements": list(self.kinds)})

    async def _ask(self, exchange: Exchange) -> web.Response:
        step, about = exchange.path.rpartition(".")[2], await exchange.read_json()
        self.asked.append((step, about))
        answer = self.judge(step, about)
        return answer if isinstance(answer, web.Response) else json_answer(answer)


def body_of(about: dict[str, Any], part: str = "RequestBody") -> bytes:
    """A body that the plugin was told."""
    return base64.b64decode(about.get(part, ""))


@asynccontextmanager
async def serving_plugin(path: Path, plugin: AuthzPlugin) -> AsyncIterator[str]:
    """The plugin's address."""
    async with face_at(path, plugin.routes()):
        yield f"unix://{path}"


@contextmanager
def plugin_thread(path: Path, plugin: AuthzPlugin) -> Iterator[str]:
    """The plugin's address, while it is served beside the test."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        async with serving_plugin(path, plugin):
            ready.set()
            await ended.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60), "the plugin is not served"
        yield f"unix://{path}"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
