"""Calls for the suite of one engine's HTTP API: answers as status and JSON, events as they come, connections that become bytes."""

import asyncio
import itertools
import json
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from swarm_core.engines.client import EngineClient
from swarm_core.runtime.tasks import Group

IMAGE = "busybox:local"
LIMIT_S = 60.0
FOREVER = ("sleep", "1000000")
_numbers = itertools.count(1)


def new_name(kind: str = "c") -> str:
    """One that no other test of this process has."""
    return f"conf-{kind}-{next(_numbers)}"


def now() -> str:
    """For the events since then. A real engine answers first and begins to listen after it: what happens in between it tells only those who say
    since when."""
    return f"{time.time():.9f}"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    """JSON; bytes where the engine says that it is something else; None for an empty body."""
    headers: dict[str, str]

    @property
    def message(self) -> str:
        """What an error says."""
        assert set(self.body) == {"message"}, self.body
        return str(self.body["message"])


@dataclass(slots=True)
class Heard:
    """Events that came, oldest first."""

    events: list[dict[str, Any]] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """The engine has ended the stream."""

    def actions(self, id_: str) -> list[str]:
        """Of one object."""
        return [one["Action"] for one in self.events if one["Actor"]["ID"] == id_]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on what was heard holds."""
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self.more.clear()
                await self.more.wait()


class Calls:
    """One engine."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self.path = Path(client.url.removeprefix("unix://"))

    async def ask(self, method: str, target: str, body: Any = None, **query: Any) -> Reply:
        """One request; what is no text in the query is sent as JSON."""
        given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
        whole = target + ("?" + urlencode(given) if given else "")
        sent = None if body is None else json.dumps(body).encode()
        headers = () if body is None else (("Content-Type", "application/json"),)
        async with asyncio.timeout(LIMIT_S), self._client.request(method, whole, headers, sent) as answer:
            data = await answer.read()
            named = {name.lower(): value for name, value in answer.headers.items()}
            if not data:
                return Reply(answer.status, None, named)
            is_json = named.get("content-type", "").startswith("application/json")
            return Reply(answer.status, json.loads(data) if is_json else data, named)

    async def get(self, target: str, **query: Any) -> Reply:
        return await self.ask("GET", target, **query)

    async def post(self, target: str, body: Any = None, **query: Any) -> Reply:
        return await self.ask("POST", target, body, **query)

    async def delete(self, target: str, **query: Any) -> Reply:
        return await self.ask("DELETE", target, **query)

    async def told(self, target: str, **query: str) -> list[Any]:
        """The lines of JSON that a POST answers."""
        whole = target + "?" + urlencode(query)
        async with asyncio.timeout(LIMIT_S), self._client.request("POST", whole) as answer:
            return [json.loads(line) for line in (await answer.read()).splitlines() if line.strip()]

    async def create(self, *words: str, name: str = "", **more: Any) -> str:
        """A container's id."""
        body = {"Image": IMAGE, "Cmd": list(words), **more}
        made = await self.post("/containers/create", body, name=name or new_name())
        assert made.status == 201, made.body
        return str(made.body["Id"])

    async def started(self, *words: str, name: str = "", **more: Any) -> str:
        """A container that was started."""
        id_ = await self.create(*words, name=name, **more)
        begun = await self.post(f"/containers/{id_}/start")
        assert begun.status == 204, begun.body
        return id_

    async def finished(self, id_: str) -> int:
        """The exit code of a container, when it has ended."""
        answer = await self.post(f"/containers/{id_}/wait")
        return int(answer.body["StatusCode"])

    async def line(self, id_: str) -> dict[str, Any]:
        """The container as the list shows it."""
        (line,) = (await self.get("/containers/json", all="1", filters={"id": [id_]})).body
        assert isinstance(line, dict)
        return line

    @asynccontextmanager
    async def hearing(self, **query: Any) -> AsyncIterator[Heard]:
        """The events from now on. The stream is open when the block begins."""
        given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
        heard = Heard()
        target = "/events" + ("?" + urlencode(given) if given else "")
        async with Group() as group, self._client.request("GET", target) as answer:
            assert answer.status == 200

            async def read() -> None:
                async for line in answer.content:
                    heard.events.append(json.loads(line))
                    heard.more.set()
                heard.ended.set()

            group.spawn(read(), name="events")
            try:
                yield heard
            finally:
                group.cancel_all()

    @asynccontextmanager
    async def hijacked(self, target: str, body: Any = None) -> AsyncIterator["Hijacked"]:
        """The connection after a POST that asks for an upgrade."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        sent = b"" if body is None else json.dumps(body).encode()
        head = (
            f"POST {target} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + sent)
            async with asyncio.timeout(LIMIT_S):
                first = await reader.readuntil(b"\r\n\r\n")
            yield Hijacked(first.split(b"\r\n")[0].decode(), first.lower(), reader, writer)
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                pass  # the engine ended it first


@dataclass(frozen=True, slots=True)
class Hijacked:
    """`first` is the answer's first line."""

    first: str
    head: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def rest(self) -> bytes:
        """All that comes until the engine ends."""
        async with asyncio.timeout(LIMIT_S):
            return await self.reader.read()


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames of a stream of output."""
    while data:
        stream, length = struct.unpack(">BxxxL", data[:8])
        yield stream, data[8 : 8 + length]
        data = data[8 + length :]


def texts(data: bytes) -> dict[int, str]:
    """What each stream said."""
    said: dict[int, str] = {}
    for stream, text in frames(data):
        said[stream] = said.get(stream, "") + text.decode()
    return said


def check_fields(value: dict[str, Any], fields: Mapping[str, type]) -> None:
    """Each is there, and of its type."""
    found = {name: type(value[name]) if name in value else None for name in fields}
    assert found == fields


def labels_of(**labels: str) -> dict[str, Any]:
    """A container's labels, as `Calls.create` takes them."""
    return {"Labels": labels}
