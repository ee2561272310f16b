"""A client of HTTP/2 that sends whatever it is told to, well formed or not.

async with raw_client(server.address, context) as client:
    client.request(1, "/docker.swarmkit.v1.Control/GetNode", framed(b""))
    assert (await client.answer(1)).status == "0"

It acknowledges settings and pings, grants no windows by itself, and keeps the frames of every stream.
"""

import asyncio
import ssl
import struct
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from swarm_core.rpc.framing import MessageReader
from swarm_core.rpc.h2 import frames, hpack
from swarm_core.rpc.h2.bounds import MEMBERS

_LIMIT = 1 << 30
_PATIENCE_S = 200
"""Two hundred clients at once on a busy machine take their time."""
_HEADERS = (
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":authority", b"swarm-manager"),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
)


@dataclass
class Answer:
    """What came on one stream."""

    fields: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    blocks: int = 0
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> str:
        return self.fields.get("grpc-status", "")

    @property
    def text(self) -> str:
        return unquote(self.fields.get("grpc-message", ""))

    @property
    def messages(self) -> list[bytes]:
        return MessageReader(_LIMIT).feed(bytes(self.data))


class RawClient:
    """See the module. Made by `raw_client`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = hpack.Decoder(MEMBERS)
        self._answers: defaultdict[int, Answer] = defaultdict(Answer)
        self._changed = asyncio.Event()
        self.goaway: int | None = None  # its code
        self.last_stream: int | None = None
        self.settings: dict[int, int] = {}
        self.pongs: list[bytes] = []
        self._granted: Counter[int] = Counter()
        self.is_closed = False

    def send(self, *data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(b"".join(data))

    async def drain(self) -> None:
        await self._writer.drain()

    def request(
        self,
        stream: int,
        path: str,
        data: bytes | None = None,
        *more: tuple[bytes, bytes],
        ended: bool = True,
        block: bytes | None = None,
    ) -> None:
        """Send headers, and `data` where there is any; `ended`: the last of them ends the request."""
        block = block or self.block(path, *more)
        self.send(frames.header_frames(stream, block, ended and data is None, 16_384))
        if data is not None:
            self.data(stream, data, ended=ended)

    @staticmethod
    def block(path: str, *more: tuple[bytes, bytes]) -> bytes:
        names = {name for name, _ in more}
        return hpack.encode(
            (
                *(pair for pair in _HEADERS if pair[0] not in names and pair[0].startswith(b":")),
                *(() if b":path" in names else ((b":path", path.encode()),)),
                *(pair for pair in more if pair[0].startswith(b":")),
                *(pair for pair in _HEADERS if pair[0] not in names and not pair[0].startswith(b":")),
                *(pair for pair in more if not pair[0].startswith(b":")),
            )
        )

    def data(self, stream: int, data: bytes, *, ended: bool = False) -> None:
        pieces = [data[at : at + 16_384] for at in range(0, len(data), 16_384)] or [b""]
        for number, piece in enumerate(pieces):
            is_last = ended and number == len(pieces) - 1
            self.send(frames.frame(frames.DATA, frames.END_STREAM if is_last else 0, stream, piece))

    def reset(self, stream: int, code: int = 8) -> None:
        self.send(frames.reset(stream, code))

    def grant(self, stream: int, size: int) -> None:
        self.send(frames.window_update(stream, size))

    def peek(self, stream: int) -> Answer:
        """What has come so far."""
        return self._answers[stream]

    def granted(self, stream: int) -> int:
        """How much the other end has granted on top of the window it began with."""
        return self._granted[stream]

    async def answer(self, stream: int) -> Answer:
        """The whole answer, or what came before the stream, or the connection, was given up."""
        await self.until(
            lambda: self._answers[stream].ended or self._answers[stream].reset is not None or self.is_closed
        )
        return self._answers[stream]

    async def until(self, is_so: object, limit_s: float = _PATIENCE_S) -> None:
        async with asyncio.timeout(limit_s):
            while not is_so():  # type: ignore[operator]
                self._changed.clear()
                await self._changed.wait()

    async def closed(self) -> None:
        await self.until(lambda: self.is_closed)

    def pause(self) -> None:
        """Take nothing in any more: the other end cannot write beyond the system's buffers."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume(self) -> None:
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def run(self) -> None:
        """Take in what comes."""
        try:
            while True:
                head = await self._reader.readexactly(frames.HEADER_BYTES)
                high, low, kind, flags, stream = frames.HEADER.unpack(head)
                self._take(kind, flags, stream, await self._reader.readexactly(high << 8 | low))
                self._changed.set()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            self.is_closed = True
            self._changed.set()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.SETTINGS and not flags & frames.ACK:
            self.settings.update(struct.iter_unpack(">HL", payload))
            self.send(frames.frame(frames.SETTINGS, frames.ACK, 0))
        elif kind == frames.PING:
            if flags & frames.ACK:
                self.pongs.append(payload)
            else:
                self.send(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.GOAWAY:
            self.last_stream, self.goaway = struct.unpack(">LL", payload[:8])
        elif kind == frames.WINDOW_UPDATE:
            self._granted[stream] += int.from_bytes(payload, "big")
        elif kind == frames.RST_STREAM:
            self._answers[stream].reset = int.from_bytes(payload, "big")
        elif kind == frames.DATA:
            self._answers[stream].data += payload
        elif kind == frames.HEADERS:
            assert flags & frames.END_HEADERS
            answer = self._answers[stream]
            answer.blocks += 1
            for name, value in self._decoder.decode(payload).pairs:
                answer.fields[name.decode()] = value.decode()
        if kind in (frames.DATA, frames.HEADERS) and flags & frames.END_STREAM:
            self._answers[stream].ended = True


@asynccontextmanager
async def raw_client(
    target: str | Path, context: ssl.SSLContext, *, begin: bytes | None = None, limit: int = 1 << 20
) -> AsyncIterator[RawClient]:
    """A client at host:port or at a socket, which has sent `begin`: the preface and empty settings, unless told otherwise."""
    how: Any = {
        "ssl": context,
        "server_hostname": "swarm-manager",
        "limit": limit,
        "ssl_handshake_timeout": _PATIENCE_S,
    }
    if isinstance(target, Path):
        reader, writer = await asyncio.open_unix_connection(str(target), **how)
    else:
        host, _, port = target.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), **how)
    client = RawClient(reader, writer)
    client.send(frames.PREFACE + frames.settings({}) if begin is None else begin)
    task = asyncio.ensure_future(client.run())
    try:
        yield client
    finally:
        writer.transport.abort()
        await task
