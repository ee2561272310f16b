"""One request of a client at many engines at once: its body to each, and their progress as one answer (docs/design/engine-commands.md 16.4.5).

Rules
1. Each line names its engine. The answer begins with the first line; where every engine refuses before it, the refusal is the answer.
2. One failure fails the whole, at its end. An engine of another system than the image is for is no failure where another one succeeded.
3. A body is never held whole: the client is read from as fast as the slowest engine takes it. An engine that takes nothing for STALL_S is left out.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from aiohttp import web

from swarm_core.api.json_text import json_of
from swarm_core.engines.errors import EngineError, EngineRefused
from swarm_core.engines.face.asking import Asking, Refused
from swarm_core.engines.making import is_wrong_system
from swarm_core.engines.records import EngineRecord
from swarm_core.http.exchange import JSON_TYPE, Exchange
from swarm_core.runtime.tasks import beside

STALL_S: Final = 30.0
_PIECES_MAX: Final = 4
Query = Mapping[str, str | list[str]]


class _Feed:
    """The body as one engine takes it."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES_MAX)
        self.is_over = False
        """The engine takes no more."""

    async def put(self, piece: bytes | None) -> None:
        """None is the body's end. Raises TimeoutError when the engine has taken nothing for long."""
        if not self.is_over:
            async with asyncio.timeout(STALL_S):
                await self._pieces.put(piece)

    def end(self) -> None:
        self.is_over = True
        while not self._pieces.empty():
            self._pieces.get_nowait()  # who waits to put one in goes on

    async def pieces(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece


class Everywhere:
    """One request at these engines."""

    def __init__(
        self, asking: Asking, exchange: Exchange, path: str, records: Sequence[EngineRecord]
    ) -> None:
        self._asking, self._exchange, self._path, self._records = asking, exchange, path, records
        self._response = web.StreamResponse(headers={"Content-Type": JSON_TYPE})
        self._turn = asyncio.Lock()
        self._wrong: dict[str, EngineError] = {}
        self._right: set[str] = set()
        self._gone: ConnectionResetError | None = None
        """The client has left."""

    async def answer(self, query: Query, headers: Mapping[str, str]) -> web.StreamResponse:
        """The progress of all. Raises Refused, and what reading the client's body raises."""
        feeds = {record.name: _Feed() for record in self._records} if self._exchange.has_body else {}
        async with beside() as group:
            tasks = {
                record.name: group.spawn(
                    self._one(record, query, headers, feeds.get(record.name)), name=f"ask {record.key}"
                )
                for record in self._records
            }
            if feeds:
                await self._pour(feeds, tasks)
            await asyncio.wait(tasks.values())
        if self._gone is not None:
            raise self._gone
        return await self._ended()

    async def _pour(self, feeds: Mapping[str, _Feed], tasks: Mapping[str, "asyncio.Task[None]"]) -> None:
        async with aclosing(self._exchange.pieces()) as pieces:
            async for piece in pieces:
                await self._give(piece, feeds, tasks)
        await self._give(None, feeds, tasks)

    async def _give(
        self, piece: bytes | None, feeds: Mapping[str, _Feed], tasks: Mapping[str, "asyncio.Task[None]"]
    ) -> None:
        for name, feed in feeds.items():
            try:
                await feed.put(piece)
            except TimeoutError:
                self._wrong[name] = EngineError(f"it took nothing for {STALL_S:g} s")
                tasks[name].cancel()
                feed.end()

    async def _one(
        self, record: EngineRecord, query: Query, headers: Mapping[str, str], feed: _Feed | None
    ) -> None:
        body = None if feed is None else feed.pieces()
        try:
            api = self._asking.cluster.api(record.key)
            async with aclosing(api.lines("POST", self._path, query, body, headers=headers)) as lines:
                async for line in lines:
                    await self._tell(record, line)
            self._right.add(record.name)
        except EngineError as error:
            self._asking.doubt(record.key, error)
            self._wrong[record.name] = error
        except ConnectionResetError as error:
            self._gone = error
        finally:
            if feed is not None:
                feed.end()

    async def _tell(self, record: EngineRecord, line: bytes) -> None:
        try:
            told = json_of(line)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise EngineError(f"the container engine at {record.entry.url} answered no progress")
        if error := told.get("error"):
            # The status was sent before it went wrong.
            raise EngineRefused(500, str(error))
        status = str(told.get("status") or told.get("stream") or "").rstrip("\n")
        progress = {"progress": told["progress"]} if told.get("progress") else {}
        await self._write({"id": record.name, "status": status, **progress})

    async def _write(self, line: dict[str, Any]) -> None:
        async with self._turn:
            if not self._exchange.started:
                await self._exchange.start(self._response)
            await self._response.write(json.dumps(line).encode() + b"\r\n")

    async def _ended(self) -> web.StreamResponse:
        if self._right:
            for name in [name for name, error in self._wrong.items() if is_wrong_system(error)]:
                await self._write({"id": name, "status": f"Left out: {self._wrong.pop(name)}"})
        text = "\n".join(f"{name}: {error}" for name, error in self._wrong.items())
        if text and not self._exchange.started:
            statuses = {one.status for one in self._wrong.values() if isinstance(one, EngineRefused)}
            raise Refused(statuses.pop() if len(statuses) == 1 else 500, text)
        if text:
            await self._write({"error": text, "errorDetail": {"message": text}})
        elif not self._exchange.started:
            await self._exchange.start(self._response)
        return self._response
