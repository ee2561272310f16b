"""The Docker Engine's API as its clients call it: versions agreed on, JSON in and out, streams, and connections that become bytes.

Rules
1. The version that is spoken is the newest that both sides know. It is asked for once, and again after `forget_version`.
2. A call that is to end has `CALL_S`, and at most `CALLS_MAX` run at once; the rest waits its turn. Streams count for nothing, and
   last as long as they are read. Who asks for people has turns of their own (`beside`): a slow engine's lists hold up no question.
3. What is no JSON, or JSON of another form than the call gives, is EngineGarbage. Text that is no UTF-8 is read with replacement characters.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, quote_plus

from swarm_core.api.json_text import json_of
from swarm_core.engines.client import ANSWER_BYTES_MAX, EngineClient, message_of
from swarm_core.engines.errors import EngineGarbage, EngineRefused, EngineUnfit
from swarm_core.engines.ways import away, silent
from swarm_core.http.version import NEWEST, OLDEST, Version, parse

if TYPE_CHECKING:
    import aiohttp

CALL_S: Final = 10.0
CALLS_MAX: Final = 4
ASKED_MAX: Final = 64
"""Of calls that people ask for: more than anybody looks at."""
LINE_BYTES_MAX: Final = 4 << 20
_UNSAFE: Final = re.compile("[^A-Za-z0-9_.~-]+")
Query = Mapping[str, str | int | bool | Mapping[str, Any] | list[str] | None]
"""A mapping is sent as JSON, as filters are; a list as one pair for each; None is left out."""
P = TypeVar("P", bound=asyncio.BaseProtocol)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hello:
    """What an engine says when it is pinged."""

    api_version: Version
    """The newest that it speaks."""
    os: str


@dataclass(slots=True)
class _Agreed:
    """The version that is spoken; None before it was agreed on."""

    version: Version | None = None


class EngineApi:
    """Calls to one engine. Ended by `close`."""

    def __init__(
        self,
        client: EngineClient,
        *,
        newest: Version = NEWEST,
        oldest: Version = OLDEST,
        calls_max: int = CALLS_MAX,
    ) -> None:
        self.client = client
        self._newest, self._oldest = newest, oldest
        self._agreed = _Agreed()
        self._turns = asyncio.Semaphore(calls_max)

    def beside(self, calls_max: int) -> "EngineApi":
        """Calls to the same engine, with the same version, that wait for none of these."""
        other = EngineApi(self.client, newest=self._newest, oldest=self._oldest, calls_max=calls_max)
        other._agreed = self._agreed
        return other

    @property
    def url(self) -> str:
        return self.client.url

    @property
    def version(self) -> Version | None:
        """What is spoken; None before it was agreed on."""
        return self._agreed.version

    def forget_version(self) -> None:
        """The engine may be another one by now."""
        self._agreed.version = None

    async def close(self) -> None:
        """End every call."""
        await self.client.close()

    async def agree(self) -> Version:
        """The version that is spoken. Raises EngineAway, EngineRefused, EngineUnfit."""
        if self._agreed.version is None:
            body, headers = await self._answer("GET", "/_ping", None, CALL_S)
            theirs = headers.get("api-version", "")
            if not theirs:
                if not body.startswith(b"OK"):
                    raise self._garbage("something else than an engine's ping")
                # Old engines do not say it with the ping.
                theirs = str((await self.about()).get("ApiVersion", ""))
            self._agreed.version = self._chosen(theirs)
        return self._agreed.version

    async def about(self) -> dict[str, Any]:
        """What `/version` answers, which needs no version to be agreed on. Raises EngineAway, EngineRefused."""
        return self._of(dict, self._json((await self._answer("GET", "/version", None, CALL_S))[0]))

    def _chosen(self, theirs: str) -> Version:
        try:
            newest = parse(theirs)
        except ValueError:
            raise self._garbage(f"with the API version {theirs[:40]!r}, which is none") from None
        if newest < self._oldest:
            raise EngineUnfit(
                f"the engine at {self.url} speaks API version {newest}; at least {self._oldest} is needed"
            )
        return min(newest, self._newest)

    def refuse_too_new(self, oldest: str) -> None:
        """Raise EngineUnfit when `oldest`, the MinAPIVersion of `/version`, is newer than what we speak."""
        try:
            theirs = parse(oldest)
        except ValueError:
            return  # engines need not say it
        if theirs > self._newest:
            raise EngineUnfit(
                f"the engine at {self.url} speaks API version {theirs} and newer; ours is {self._newest}"
            )

    async def get(self, path: str, query: Query | None = None, *, timeout: float = CALL_S) -> Any:
        """The JSON that a GET answers. Raises EngineAway, EngineRefused, EngineUnfit."""
        return self._json(await self.call("GET", path, query, timeout=timeout))

    async def get_object(
        self, path: str, query: Query | None = None, *, timeout: float = CALL_S
    ) -> dict[str, Any]:
        """As `get`, for what must be an object."""
        return self._of(dict, await self.get(path, query, timeout=timeout))

    async def get_list(self, path: str, query: Query | None = None, *, timeout: float = CALL_S) -> list[Any]:
        """As `get`, for what must be a list; null is an empty one."""
        found = await self.get(path, query, timeout=timeout)
        return self._of(list, [] if found is None else found)

    async def post(
        self,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        timeout: float | None = CALL_S,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON that a POST answers, None where it answers nothing. Raises as `get` does."""
        return self._json(
            await self.call("POST", path, query, body, timeout=timeout, headers=headers), or_none=True
        )

    async def delete(self, path: str, query: Query | None = None, *, timeout: float = CALL_S) -> Any:
        """As `post`, for a DELETE."""
        return self._json(await self.call("DELETE", path, query, timeout=timeout), or_none=True)

    async def call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        timeout: float | None = CALL_S,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The bytes of an answer, read whole. Raises as `get` does."""
        await self.agree()
        target = self.target(path, query)
        if timeout is None:
            return (await self._answer(method, target, body, None, headers))[0]
        async with self._turns:
            return (await self._answer(method, target, body, timeout, headers))[0]

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        """An answer that is read as it comes. Raises as `get` does, also while it is read."""
        await self.agree()
        sent, told = _sent(body, headers)
        async with self.client.request(method, self.target(path, query), told, sent) as response:
            if response.status >= 400:
                raise EngineRefused(response.status, message_of(await self._bytes(response)))
            yield response

    async def lines(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        quiet_s: float | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The lines of an answer as they come, each a JSON value: events, progress. To be closed by its reader. Where no line comes for
        `quiet_s`, EngineSilent is raised."""
        async with AsyncExitStack() as stack:
            opening = self.open(method, path, query, body, headers=headers)
            response = await self._within(quiet_s, stack.enter_async_context(opening))
            lines = self.lines_of(response)
            while (line := await self._within(quiet_s, anext(lines, None))) is not None:
                yield line

    async def _within(self, seconds: float | None, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            raise silent(self.url, seconds or 0) from None

    async def lines_of(self, response: "aiohttp.ClientResponse") -> AsyncGenerator[bytes, None]:
        """The lines of an answer that is open."""
        import aiohttp

        rest = b""
        try:
            async for chunk in response.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    if line := line.strip():
                        yield line
                if len(rest) > LINE_BYTES_MAX:
                    raise self._garbage("a line without an end")
        except (aiohttp.ClientError, OSError) as error:
            raise away(self.url, error) from None
        if rest.strip():
            yield rest.strip()

    async def hijack(
        self, path: str, query: Query | None, body: Any, make: Callable[[], P]
    ) -> tuple[asyncio.Transport, P]:
        """Begin a POST that becomes a connection of bytes: attach, exec. The protocol gets the answer's head too, as it came.

        Raises as `agree` does."""
        await self.agree()
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"POST {self.target(path, query)} HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        transport, protocol = await self.client.connect(make)
        transport.write(head.encode() + data)
        return transport, protocol

    def target(self, path: str, query: Query | None = None) -> str:
        """Path and query as they are sent, of the version that was agreed on."""
        assert self._agreed.version is not None, "nothing is sent before a version was agreed on"
        return f"/v{self._agreed.version}{quote(path, safe='/:@!$&()*+,;=~')}{_written(query or {})}"

    async def _answer(
        self,
        method: str,
        target: str,
        body: Any,
        timeout: float | None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[bytes, dict[str, str]]:
        sent, told = _sent(body, headers)
        try:
            async with asyncio.timeout(timeout), self.client.request(method, target, told, sent) as response:
                data = await self._bytes(response)
                if response.status >= 400:
                    raise EngineRefused(response.status, message_of(data))
                return data, {name.lower(): value for name, value in response.headers.items()}
        except TimeoutError:
            raise silent(self.url, timeout or 0) from None

    async def _bytes(self, response: "aiohttp.ClientResponse") -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > ANSWER_BYTES_MAX:
                raise self._garbage(f"more than {ANSWER_BYTES_MAX >> 20} MiB")
        return b"".join(parts)

    def _json(self, data: bytes, *, or_none: bool = False) -> Any:
        if or_none and not data.strip():
            return None
        try:
            return json_of(data.decode(errors="replace"))
        except ValueError:
            raise self._garbage("no JSON") from None

    def _of(self, form: type[T], value: Any) -> T:
        if not isinstance(value, form):
            raise self._garbage(
                f"JSON of another form: {type(value).__name__} where a {form.__name__} is due"
            )
        return value

    def _garbage(self, what: str) -> EngineGarbage:
        return EngineGarbage(f"the container engine at {self.url} answered {what}")


def _sent(body: Any, headers: Mapping[str, str] | None) -> tuple[Any, list[tuple[str, str]]]:
    told = list((headers or {}).items())
    if body is None or isinstance(body, bytes) or hasattr(body, "__aiter__"):
        return body, told
    return json.dumps(body).encode(), [("Content-Type", "application/json"), *told]


def _written(query: Query) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        match value:
            case None:
                continue
            case bool():
                pairs.append((name, "1" if value else "0"))
            case list():
                pairs += [(name, one) for one in value]
            case Mapping():
                pairs.append((name, json.dumps(value, separators=(",", ":"))))
            case _:
                pairs.append((name, str(value)))
    return "?" + "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs) if pairs else ""


def _quoted(text: str) -> str:
    """As `quote_plus`, which looks at each character of a text that has a single unsafe one: filters hold hundreds of ids."""
    return _UNSAFE.sub(lambda found: quote_plus(found[0]), text)
