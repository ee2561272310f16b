"""The client's half of gRPC over HTTP/2, without I/O: as little work as a call can be, so that the server is what is measured.

A request's header block is made once for each method, and needs no state at the other end. Of an answer only the messages are
read: a unary call that ends without one has failed. Windows for receiving are as large as can be and never refilled: 2 GiB
are more than a measurement takes. Windows for sending are not kept: what is in flight at once stays far below 64 KiB.
"""

import struct
from typing import NamedTuple

AUTHORITY = "swarm-manager"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_WINDOW_MAX = 2**31 - 1
_FRAME_BYTES_MAX = 16_384
_SERVICES = "docker.swarmkit.v1"


class ConnectionEnded(Exception):
    """The other side has closed the connection, or says that it will."""


class Event(NamedTuple):
    """A message of a stream, or (None) the end of it."""

    stream: int
    message: bytes | None


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _text(text: str) -> bytes:
    assert len(text) < 127
    return bytes((len(text),)) + text.encode()


def _header_block(method: str) -> bytes:
    """HPACK: indexed fields of the static table, and literals that enter no table."""
    service, _, name = method.partition(".")
    block = b"\x83\x87"  # POST, https
    block += b"\x04" + _text(f"/{_SERVICES}.{service}/{name}")
    block += b"\x01" + _text(AUTHORITY)
    block += b"\x00" + _text("content-type") + _text("application/grpc")
    return block + b"\x00" + _text("te") + _text("trailers")


class Wire:
    """One connection. `outgoing` holds what is to be sent; the caller takes it."""

    def __init__(self) -> None:
        settings = struct.pack(">HIHI", 2, 0, 4, _WINDOW_MAX)  # no pushes; the window of each stream
        self.outgoing = bytearray(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, settings))
        self.outgoing += _frame(_WINDOW, 0, 0, struct.pack(">I", _WINDOW_MAX - 65_535))
        self._incoming = bytearray()
        self._parts: dict[int, bytearray] = {}
        self._blocks: dict[str, bytes] = {}
        self._next = 1

    def request(self, method: str, message: bytes) -> int:
        """Begin the call "Service.Method" with its one request; the number of its stream."""
        block = self._blocks.get(method)
        if block is None:
            block = self._blocks[method] = _header_block(method)
        stream, self._next = self._next, self._next + 2
        body = b"\0" + struct.pack(">I", len(message)) + message
        assert len(body) <= _FRAME_BYTES_MAX, f"{method} with {len(body)} bytes"
        self.outgoing += _frame(_HEADERS, _END_HEADERS, stream, block)
        self.outgoing += _frame(_DATA, _END_STREAM, stream, body)
        return stream

    def receive(self, data: bytes) -> list[Event]:
        """What the other side's bytes say. Raises ConnectionEnded."""
        if not data:
            raise ConnectionEnded("closed")
        incoming = self._incoming
        incoming += data
        events: list[Event] = []
        at = 0
        while len(incoming) - at >= 9:
            size = int.from_bytes(incoming[at : at + 3], "big")
            end = at + 9 + size
            if len(incoming) < end:
                break
            kind, flags = incoming[at + 3], incoming[at + 4]
            stream = int.from_bytes(incoming[at + 5 : at + 9], "big")
            self._take(kind, flags, stream, bytes(incoming[at + 9 : end]), events)
            at = end
        del incoming[:at]
        return events

    def _take(self, kind: int, flags: int, stream: int, payload: bytes, events: list[Event]) -> None:
        if kind == _DATA:
            self._messages(stream, payload, events)
        if (kind in (_DATA, _HEADERS) and flags & _END_STREAM) or kind == _RESET:
            self._parts.pop(stream, None)
            events.append(Event(stream, None))
        elif kind == _SETTINGS and not flags & _ACK:
            self.outgoing += _frame(_SETTINGS, _ACK, 0, b"")
        elif kind == _PING and not flags & _ACK:
            self.outgoing += _frame(_PING, _ACK, 0, payload)
        elif kind == _GOAWAY:
            raise ConnectionEnded(payload[8:].decode(errors="replace") or "the server says goodbye")

    def _messages(self, stream: int, payload: bytes, events: list[Event]) -> None:
        """gRPC's messages out of a stream's bytes."""
        part = self._parts.setdefault(stream, bytearray())
        part += payload
        while len(part) >= 5 and len(part) >= (end := 5 + int.from_bytes(part[1:5], "big")):
            events.append(Event(stream, bytes(part[5:end])))
            del part[:end]
