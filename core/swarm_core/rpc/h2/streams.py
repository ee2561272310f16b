"""The streams of one connection, what the client may still send, and the output that everything ends in.

A stream that is over is forgotten at once. What comes late for it is judged by its number: the client may not know
yet that we gave it up (then it is ignored, within the window that the stream had left), or it breaks the protocol.
"""

from collections import deque
from collections.abc import Iterable

from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.frames import DEFAULT_WINDOW, Code, reset, window_update

# So many streams that we cut off are known by number; older ones count as cut off all together.
_CUT_KNOWN = 1_024


class Output:
    """Frames that wait for the shell to take them."""

    __slots__ = ("limit", "parts", "size")

    def __init__(self, limit: int) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        # Answers wait in their streams once so much is here.
        self.limit = limit

    def put(self, data: bytes) -> None:
        self.parts.append(data)
        self.size += len(data)

    def take(self) -> bytes:
        parts = self.parts
        if not parts:
            return b""
        self.parts = []
        self.size = 0
        return b"".join(parts)


class Stream:
    """One stream. What a unary call never changes is a default of the class, for a stream is made for each call."""

    # The client may still send DATA or trailers.
    is_receiving = True
    # What the client sent and the shell has not used up; what it used up and the client was not yet told of.
    unconsumed = 0
    returned = 0
    # What content-length promised (-1: nothing), and what came.
    length = -1
    received = 0
    # What waits to be sent: a first header block, DATA (of whose first part `offset` bytes are gone), a last header block.
    head: bytes | None = None
    parts: deque[bytes] | None = None
    offset = 0
    tail: bytes | None = None
    queued = 0
    # The shell has sent a first header block, has given all of its answer, waits for `writable`.
    has_begun = False
    is_ended = False
    is_waiting = False
    # When enough of the answer had gone out last, or it began to wait; and how much has gone since.
    moved_at = 0.0
    moved = 0

    def __init__(self, number: int, window: int, receive_window: int, now: float) -> None:
        self.id = number
        self.window = window
        self.receive_window = receive_window
        self.opened_at = now


class Intake:
    """The windows of what the client sends. They are opened again when half is used up."""

    __slots__ = ("_half", "_output", "_returned", "_stream_half", "_stream_window", "initial", "window")

    def __init__(self, output: Output, bounds: Bounds) -> None:
        self._output = output
        self._returned = 0
        self._half = bounds.connection_window // 2
        self._stream_half = bounds.stream_window // 2
        self._stream_window = bounds.stream_window
        self.window = bounds.connection_window
        # A client that has not read our settings goes by the RFC's window, one that has by ours: either may be meant.
        self.initial = max(bounds.stream_window, DEFAULT_WINDOW)

    def settle(self, streams: Iterable[Stream]) -> None:
        """The client has read our settings: a window smaller than the RFC's counts from now on."""
        change = self._stream_window - self.initial
        self.initial += change
        if change:
            for stream in streams:
                stream.receive_window += change

    def give_back(self, size: int) -> None:
        """The client may send so much more on the whole connection."""
        self._returned += size
        if self._returned >= self._half:
            self.window += self._returned
            self._output.put(window_update(0, self._returned))
            self._returned = 0

    def consumed(self, stream: Stream, size: int) -> None:
        size = min(size, stream.unconsumed)
        stream.unconsumed -= size
        stream.returned += size
        if stream.returned >= self._stream_half and stream.is_receiving:
            stream.receive_window += stream.returned
            self._output.put(window_update(stream.id, stream.returned))
            stream.returned = 0
        self.give_back(size)


class Streams:
    """Those that are open, by number."""

    def __init__(self, output: Output, intake: Intake, now: float) -> None:
        self.output = output
        self.intake = intake
        self.open: dict[int, Stream] = {}
        # The highest number that the client has used, and how many streams it has opened.
        self.last = 0
        self.opened = 0
        # Bytes of all streams that wait to be sent.
        self.queued = 0
        # When the shell called last: good enough for limits of seconds.
        self.time = now
        # Streams whose client may not know yet that they are over, with the rest of their windows.
        self._cut: dict[int, int] = {}
        self._cut_up_to = 0

    def forget(self, stream: Stream) -> None:
        del self.open[stream.id]
        self.queued -= stream.queued
        if stream.unconsumed:
            self.intake.give_back(stream.unconsumed)
        if stream.is_receiving:
            self.cut(stream.id, stream.receive_window)

    def refuse(self, number: int, code: Code, ended: bool) -> None:
        """A stream that the shell never hears of."""
        self.output.put(reset(number, code))
        if not ended:
            self.cut(number, self.intake.initial)

    def cut(self, number: int, window: int) -> None:
        self._cut[number] = window
        if len(self._cut) > _CUT_KNOWN:
            oldest = next(iter(self._cut))
            del self._cut[oldest]
            self._cut_up_to = max(self._cut_up_to, oldest)

    def late(self, number: int, size: int, ended: bool) -> Code:
        """Judge `size` bytes of DATA, or a header block, for a stream that is over; NO_ERROR when they may be ignored."""
        window = self._cut.get(number)
        if window is None:
            return Code.NO_ERROR if number <= self._cut_up_to else Code.STREAM_CLOSED
        if size > max(window, 0):
            return Code.FLOW_CONTROL_ERROR
        if ended:
            del self._cut[number]
        else:
            self._cut[number] = window - size
        return Code.NO_ERROR

    def late_reset(self, number: int) -> None:
        self._cut.pop(number, None)

    def close(self) -> None:
        self.open.clear()
        self._cut.clear()
        self.queued = 0
