"""One request of a client and what is needed to answer it (docs/design/engine-api.md E4).

Rules
1. What a client sends is refused with BadRequest and docker's words, never with a traceback.
2. A body is read once, whole, and only as far as the limits allow; who relays one takes its `pieces` instead.
3. A response that streams is begun with `start`: from then on an error can only end the connection.
4. Who looks at a body before its handler does, with `peek_body`, takes nothing away from it.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from aiohttp import web

from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version

JSON_TYPE = "application/json"
AnswerCheck = Callable[[int, Mapping[str, str], bytes], Awaitable[None]]
"""Raises HttpError where a client may not have the answer of this status, with these headers and this body."""
_LENIENT_UNTIL = Version(1, 41)
"""Clients up to this one send JSON with any Content-Type: their engines never looked at it."""
_FALSE_WORDS = frozenset(("", "0", "no", "false", "none"))
_STRICT_WORDS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """`head_s`: for a request's head, and for silence between two requests; `body_s`: for a body that we read ourselves.
    `connections_max`: at a time; never more than half of the files that the process may have open."""

    head_s: float = 300.0
    body_s: float = 300.0
    body_bytes_max: int = 16 << 20
    field_bytes_max: int = 1 << 20
    fields_max: int = 1024
    stop_s: float = 5.0
    connections_max: int = 4096


@dataclass(slots=True)
class Exchange:
    """`path` is that of the request without its version, still escaped; `parameters` are those of the route, unescaped.
    `face_headers` are those that every answer has; `answer_check`, where there is one, is asked before an answer leaves."""

    request: web.BaseRequest
    version: Version
    path: str
    query: Mapping[str, str]
    limits: Limits
    face_headers: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    started: bool = False
    answer_check: AnswerCheck | None = None
    _ahead: bytes = b""
    _is_invited: bool = False

    @property
    def is_abandoned(self) -> bool:
        """Whether the client's connection is gone."""
        transport = self.request.transport
        return transport is None or transport.is_closing()

    @property
    def has_body(self) -> bool:
        """Whether the request's head announces a body, however long."""
        return bool(self.request.content_length) or "Transfer-Encoding" in self.request.headers

    def loose_flag(self, name: str) -> bool:
        """A query's boolean as docker reads most of them: whatever is not one of five words is true."""
        return self.query.get(name, "").strip().lower() not in _FALSE_WORDS

    def strict_flag(self, name: str) -> bool:
        """A query's boolean that must be one; absent is false. Raises BadRequest."""
        text = self.query.get(name, "")
        if not text:
            return False
        if text not in _STRICT_WORDS:
            raise BadRequest(
                f'invalid value for {name}: {text}: strconv.ParseBool: parsing "{text}": invalid syntax'
            )
        return _STRICT_WORDS[text]

    async def start(self, response: web.StreamResponse) -> None:
        """Send the head of a response that streams. Raises HttpError where the client may not have it."""
        response.headers.update(self.face_headers)
        await self.permit(response.status, response.headers)
        self.started = True
        await response.prepare(self.request)

    async def permit(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Return when the client may have this answer, which is asked once. Raises HttpError."""
        check, self.answer_check = self.answer_check, None
        if check is not None:
            await check(status, headers, body)

    async def read_body(self) -> bytes:
        """The whole body. Raises BadRequest when it is too large or does not come."""
        most = self.limits.body_bytes_max
        if (self.request.content_length or 0) > most:
            raise BadRequest("request body too large")
        if self._is_here and not self._ahead:
            return self.request.content.read_nowait()
        body = bytearray()
        async with _coming(self.limits):
            async for piece in self.pieces():
                body += piece
                if len(body) > most:
                    raise BadRequest("request body too large")
        return bytes(body)

    @property
    def _is_here(self) -> bool:
        """Whether a body whose length is known has come whole: most come with their heads, and need not be waited for."""
        content = self.request.content
        return bool(self.request.content_length) and content.is_eof() and content.exception() is None

    async def peek_body(self, most: int) -> bytes:
        """The whole body if it has at most so many bytes, else nothing; either way it is still to be read. Raises BadRequest."""
        if (self.request.content_length or 0) > most:
            return b""
        seen, is_whole = bytearray(), True
        async with _coming(self.limits), aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                seen += piece
                if len(seen) > most:
                    is_whole = False
                    break
        self._ahead = bytes(seen)
        return self._ahead if is_whole else b""

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it comes."""
        await self._invite_body()
        ahead, self._ahead = self._ahead, b""
        if ahead:
            yield ahead
        async for piece in self.request.content.iter_any():
            yield piece

    async def _invite_body(self) -> None:
        """Tell a client that waits for it to send its body."""
        if self._is_invited or self.request.headers.get("Expect", "").strip().lower() != "100-continue":
            return
        self._is_invited = True
        await self.request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.request.writer.output_size = 0

    async def read_json(self) -> Any:
        """The body as JSON; an empty one means an object without fields. Raises BadRequest."""
        self._check_content_type()
        if not self.has_body:
            return {}
        body = await self.read_body()
        if not body.strip():
            raise BadRequest("invalid JSON: got EOF while reading request body")
        return _decoded(body)

    def _check_content_type(self) -> None:
        given = self.request.headers.get("Content-Type", "")
        if (not given and not self.has_body) or self.version <= _LENIENT_UNTIL:
            return
        if given.partition(";")[0].strip().lower() != JSON_TYPE:
            raise BadRequest(f"unsupported Content-Type header ({given}): must be '{JSON_TYPE}'")


@asynccontextmanager
async def _coming(limits: Limits) -> AsyncIterator[None]:
    """A body is read within the block. Raises BadRequest when it breaks off or takes too long."""
    try:
        async with asyncio.timeout(limits.body_s):
            yield
    except TimeoutError:
        raise BadRequest("the request's body did not come in time") from None
    except web.RequestPayloadError:
        raise BadRequest("the request's body is broken") from None


def json_answer(value: Any, status: int = 200) -> web.Response:
    """`value` on one line; keys keep their order."""
    return _text_answer(encoded(value), status)


def json_list_answer(texts: Iterable[str]) -> web.Response:
    """A list of what is JSON already."""
    return _text_answer(f"[{','.join(texts)}]", 200)


def encoded(value: Any) -> str:
    """`value` as JSON, as answers have it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _text_answer(text: str, status: int) -> web.Response:
    body = text.encode("utf-8", "replace") + b"\n"
    return web.Response(status=status, body=body, headers={"Content-Type": JSON_TYPE})


def empty_answer(status: int = 200) -> web.Response:
    """No body, and a length that says so."""
    return web.Response(status=status)


def _decoded(body: bytes) -> Any:
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    try:
        text = body.decode("utf-8", "replace").lstrip()
        value, end = decoder.raw_decode(text)
    except RecursionError:
        raise BadRequest("invalid JSON: exceeded max depth") from None
    except ValueError as error:
        raise BadRequest(f"invalid JSON: {error}") from None
    if text[end:].strip():
        raise BadRequest("unexpected content after JSON")
    return value


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"invalid character '{word[0]}' looking for beginning of value")
