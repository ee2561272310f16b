"""An HTTP face for tests, on a unix socket, and a client that sends bytes as they are."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarm_core.http.exchange import Limits
from swarm_core.http.guard import Guard
from swarm_core.http.hosts import UnixHost
from swarm_core.http.listeners import Terms, open_all
from swarm_core.http.routes import Routes
from swarm_core.http.server import Face, serving

FACE = Face("Docker/1.2.3 (linux)")
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response as it came; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The sentence of an error."""
        text = self.json["message"]
        assert isinstance(text, str)
        return text


@asynccontextmanager
async def face_at(
    path: Path, routes: Routes, face: Face = FACE, limits: Limits | None = None, guard: Guard | None = None
) -> AsyncIterator[Path]:
    """`routes` served at `path`."""
    async with serving(routes, face, open_all([UnixHost(path)], Terms(), {}), limits, guard):
        yield path


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the socket at `path`, closed in the end."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        yield reader, writer
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass  # the server ended it first


async def ask(path: Path, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
    """One request on a connection of its own; `_` in a header's name stands for `-`."""
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", "Connection: close"]
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body and "Content-Length" not in given and "Transfer-Encoding" not in given:
        given["Content-Length"] = str(len(body))
    lines += [f"{name}: {value}" for name, value in given.items()]
    return await ask_raw(path, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def ask_raw(path: Path, request: bytes) -> Answer:
    """What answers these bytes until the connection ends."""
    async with asyncio.timeout(WAIT_S), connected(path) as (reader, writer):
        writer.write(request)
        return parse(await reader.read())


def parse(raw: bytes) -> Answer:
    """One whole response."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    if headers.get("transfer-encoding") == "chunked":
        body = _joined(body)
    return Answer(int(first.split(" ")[1]), headers, body)


def _joined(body: bytes) -> bytes:
    whole = b""
    while True:
        length, _, body = body.partition(b"\r\n")
        size = int(length, 16)
        if not size:
            return whole
        whole, body = whole + body[:size], body[size + 2 :]
