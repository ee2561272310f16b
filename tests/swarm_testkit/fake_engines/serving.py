"""Fake engines behind sockets, many in one loop: unix sockets in a private directory, or ports of this machine.

    async with fake_engines(directory, 3, containers=10) as engines:
        engines[0].url                                  # unix://…/0.sock
        engines[1].faults.latency_s = 3.0
        await engines.vanish(2); await engines.come_back(2)

Rule: an engine that vanishes takes its connections with it, and its socket's file stays, as after a kill.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from swarm_testkit.fake_engines import container_routes, object_routes, seeds, system_routes
from swarm_testkit.fake_engines.engine import About, FakeEngine
from swarm_testkit.fake_engines.server import FakeServer

_FIELDS_MAX = 1 << 20


@dataclass(slots=True)
class _Place:
    engine: FakeEngine
    server: FakeServer
    path: Path | None
    http: web.Server | None = None
    listening: asyncio.Server | None = None
    port: int = 0
    transports: set[asyncio.BaseTransport] = field(default_factory=set)


class FakeEngines:
    """Engines by number. Made by `fake_engines`."""

    def __init__(self, directory: Path | None, seed: int) -> None:
        self._directory, self._seed = directory, seed
        self._places: list[_Place] = []
        self._routes = [*system_routes.routes(), *container_routes.routes(), *object_routes.routes()]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> FakeEngine:
        return self._places[number].engine

    def __iter__(self) -> Iterator[FakeEngine]:
        return iter([place.engine for place in self._places])

    async def add(self, about: About | None = None, *, containers: int = 0) -> FakeEngine:
        """One engine more, which listens."""
        number = len(self._places)
        engine = FakeEngine(about or About(f"host-{number}"), random.Random(f"{self._seed}-{number}"))
        seeds.fill(engine, containers)
        path = None if self._directory is None else self._directory / f"{number}.sock"
        self._places.append(_Place(engine, FakeServer(engine, self._routes), path))
        await self.come_back(number)
        return engine

    async def come_back(self, number: int) -> None:
        """Listen, also again."""
        place = self._places[number]
        assert place.listening is None
        place.http = http = web.Server(place.server, handler_cancellation=True)

        def connected() -> web.RequestHandler:
            return _Tracked(http, place)

        loop = asyncio.get_running_loop()
        if place.path is not None:
            place.path.unlink(missing_ok=True)
            place.listening = await loop.create_unix_server(connected, str(place.path))
            place.engine.url = f"unix://{place.path}"
        else:
            place.listening = await loop.create_server(connected, "127.0.0.1", place.port)
            place.port = place.listening.sockets[0].getsockname()[1]
            place.engine.url = f"tcp://127.0.0.1:{place.port}"

    async def vanish(self, number: int) -> None:
        """No listener, no connection: as after `kill -9`."""
        place = self._places[number]
        listening, place.listening = place.listening, None
        if listening is not None:
            listening.close()
        place.engine.events.end_all()
        for transport in list(place.transports):
            if isinstance(transport, asyncio.Transport) or hasattr(transport, "abort"):
                transport.abort()
        if place.http is not None:
            await place.http.shutdown(0)
            place.http = None

    def hang(self, number: int, *, hangs: bool = True) -> None:
        """Take requests and answer none of them; or answer again, also those that waited."""
        place = self._places[number]
        place.engine.faults.hangs = hangs
        if hangs:
            place.server.is_back.clear()
        else:
            place.server.is_back.set()

    async def close(self) -> None:
        for number, place in enumerate(self._places):
            self.hang(number, hangs=False)
            if place.listening is not None:
                await self.vanish(number)


class _Tracked(web.RequestHandler):
    """Connections are known for as long as they last, also when they are no HTTP any more."""

    __slots__ = ("_place",)

    def __init__(self, server: web.Server, place: _Place) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own default of its server
            max_line_size=_FIELDS_MAX,
            max_field_size=_FIELDS_MAX,
        )
        self._place = place

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._place.transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._place.transports = {one for one in self._place.transports if not one.is_closing()}
        super().connection_lost(exc)


@asynccontextmanager
async def fake_engines(
    directory: Path | None, count: int, *, containers: int = 0, seed: int = 1
) -> AsyncIterator[FakeEngines]:
    """`count` engines with `containers` containers each: sockets in `directory`, or without one ports of this machine."""
    engines = FakeEngines(directory, seed)
    try:
        for _ in range(count):
            await engines.add(containers=containers)
        yield engines
    finally:
        await engines.close()
