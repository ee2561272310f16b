"""A connection between two managers of ours: raft's messages and forwarded calls, without the cost of a call's machinery.

It is TLS on the port of the remote API, asked for by name while shaking hands; whoever does not know the name speaks gRPC,
which everything here can do without. Docker Engines are such peers. On the control socket, which leads to this machine's own manager and
never leaves the kernel, it is plain: TLS there would cost three times what the call costs.

A frame is a head (size of the body, kind, number) and a body. The end that dialled sends messages, pings, calls, and calls that are
answered by a stream; the other one answers. A stream is items, and an answer or a refusal at its end. It has a link of its own: while what came
waits for who reads the stream, nothing of the link is read. A pong says that everything sent before its ping was taken. A number ties an answer to its question; a message's is the length of its sender's ticks in microseconds.
"""

import asyncio
import enum
import os
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from swarm_core.api.limits import REQUEST_BYTES_MAX
from swarm_core.rpc import dialler
from swarm_core.rpc.errors import Code, RpcFailure
from swarm_core.runtime import unix_paths

PROTOCOL = "swarmtui-link"
FRAME_BYTES_MAX = 16 << 20
# What may wait to be written to a peer that reads slowly.
WRITE_BYTES_MAX = 32 << 20
HANDSHAKE_S = 5.0
_UNREAD_BYTES_MAX = 1 << 20

# Whatever a server takes in one message fits into one frame, with its head.
assert REQUEST_BYTES_MAX + 4096 <= FRAME_BYTES_MAX <= WRITE_BYTES_MAX

_HEAD = struct.Struct(">IBQ")
_SHORT = struct.Struct(">H")
_LONG = struct.Struct(">I")
_STATUS = struct.Struct(">BB")
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
FIRST_BYTES = frozenset(bytes((first,)) for first in range((FRAME_BYTES_MAX >> 24) + 1))
"""With which a frame can begin: with nothing that TLS begins with."""

Pairs = Iterable[tuple[str, str | bytes]]


class Kind(enum.IntEnum):
    MESSAGE = 1
    PING = 2
    PONG = 3
    CALL = 4
    CANCEL = 5
    ANSWER = 6
    REFUSAL = 7
    STREAM = 8
    ITEM = 9


class LinkLost(ConnectionError):
    """The connection has ended; what was sent may or may not have been taken."""

    def __init__(self, text: str, *, was_sent: bool = True) -> None:
        super().__init__(text)
        self.was_sent = was_sent


class NotSpoken(ConnectionError):
    """The other end does not know this protocol."""


class LinkRefusal(RpcFailure):
    """The other end's no. `not_done`: it changed nothing."""

    def __init__(self, code: Code, message: str, *, not_done: bool) -> None:
        super().__init__(code, message)
        self.not_done = not_done


class Link(asyncio.Protocol):
    """One end: frames in, frames out. A malformed frame ends the connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at, end = 0, len(buffer)
        while end - at >= _HEAD.size:
            size, kind, number = _HEAD.unpack_from(buffer, at)
            if size > FRAME_BYTES_MAX:
                self.abort()
                return
            start = at + _HEAD.size
            if end - start < size:
                break
            at = start + size
            self.frame_received(kind, number, bytes(buffer[start:at]))
        del buffer[:at]

    def frame_received(self, kind: int, number: int, body: bytes) -> None:
        """What one frame means to this end."""
        raise NotImplementedError

    def write(self, kind: Kind, number: int, *bodies: bytes) -> None:
        """One frame for each body, one without any. Raises LinkLost, also when too much waits already."""
        if self.transport is None or self.transport.is_closing():
            raise LinkLost("the connection has ended", was_sent=False)
        if self.transport.get_write_buffer_size() > WRITE_BYTES_MAX:
            self.abort()
            raise LinkLost("the other manager does not read", was_sent=False)
        head = _HEAD.pack
        self.transport.write(b"".join(head(len(body), kind, number) + body for body in bodies or (b"",)))

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


@dataclass(slots=True)
class _Stream:
    """What came of one and was not read yet, and how it ended."""

    items: deque[bytes] = field(default_factory=deque)
    size: int = 0
    is_over: bool = False
    error: Exception | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, error: Exception | None) -> None:
        self.is_over, self.error = True, self.error or error
        self.woken.set()


class LinkClient(Link):
    """The end that dialled. Made by `dial`."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._streams: dict[int, _Stream] = {}
        self._is_held_up = False

    def send(self, messages: Sequence[bytes], tick_s: float) -> None:
        """Send messages and the length of the sender's ticks. Raises LinkLost."""
        if messages:
            self.write(Kind.MESSAGE, round(tick_s * 1e6), *messages)

    async def confirm(self) -> None:
        """Return when everything sent so far was taken. Raises LinkLost, LinkRefusal."""
        await self._ask(Kind.PING, b"")

    async def call(self, path: str, request: bytes, metadata: Pairs) -> bytes:
        """The answer to a unary call. Raises LinkLost, LinkRefusal."""
        return await self._ask(Kind.CALL, pack_call(path, metadata, request))

    async def stream(self, path: str, request: bytes) -> AsyncIterator[bytes]:
        """The messages of a server stream. Raises LinkLost, LinkRefusal."""
        self._last = number = self._last + 1
        self.write(Kind.STREAM, number, pack_call(path, (), request))
        stream = self._streams[number] = _Stream()
        try:
            while stream.items or not stream.is_over:
                while stream.items:
                    item = stream.items.popleft()
                    stream.size -= len(item)
                    if stream.size <= _UNREAD_BYTES_MAX:
                        self._read_on()
                    yield item
                if not stream.is_over:
                    stream.woken.clear()
                    await stream.woken.wait()
            if stream.error is not None:
                raise stream.error
        finally:
            del self._streams[number]
            self._read_on()
            if not stream.is_over and self.is_open:
                self.write(Kind.CANCEL, number)

    def _take_item(self, stream: _Stream, body: bytes) -> None:
        stream.items.append(body)
        stream.size += len(body)
        stream.woken.set()
        if stream.size > _UNREAD_BYTES_MAX and not self._is_held_up and self.transport is not None:
            self._is_held_up = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self._is_held_up and self.is_open and self.transport is not None:
            self._is_held_up = False
            self.transport.resume_reading()

    async def _ask(self, kind: Kind, body: bytes) -> bytes:
        self._last = number = self._last + 1
        self.write(kind, number, body)  # raises before anybody waits
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            answer = await future
        except asyncio.CancelledError:
            if kind is Kind.CALL and self.is_open:
                self.write(Kind.CANCEL, number)
            raise
        finally:
            self._waiting.pop(number, None)
        return answer

    def frame_received(self, kind: int, number: int, body: bytes) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            if kind == Kind.ITEM:
                self._take_item(stream, body)
            else:
                stream.end(unpack_refusal(body) if kind == Kind.REFUSAL else None)
            return
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if kind == Kind.REFUSAL:
            future.set_exception(unpack_refusal(body))
        else:
            future.set_result(body)

    def connection_lost(self, _: Exception | None) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(LinkLost("the connection to the manager was lost"))
        for stream in self._streams.values():
            if not stream.is_over:
                stream.end(LinkLost("the connection to the manager was lost"))


async def dial(address: str, tls: dialler.ClientTls) -> LinkClient:
    """A link to the manager at host:port. Raises OSError, NotSpoken among them."""
    context = tls.context()
    context.set_alpn_protocols([PROTOCOL, "h2"])
    async with asyncio.timeout(HANDSHAKE_S):
        transport, client = await dialler.connect(address, tls, LinkClient, context=context)
    if transport.get_extra_info("ssl_object").selected_alpn_protocol() != PROTOCOL:
        transport.abort()
        raise NotSpoken(f"{address} speaks gRPC alone")
    return cast(LinkClient, client)


async def dial_local(path: Path) -> LinkClient:
    """A plain link to the manager of this machine that listens at `path`: the kernel says whose it is. Raises OSError, NotSpoken among them
    where it is another user's."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        with unix_paths.to_reach(path) as address:
            connection.connect(address)  # a unix socket's is made at once, or refused
        if _listening_user(connection) not in (0, os.geteuid()):
            raise NotSpoken(f"{path} is another user's")
        _, client = await asyncio.get_running_loop().create_unix_connection(LinkClient, sock=connection)
    except BaseException:
        connection.close()
        raise
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            await client.confirm()
    except BaseException:
        client.abort()
        raise
    return client


def _listening_user(connection: socket.socket) -> int:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])


def pack_call(path: str, metadata: Pairs, request: bytes) -> bytes:
    name = path.encode()
    parts = [_SHORT.pack(len(name)), name]
    pairs = list(metadata)
    parts.append(_SHORT.pack(len(pairs)))
    for key, value in pairs:
        encoded = value if isinstance(value, bytes) else value.encode()
        parts += (_SHORT.pack(len(key)), key.encode("ascii"), _LONG.pack(len(encoded)), encoded)
    parts.append(request)
    return b"".join(parts)


def unpack_call(body: bytes) -> tuple[str, tuple[tuple[str, str | bytes], ...], bytes]:
    """Path, metadata and request. Raises ValueError."""
    try:
        reader = _Reader(body)
        path = reader.take(reader.number(_SHORT)).decode()
        pairs = []
        for _ in range(reader.number(_SHORT)):
            key = reader.take(reader.number(_SHORT)).decode("ascii")
            value = reader.take(reader.number(_LONG))
            pairs.append((key, value if key.endswith("-bin") else value.decode()))
        return path, tuple(pairs), reader.rest()
    except struct.error as error:
        raise ValueError("a call is malformed") from error


def pack_refusal(code: Code, text: str, *, not_done: bool) -> bytes:
    return _STATUS.pack(code, not_done) + text.encode()


def unpack_refusal(body: bytes) -> Exception:
    try:
        code, not_done = _STATUS.unpack_from(body)
        return LinkRefusal(Code(code), body[_STATUS.size :].decode(errors="replace"), not_done=bool(not_done))
    except (struct.error, ValueError):
        return LinkLost("the other manager's answer is malformed")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, form: struct.Struct) -> int:
        value: int = form.unpack_from(self._data, self._at)[0]
        self._at += form.size
        return value

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise ValueError("a call is cut short")
        self._at += size
        return self._data[self._at - size : self._at]

    def rest(self) -> bytes:
        return self._data[self._at :]
