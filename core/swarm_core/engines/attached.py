"""A connection to an engine that became bytes: the output of a container or of a program in it, and its input.

Rules
1. The engine's answer comes first. An error is its sentence, and nothing becomes bytes.
2. Without a terminal output comes in frames, each with the number of its stream; with one it is all of the first stream.
3. Who takes output slowly is waited for (`Pieces`): the engine is not read from while much of it waits. Input waits while the engine does not take it.
4. Each direction ends by itself.
"""

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

from swarm_core.api.json_text import json_of
from swarm_core.engines.api import CALL_S
from swarm_core.engines.client import message_of
from swarm_core.engines.errors import EngineAway, EngineGarbage, EngineRefused
from swarm_core.engines.ways import silent

STDOUT: Final = 1
STDERR: Final = 2
_HEAD_BYTES_MAX: Final = 1 << 20
WAITING_BYTES_MAX: Final = 256 << 10
"""So much output may wait to be taken piece by piece."""
_FRAME: Final = struct.Struct(">BxxxL")
Hear = Callable[[int, bytes], None]


class Frames:
    """Output as it comes, cut where engines cut it."""

    def __init__(self, hear: Hear, *, has_terminal: bool) -> None:
        self._hear, self._has_terminal = hear, has_terminal
        self._head = b""
        self._stream, self._left = STDOUT, 0

    def feed(self, data: bytes) -> None:
        """Hand on what is whole, and of a long frame what is there. Raises ValueError where there is no frame."""
        if self._has_terminal:
            self._hear(STDOUT, data)
            return
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                self._hear(self._stream, piece)
                continue
            missing = _FRAME.size - len(self._head)
            self._head, data = self._head + data[:missing], data[missing:]
            if len(self._head) == _FRAME.size:
                self._stream, self._left = _FRAME.unpack(self._head)
                if self._stream > STDERR or self._head[1:4] != b"\0\0\0":
                    raise ValueError("output that is in no frames")
                self._head = b""


class Attached(asyncio.Protocol):
    """To be given to `EngineApi.hijack`. `hear` gets stream and bytes."""

    def __init__(self, url: str, hear: Hear, *, has_terminal: bool) -> None:
        self._url = url
        self._frames = Frames(hear, has_terminal=has_terminal)
        self._transport: asyncio.Transport | None = None
        self._head: bytearray | None = bytearray()
        self._refusal: bytearray | None = None
        self._refused_with = 0
        self._error: Exception | None = None
        self._begun, self._ended = asyncio.Event(), asyncio.Event()
        self._can_write = asyncio.Event()
        self._can_write.set()

    async def begun(self, limit_s: float = CALL_S) -> None:
        """Return when the engine has given the connection, which has the time of a call. Raises EngineAway or EngineRefused."""
        try:
            async with asyncio.timeout(limit_s):
                await self._begun.wait()
        except TimeoutError:
            self.close()
            raise silent(self._url, limit_s) from None
        if self._error is not None:
            raise self._error

    async def ended(self) -> None:
        """Return when the engine has sent its last byte. Raises EngineAway."""
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    async def send(self, data: bytes) -> None:
        """Input; an empty piece is its end."""
        await self._can_write.wait()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if data:
            transport.write(data)
        elif transport.can_write_eof():
            transport.write_eof()

    def close(self) -> None:
        """End both directions."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            head, separator, data = bytes(self._head).partition(b"\r\n\r\n")
            if not separator:
                if len(self._head) > _HEAD_BYTES_MAX:
                    self._fail(self._garbage("a head without an end"))
                return
            self._head = None
            self._read_head(head)
        if self._refusal is not None:
            self._refusal += data
            self._refuse_when_whole()
        elif data and self._error is None:
            try:
                self._frames.feed(data)
            except ValueError as error:
                self._fail(self._garbage(str(error)))

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._transport = None
        if self._error is None and not self._begun.is_set():
            if self._refusal is not None:
                self._error = EngineRefused(self._refused_with, message_of(bytes(self._refusal)))
            else:
                self._error = EngineAway(
                    f"the container engine at {self._url} does not answer: it ended the connection"
                )
        self._begun.set()
        self._can_write.set()
        self._ended.set()

    def _read_head(self, head: bytes) -> None:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            self._fail(self._garbage("no HTTP"))
        elif (status := int(words[1])) in (101, 200):
            self._begun.set()
        else:
            self._refused_with, self._refusal = status, bytearray()

    def _refuse_when_whole(self) -> None:
        """An error ends with its JSON object; engines need not end the connection."""
        assert self._refusal is not None
        try:
            json_of(self._refusal)
        except ValueError:
            return
        self._fail(EngineRefused(self._refused_with, message_of(bytes(self._refusal))))

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._begun.set()
        self.close()

    def _garbage(self, what: str) -> EngineGarbage:
        return EngineGarbage(f"the container engine at {self._url} answered {what}")


class Pieces(Attached):
    """The same for who takes the output piece by piece, and may be slow."""

    def __init__(self, url: str, *, has_terminal: bool) -> None:
        super().__init__(url, self._keep, has_terminal=has_terminal)
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self._has_more = asyncio.Event()
        """There is a piece, or there will be none any more."""

    async def pieces(self) -> AsyncIterator[tuple[int, bytes]]:
        """Stream and bytes, until the engine has sent its last. Raises as `ended` does."""
        while True:
            while self._kept:
                stream, data = self._kept.popleft()
                self._kept_bytes -= len(data)
                yield stream, data
            if self._ended.is_set():
                await self.ended()
                return
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
            self._has_more.clear()
            await self._has_more.wait()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._has_more.set()

    def _keep(self, stream: int, data: bytes) -> None:
        self._kept.append((stream, data))
        self._kept_bytes += len(data)
        self._has_more.set()
        if self._kept_bytes > WAITING_BYTES_MAX and self._transport is not None:
            self._transport.pause_reading()
