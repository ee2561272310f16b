"""One HTTP/2 connection as seen by the server, without I/O.

The shell hands in what it read (`receive`) and writes what `take_output` gives. Requests are told to a `Receiver`,
answers are given with `respond`, `send` and `answer`. The shell calls `take_output` after each turn in which it
called anything else, and again whenever its transport can take more.
"""

from collections.abc import Callable
from typing import Any, Protocol

from swarm_core.rpc.h2.bounds import Bounds


class Fields:
    """The header fields of one request. The same block on the same table gives the same object again."""

    __slots__ = ("pairs", "parsed")

    def __init__(self, pairs: tuple[tuple[bytes, bytes], ...]) -> None:
        self.pairs = pairs
        # A place for the shell's own reading of these fields.
        self.parsed: Any = None


class Receiver(Protocol):
    """What a connection tells. Once the shell has ended or given up a stream it hears no more of it."""

    def request(self, stream: int, fields: Fields, ended: bool) -> None:
        """A new stream. Told inside `receive`."""

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        """DATA of the request; trailers of the client end it with b"" and True. Told inside `receive`."""

    def reset(self, stream: int, code: int) -> None:
        """The other end gave the stream up, broke a rule, or does not read. Told inside `receive`, `take_output`, `tick`."""

    def writable(self, stream: int) -> None:
        """All that was queued of this stream has gone into the output. Told inside `take_output`, after a False of `send`."""


class Connection:
    """Preface, settings, streams, both directions of flow control, bounds, and the end of a connection."""

    def __init__(self, receiver: Receiver, bounds: Bounds, now: Callable[[], float]) -> None:
        self.queued = 0
        self.has_failed = False
        self.failure = ""
        raise NotImplementedError

    @property
    def is_idle(self) -> bool:
        """No stream is open."""
        raise NotImplementedError

    @property
    def is_over(self) -> bool:
        """Nothing will come any more: the shell writes the output and closes."""
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Take in what was read. Never raises on input: a broken connection sets `has_failed`, and all streams are gone."""
        raise NotImplementedError

    def take_output(self) -> bytes:
        """What to write now, as one object; b"" when there is nothing. Not to be called while the transport is full."""
        raise NotImplementedError

    def respond(self, stream: int, block: bytes, ended: bool = False) -> None:
        """Send an encoded header block: the response's head, or with `ended` its only or last one."""
        raise NotImplementedError

    def send(self, stream: int, data: bytes, block_after: bytes | None = None) -> bool:
        """Send DATA, then the header block that ends the stream. False: wait for `writable` before the next one."""
        raise NotImplementedError

    def answer(self, stream: int, head: bytes, data: bytes, trailers: bytes) -> None:
        """A whole response in one go; the stream is over for the shell."""
        raise NotImplementedError

    def give_up(self, stream: int, code: int) -> None:
        """Send RST_STREAM; the stream is over."""
        raise NotImplementedError

    def consumed(self, stream: int, size: int) -> None:
        """So much of the request's data is used up: the peer may send more. A stream that is over needs no word."""
        raise NotImplementedError

    def shut_down(self, code: int = 0) -> None:
        """Take no new streams, in two steps so that none under way is lost; those that are open go on to their end."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called about once a second: time limits, keepalive, and the rates' growth."""
        raise NotImplementedError
