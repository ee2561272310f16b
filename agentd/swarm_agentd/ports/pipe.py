"""Two connections made into one: what comes in at either side goes out at the other.

Rules (docs/design/ports.md P.6)
1. A side that does not take what it is sent stops the reading of the other one: at most BUFFER_BYTES and one read wait for it.
2. The end of one direction is passed on by itself; the other direction goes on. When both have ended, or one side is lost, both are.
3. A side that breaks breaks the other one: no half answer looks like a whole one.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import cast

from swarm_core.runtime import transports

from swarm_agentd.ports.limits import BUFFER_BYTES

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


class Side(asyncio.Protocol):
    """One of the two connections. Nothing is read from it before it is `joined`."""

    __slots__ = (
        "_early",
        "_ended",
        "_has_ended",
        "_is_broken",
        "_is_joined",
        "_is_lost",
        "_on_made",
        "other",
        "transport",
    )

    def __init__(self, *, made: Callable[["Side"], None] | None = None) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self._on_made = made
        self._ended: Callable[[], None] | None = None
        self._early: list[bytes] = []
        self._is_joined = self._is_lost = self._has_ended = self._is_broken = False

    def join(self, other: "Side", ended: Callable[[], None]) -> None:
        """Let both flow; `ended` is called once, when both connections are closed."""
        self.other, other.other = other, self
        for side in (self, other):
            side._ended = ended
            side._is_joined = True
        if self._is_lost or other._is_lost:
            self.reset()
            other.reset()
            if self._is_lost and other._is_lost:
                ended()
            return
        self._begin()
        other._begin()

    def _begin(self) -> None:
        """Pass on what came too early, then read."""
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)
        if self._has_ended:
            self.eof_received()
        elif self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def reset(self) -> None:
        """End this connection at once, so that the other end notices, and with it the one that it is joined to."""
        if self.transport is None or self._is_lost:
            return
        self._is_broken = True
        if not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self.transport = transport
        transport.pause_reading()
        transport.set_write_buffer_limits(high=BUFFER_BYTES)
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        if not self._is_joined:
            # uvloop reads once although it was told not to.
            assert self.transport is not None
            self._early.append(data)
            self.transport.pause_reading()
            return
        assert self.other is not None and self.other.transport is not None
        self.other.transport.write(data)

    def eof_received(self) -> bool:
        other = self.other
        self._has_ended = True
        if not self._is_joined:
            return True
        if other is None or other.transport is None or other._is_lost:
            return False
        if other._has_ended:
            transports.close(other.transport)
            return False
        if not other.transport.is_closing():
            other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None and not self.other._is_lost:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None and not self.other._is_lost:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        other = self.other
        if other is None or not self._is_joined:
            return
        if other._is_lost:
            assert self._ended is not None
            self._ended()
        elif exc is not None or self._is_broken:
            other.reset()
        elif other.transport is not None:
            transports.close(other.transport)


def keep_alive(sock: socket.socket) -> None:
    """Notice, within minutes, a peer that vanished without a word. What a listening socket accepts is like it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
