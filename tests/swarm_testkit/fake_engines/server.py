"""The HTTP side of a fake engine, on aiohttp's low-level server: paths, versions, errors, faults, and bytes in place of HTTP.

It shares no code with the servers that are tested with it, so that both cannot be wrong in the same way.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote

from aiohttp import web

from swarm_testkit.fake_engines import lists
from swarm_testkit.fake_engines.engine import FakeEngine
from swarm_testkit.fake_engines.faults import saying
from swarm_testkit.fake_engines.refusal import Refusal

Answer = web.StreamResponse
_VERSIONED: Final = re.compile(r"/v([0-9]+)\.([0-9]+)(/.*)")
_TRUE: Final = ("1", "true", "True", "t", "T", "TRUE")
_GARBAGE: Final = b"\x00\x01\x02 this is no HTTP \xff\xfe\r\n\r\n"
_PAGE: Final = "<html><body>Welcome to nginx!</body></html>"
_SHAPE: Final = {"zork": [1, 2, {"Id": 7}], "Id": 3, "Names": "x", "ID": ["no"]}


@dataclass(slots=True)
class Call:
    """One request; `words` are the path's parameters."""

    engine: FakeEngine
    request: web.BaseRequest
    query: Mapping[str, str]
    words: Mapping[str, str]

    def flag(self, name: str) -> bool:
        return self.query.get(name, "") in _TRUE

    async def body(self) -> dict[str, Any]:
        """The JSON that was sent; an empty object for none."""
        text = await self.request.read()
        if not text.strip():
            return {}
        value = json.loads(text)
        assert isinstance(value, dict)
        return value

    def filters(self, kind: str) -> dict[str, tuple[str, ...]]:
        """Those of the query. Raises Refusal."""
        text = self.query.get("filters", "")
        if not text:
            return {}
        try:
            given = json.loads(text)
        except ValueError:
            raise Refusal(400, f"invalid character '{text[0]}' looking for beginning of value") from None
        for key in given:
            if key not in lists.KNOWN[kind]:
                raise Refusal(400, f"Invalid filter '{key}'")
        return {
            key: tuple(values if isinstance(values, list) else [one for one, on in values.items() if on])
            for key, values in given.items()
        }

    def prune_filters(self) -> dict[str, list[str]]:
        """Those of a request that takes away what fits."""
        given = json.loads(self.query.get("filters") or "{}")
        return {key: list(values) for key, values in given.items()}


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    handler: Handler
    name: str


def route(method: str, path: str, handler: Handler) -> Route:
    """`path` has parameters in braces; one that is called `name` may hold slashes."""
    text = re.sub(
        r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{'.+' if found[1] == 'name' else '[^/]+'})", path
    )
    return Route(method, re.compile(text), handler, f"{method} {path}")


def answer_json(value: Any, status: int = 200) -> Answer:
    body = json.dumps(value, separators=(",", ":")).encode() + b"\n"
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json"})


def answer_empty(status: int = 204) -> Answer:
    return web.Response(status=status)


class FakeServer:
    """Answers for one engine. `routes` are tried in order."""

    def __init__(self, engine: FakeEngine, routes: list[Route]) -> None:
        self.engine, self._routes = engine, routes
        self.is_back = asyncio.Event()
        """Set while the engine does not hang."""
        self.is_back.set()

    async def __call__(self, request: web.BaseRequest) -> Answer:
        engine, faults = self.engine, self.engine.faults
        engine.counters.requests += 1
        await self.is_back.wait()
        if faults.latency_s:
            await asyncio.sleep(faults.latency_s)
        if faults.error:
            return self._named(answer_json({"message": "the fake engine fails"}, faults.error))
        if faults.garbage == "bytes":
            return self._raw(request, _GARBAGE)
        if faults.garbage == "html":
            return web.Response(text=_PAGE, content_type="text/html")
        if faults.garbage == "json":
            return self._named(answer_json(_SHAPE))
        try:
            answer = await self._found(request)
        except Refusal as error:
            answer = answer_json({"message": error.message}, error.status)
        if faults.says:
            answer = self._hostile(answer, faults.says)
        if faults.garbage == "half" and isinstance(answer, web.Response) and answer.body:
            body = cast(bytes, answer.body)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            return self._raw(request, head.encode() + body[: len(body) // 2])
        return answer if answer.prepared else self._named(answer)

    def _hostile(self, answer: Answer, text: str) -> Answer:
        if not isinstance(answer, web.Response) or answer.content_type != "application/json":
            return answer
        told = saying(json.loads(cast(bytes, answer.body)), text)
        if isinstance(told, dict) and "NCPU" in told:
            told["Name"] = text  # an engine's own name is nobody's reference
        return answer_json(told, answer.status)

    async def _found(self, request: web.BaseRequest) -> Answer:
        path = unquote(request.path)
        about = self.engine.about
        if (versioned := _VERSIONED.fullmatch(path)) is not None:
            spoken, path = (int(versioned[1]), int(versioned[2])), versioned[3]
            if spoken < _numbers(about.oldest_api):
                raise Refusal(
                    400,
                    f"client version {spoken[0]}.{spoken[1]} is too old. Minimum supported API version is "
                    f"{about.oldest_api}, please upgrade your client to a newer version",
                )
            if spoken > _numbers(about.api):
                raise Refusal(
                    400,
                    f"client version {spoken[0]}.{spoken[1]} is too new. Maximum supported API version is {about.api}",
                )
        for one in self._routes:
            found = one.pattern.fullmatch(path) if one.method == request.method else None
            if found is not None:
                counts = self.engine.counters.by_path
                counts[one.name] = counts.get(one.name, 0) + 1
                if path in self.engine.faults.fails:
                    raise Refusal(*self.engine.faults.fails[path])
                answer = await one.handler(Call(self.engine, request, request.query, found.groupdict()))
                if (held := self.engine.faults.holds.get(path)) is not None:
                    await held.wait()
                return answer
        raise Refusal(404, "page not found")

    def _named(self, answer: Answer) -> Answer:
        answer.headers.update(head_fields(self.engine))
        return answer

    def _raw(self, request: web.BaseRequest, data: bytes) -> Answer:
        transport = request.transport
        if transport is not None:
            transport.write(data)
            transport.close()
        return Spent()


def head_fields(engine: FakeEngine) -> dict[str, str]:
    """The headers that every answer has."""
    about = engine.about
    return {
        "Api-Version": about.api,
        "Docker-Experimental": "false",
        "Ostype": "linux",
        "Server": f"Docker/{about.version} (linux)",
    }


def _numbers(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


class Spent(web.StreamResponse):
    """The answer of a handler that has answered by itself: nothing more is written."""

    def __init__(self) -> None:
        super().__init__()
        self.force_close()

    @property
    def prepared(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None
