"""Two connections joined: what one receives the other sends.

Memory stays bounded: when the writing side's buffer is full, the reading side is not read. When one side ends, the
other is ended after what was already received has been sent.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from swarm_core.runtime import transports


class End(asyncio.Protocol):
    """One of the two connections. Not read before `join`; what a transport had in hand by then is kept and passed on."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._other: End | None = None
        self._on_end: Callable[[], None] | None = None
        self._ended = False
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            # Some event loops deliver what was decrypted along with the handshake although reading is paused.
            self._early.append(data)
            return
        assert self._other.transport is not None
        if not self._other.transport.is_closing():
            self._other.transport.write(data)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        if self._other is not None and self._other.transport is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None and self._other.transport is not None:
            self._other.transport.resume_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self._ended = True
        if self._other is None:
            return
        if self._other.transport is not None:
            transports.close(self._other.transport)
        if self._other._ended and self._on_end is not None:
            self._on_end()

    def abort(self) -> None:
        """End both connections at once."""
        for end in (self, self._other):
            if end is not None and end.transport is not None:
                end.transport.abort()

    @staticmethod
    def join(one: "End", two: "End", on_end: Callable[[], None]) -> None:
        """Begin to pipe; `on_end` is called once, when both have ended."""
        one._other, two._other = two, one
        one._on_end = two._on_end = on_end
        lost = [end for end in (one, two) if end._ended]
        if len(lost) == 2:
            on_end()
            return
        for end in (one, two):
            assert end.transport is not None
            if lost:
                transports.close(end.transport)
            else:
                early, end._early = end._early, []
                for data in early:
                    end.data_received(data)
                end.transport.resume_reading()
