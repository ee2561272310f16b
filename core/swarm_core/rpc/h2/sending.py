"""What goes to the client: answers, cut into frames as its windows and settings allow.

Streams with something to send take turns, a frame each. A unary answer that fits goes into the output at once.
Small pieces of one stream that wait together leave in one frame.
"""

from collections import OrderedDict, deque
from typing import Protocol

from swarm_core.rpc.h2.frames import (
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    HEADER,
    HEADERS,
    LARGEST_WINDOW,
    SMALLEST_FRAME_LIMIT,
    Code,
    header_frames,
    reset,
)
from swarm_core.rpc.h2.hpack import NO_TABLE
from swarm_core.rpc.h2.streams import Stream, Streams

_LAST_HEADERS = END_HEADERS | END_STREAM
# A client may allow frames of 16 MiB; streams take turns by frame, so a frame has to be short.
FRAME_BYTES_MAX = 65_536
# An answer that waits has moved on when so much of it has gone, not with every byte that a client lets through.
_MOVED_BYTES = 4_096


class Listener(Protocol):
    """Who hears that a stream can go on."""

    def reset(self, stream: int, code: int) -> None: ...

    def writable(self, stream: int) -> None: ...


class Sender:
    def __init__(self, streams: Streams, listener: Listener, queued_max: int) -> None:
        self._output = streams.output
        self._streams = streams
        self._listener = listener
        self._queued_max = queued_max
        # What the client allows: all streams together, a new stream, one frame.
        self.window = DEFAULT_WINDOW
        self.initial_window = DEFAULT_WINDOW
        self.frame_bytes = SMALLEST_FRAME_LIMIT
        # Its decoder's table is smaller than the one our encoder began with: the next block says that we use none.
        self.owes_table = False
        self.has_no_table = False
        # DATA frames sent so far.
        self.frames_sent = 0
        # Streams with something to send, and those that wait for the window of the connection alone.
        self._ready: OrderedDict[int, Stream] = OrderedDict()
        self._starved: dict[int, Stream] = {}
        # Streams that were given up inside `send`, of which the shell is told later.
        self._untold: list[int] = []

    # What the shell asks for

    def respond(self, number: int, block: bytes, ended: bool) -> None:
        stream = self._streams.open.get(number)
        if stream is None or stream.is_ended:
            return
        if ended and stream.has_begun:
            stream.tail = block
            stream.is_ended = True
            self._queue(stream, len(block))
            return
        assert not stream.has_begun, "a response has one head"
        stream.has_begun = True
        if ended:
            # Trailers alone: a head that ends the stream is sent as its tail.
            stream.tail = block
            stream.is_ended = True
        else:
            stream.head = block
        self._queue(stream, len(block))

    def send(self, number: int, data: bytes, block_after: bytes | None) -> bool:
        stream = self._streams.open.get(number)
        if stream is None or stream.is_ended:
            return True
        if self._streams.queued + len(data) > self._queued_max:
            self.give_up(stream, Code.ENHANCE_YOUR_CALM)
            if block_after is None:
                self._untold.append(number)
            return False
        if data:
            if stream.parts is None:
                stream.parts = deque()
            stream.parts.append(data)
        size = len(data)
        if block_after is not None:
            stream.tail = block_after
            stream.is_ended = True
            size += len(block_after)
        self._queue(stream, size)
        queued = self._streams.queued
        if (
            stream.queued <= stream.window
            and queued <= self.window
            and queued + self._output.size <= self._output.limit
        ):
            return True
        stream.is_waiting = not stream.is_ended
        return False

    def answer(self, number: int, head: bytes, data: bytes, trailers: bytes) -> None:
        stream = self._streams.open.get(number)
        if stream is None or stream.is_ended:
            return
        size, frame_bytes, output = len(data), self.frame_bytes, self._output
        if (
            size > stream.window
            or size > self.window
            or size > frame_bytes
            or len(head) > frame_bytes
            or len(trailers) > frame_bytes
            or output.size >= output.limit
            or self._ready
            or self.owes_table
            or not size
        ):
            self.respond(number, head, False)
            self.send(number, data, trailers)
            return
        pack = HEADER.pack
        output.parts += (
            pack(len(head) >> 8, len(head) & 0xFF, HEADERS, END_HEADERS, number),
            head,
            pack(size >> 8, size & 0xFF, DATA, 0, number),
            data,
            pack(len(trailers) >> 8, len(trailers) & 0xFF, HEADERS, _LAST_HEADERS, number),
            trailers,
        )
        output.size += len(head) + size + len(trailers) + 27
        self.window -= size
        self.frames_sent += 1
        self._finish(stream)

    def give_up(self, stream: Stream, code: int) -> None:
        self._output.put(reset(stream.id, code))
        self.forget(stream)

    # What the client allows

    def widen(self, size: int) -> bool:
        """More for all streams; False when that is more than a window holds."""
        self.window += size
        if self.window > 0 and self._starved:
            self._ready.update(self._starved)
            self._starved.clear()
        return self.window <= LARGEST_WINDOW

    def widen_stream(self, stream: Stream, size: int) -> bool:
        stream.window += size
        if stream.window > 0 and stream.queued and stream.id not in self._starved:
            self._ready[stream.id] = stream
        return stream.window <= LARGEST_WINDOW

    def resize(self, initial_window: int) -> bool:
        """The client's new window for all streams, open ones too: what is left of it may be less than nothing."""
        change = initial_window - self.initial_window
        self.initial_window = initial_window
        fits = True
        for stream in self._streams.open.values():
            fits = self.widen_stream(stream, change) and fits
        return fits

    # Frames

    def pump(self) -> None:
        """Fill the output from the streams that have something to send, in turns."""
        ready, output = self._ready, self._output
        while ready and output.size < output.limit:
            self._emit(ready.popitem(last=False)[1])
        if self._untold:
            untold, self._untold = self._untold, []
            for number in untold:
                self._listener.reset(number, Code.ENHANCE_YOUR_CALM)

    def forget(self, stream: Stream) -> None:
        self._ready.pop(stream.id, None)
        self._starved.pop(stream.id, None)
        self._streams.forget(stream)

    def close(self) -> None:
        self._ready.clear()
        self._starved.clear()
        self._untold.clear()

    def _queue(self, stream: Stream, size: int) -> None:
        if not stream.queued:
            stream.moved_at = self._streams.time
            stream.moved = 0
        stream.queued += size
        self._streams.queued += size
        if stream.id not in self._starved:
            self._ready[stream.id] = stream

    def _emit(self, stream: Stream) -> None:
        """One turn of a stream: its head, a DATA frame, and its tail where nothing is left before it."""
        if stream.head is not None:
            self._put_block(stream, stream.head, False)
            stream.head = None
        if stream.parts:
            room = min(stream.window, self.window, self.frame_bytes)
            if room <= 0:
                if stream.window > 0:
                    self._starved[stream.id] = stream
                return
            stream.moved += self._put_data(stream, room)
        if stream.moved >= _MOVED_BYTES:
            stream.moved_at = self._streams.time
            stream.moved = 0
        if stream.parts:
            self._ready[stream.id] = stream
        elif stream.tail is not None:
            self._put_block(stream, stream.tail, True)
            self._finish(stream)
        elif stream.is_waiting:
            stream.is_waiting = False
            self._listener.writable(stream.id)

    def _put_block(self, stream: Stream, block: bytes, ended: bool) -> None:
        stream.queued -= len(block)
        self._streams.queued -= len(block)
        if self.owes_table:
            self.owes_table = False
            block = NO_TABLE + block
        self._output.put(header_frames(stream.id, block, ended, self.frame_bytes))

    def _put_data(self, stream: Stream, room: int) -> int:
        parts, output = stream.parts, self._output
        assert parts
        header_at = len(output.parts)
        output.parts.append(b"")
        size = 0
        while parts and size < room:
            part = parts[0]
            offset = stream.offset
            rest = len(part) - offset
            if rest <= room - size:
                parts.popleft()
                stream.offset = 0
                output.parts.append(part[offset:] if offset else part)
                size += rest
            else:
                stream.offset = offset + room - size
                output.parts.append(part[offset : stream.offset])
                size = room
        output.parts[header_at] = HEADER.pack(size >> 8, size & 0xFF, DATA, 0, stream.id)
        output.size += size + 9
        self.frames_sent += 1
        self.window -= size
        stream.window -= size
        stream.queued -= size
        self._streams.queued -= size
        return size

    def _finish(self, stream: Stream) -> None:
        """The response is out. A client that still sends is asked to stop."""
        if stream.is_receiving:
            self._output.put(reset(stream.id, Code.NO_ERROR))
        self.forget(stream)
