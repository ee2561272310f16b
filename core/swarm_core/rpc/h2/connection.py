"""One HTTP/2 connection as seen by the server, without I/O.

The shell hands in what it read (`receive`) and writes what `take_output` gives. Requests are told to a `Receiver`,
answers are given with `respond`, `send` and `answer`. The shell calls `take_output` after each turn in which it
called anything else, and again whenever its transport can take more. Calls about a stream that is over do nothing.
"""

from collections.abc import Callable

from swarm_core.rpc.h2.allowances import Broken
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.frames import (
    DEFAULT_TABLE,
    DEFAULT_WINDOW,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    SMALLEST_FRAME_LIMIT,
    Code,
    goaway,
    settings,
    window_update,
)
from swarm_core.rpc.h2.receiving import Receiver, Receiving
from swarm_core.rpc.h2.sending import Sender
from swarm_core.rpc.h2.streams import Intake, Output, Streams
from swarm_core.rpc.h2.upkeep import Upkeep


class Connection:
    """Preface, settings, streams, both directions of flow control, bounds, and the end of a connection."""

    def __init__(self, receiver: Receiver, bounds: Bounds, now: Callable[[], float]) -> None:
        self.has_failed = False
        # Why, for the log.
        self.failure = ""
        self.failure_code: int | None = None
        self._now = now
        self._output = Output(bounds.output_bytes)
        self._intake = Intake(self._output, bounds)
        self._streams = Streams(self._output, self._intake, now())
        self._sender = Sender(self._streams, receiver, bounds.queued_bytes)
        self._receiving = Receiving(receiver, bounds, self._streams, self._sender)
        self._control = self._receiving.control
        self._upkeep = Upkeep(bounds, self._streams, self._receiving)
        self._receiver = receiver
        self._output.put(_greeting(bounds))

    @property
    def queued(self) -> int:
        """Bytes of all answers that wait for windows or for their turn."""
        return self._streams.queued

    @property
    def is_idle(self) -> bool:
        """No stream is open."""
        return not self._streams.open

    @property
    def is_over(self) -> bool:
        """Nothing will come any more: the shell writes the output and closes."""
        return self.has_failed or (self._control.is_closing and not self._streams.open)

    def receive(self, data: bytes) -> None:
        """Take in what was read. Never raises on input: a broken connection sets `has_failed`, and all streams are gone."""
        if self.has_failed:
            return
        self._streams.time = self._upkeep.heard_at = self._now()
        try:
            self._receiving.receive(data)
        except Broken as broken:
            self._fail(broken.code, broken.reason)
        except Exception:
            # The receiver's fault. The frame that it was told of must not be told again.
            self._fail(Code.INTERNAL_ERROR, "a fault of the server")
            raise

    def take_output(self) -> bytes:
        """What to write now, as one object; b"" when there is nothing. Not to be called while the transport is full."""
        self._sender.pump()
        self._upkeep.stuck_since = None
        return self._output.take()

    def respond(self, stream: int, block: bytes, ended: bool = False) -> None:
        """Send an encoded header block: the response's head, or with `ended` its only or last one."""
        self._sender.respond(stream, block, ended)

    def send(self, stream: int, data: bytes, block_after: bytes | None = None) -> bool:
        """Send DATA, then the header block that ends the stream. False: wait for `writable` before the next one."""
        return self._sender.send(stream, data, block_after)

    def answer(self, stream: int, head: bytes, data: bytes, trailers: bytes) -> None:
        """A whole response in one go; the stream is over for the shell."""
        self._sender.answer(stream, head, data, trailers)

    def give_up(self, stream: int, code: int) -> None:
        """Send RST_STREAM; the stream is over."""
        found = self._streams.open.get(stream)
        if found is not None:
            self._sender.give_up(found, code)

    def consumed(self, stream: int, size: int) -> None:
        """So much of the request's data is used up: the peer may send more. A stream that is over needs no word."""
        found = self._streams.open.get(stream)
        if found is not None:
            self._intake.consumed(found, size)

    def shut_down(self, code: int = 0) -> None:
        """Take no new streams, in two steps so that none under way is lost; those that are open go on to their end."""
        if not self.has_failed and self._control.leave(code):
            self._upkeep.leaving_since = self._now()

    def tick(self) -> None:
        """Called about once a second: time limits, keepalive, and the second step of an end in order."""
        if self.has_failed:
            return
        self._streams.time = self._now()
        try:
            self._upkeep.tick()
        except Broken as broken:
            self._fail(broken.code, broken.reason)
            return
        for stream in self._upkeep.overdue():
            self._sender.give_up(stream, Code.CANCEL)
            if not stream.is_ended:
                self._receiver.reset(stream.id, Code.CANCEL)
        if self._upkeep.is_idle_too_long():
            self.shut_down()
        if self._upkeep.is_final_due():
            self._control.close()

    def _fail(self, code: int, reason: str) -> None:
        self.has_failed = True
        self.failure = reason
        self.failure_code = code
        self._sender.close()
        self._streams.close()
        self._output.put(goaway(self._streams.last, code, reason))


def _greeting(bounds: Bounds) -> bytes:
    """Our SETTINGS, as far as they differ from the RFC's, and the window of the connection."""
    values = {
        MAX_CONCURRENT_STREAMS: bounds.streams,
        INITIAL_WINDOW_SIZE: bounds.stream_window,
        MAX_HEADER_LIST_SIZE: bounds.list_bytes,
    }
    if bounds.frame_bytes != SMALLEST_FRAME_LIMIT:
        values[MAX_FRAME_SIZE] = bounds.frame_bytes
    if bounds.table_bytes != DEFAULT_TABLE:
        values[HEADER_TABLE_SIZE] = bounds.table_bytes
    wider = bounds.connection_window - DEFAULT_WINDOW
    return settings(values) + (window_update(0, wider) if wider else b"")
