"""What comes from the client: frames are cut out of the bytes, checked, and told to the shell.

A rule of the connection that is broken ends it (`Broken`); a rule of a stream ends that stream. Each kind of frame
that costs us more than the client is counted against an allowance.
"""

from collections.abc import Callable
from typing import Final, Protocol

from swarm_core.rpc.h2.allowances import Allowances, Broken
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.control import Control
from swarm_core.rpc.h2.fields import Fields
from swarm_core.rpc.h2.frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    HAS_PRIORITY,
    HEADER,
    LARGEST_STREAM,
    LONG,
    PADDED,
    PREFACE,
    SETTINGS,
    Code,
    reset,
)
from swarm_core.rpc.h2.hpack import BlockError, Decoder
from swarm_core.rpc.h2.sending import Sender
from swarm_core.rpc.h2.streams import Stream, Streams

# Any kind of frame may come next.
_ANY: Final = -1


class Receiver(Protocol):
    """What a connection tells. Once the shell has ended or given up a stream it hears no more of it."""

    def request(self, stream: int, fields: Fields, ended: bool) -> None:
        """A new stream. Told inside `receive`."""

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        """DATA of the request; trailers of the client end it with b"" and True. Told inside `receive`."""

    def reset(self, stream: int, code: int) -> None:
        """The client gave the stream up, broke a rule, or does not read. Told inside `receive`, `take_output`, `tick`."""

    def writable(self, stream: int) -> None:
        """All that was queued of this stream has gone into the output. Told inside `take_output`, after a False of `send`."""


class Receiving:
    def __init__(self, receiver: Receiver, bounds: Bounds, streams: Streams, sender: Sender) -> None:
        self._receiver = receiver
        self._bounds = bounds
        self._streams = streams
        self._sender = sender
        self._output = streams.output
        self._intake = streams.intake
        self._allowances = Allowances(bounds, streams.time)
        self._decoder = Decoder(bounds)
        self.control = Control(streams, sender, self._allowances)
        # Bytes of a frame that is not complete, and since when.
        self._rest = b""
        self.partial_since: float | None = None
        self._has_preface = False
        # The only kind of frame that may come next: SETTINGS at first, CONTINUATION inside a header block.
        self._expected = SETTINGS
        # A header block that goes on in CONTINUATION frames: its stream, whether it ends it, its parts, since when.
        self._block_stream = 0
        self._block_ends = False
        self._block: list[bytes] = []
        self.block_since: float | None = None

    def receive(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        if not self._has_preface:
            at = self._read_preface(data)
            if not at:
                self._rest = data
                return
        begun = at
        frame_bytes, unpack, kinds = self._bounds.frame_bytes, HEADER.unpack_from, _KINDS
        while end - at >= 9:
            high, low, kind, flags, number = unpack(data, at)
            start = at + 9
            stop = start + (high << 8 | low)
            if stop - start > frame_bytes:
                raise Broken(Code.FRAME_SIZE_ERROR, "a frame longer than our settings allow")
            if kind != self._expected and self._expected != _ANY:
                raise Broken(Code.PROTOCOL_ERROR, f"a frame of type {kind} where {self._expected} must come")
            if stop > end:
                break
            if kind < len(kinds):
                kinds[kind](self, flags, number & LARGEST_STREAM, data, start, stop)
            else:
                self._ignore()
            at = stop
        self._rest = data[at:] if at else data
        if at == end:
            self.partial_since = None
        elif at > begun or self.partial_since is None:
            self.partial_since = self._streams.time

    def _read_preface(self, data: bytes) -> int:
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise Broken(Code.PROTOCOL_ERROR, "no HTTP/2")
        if len(data) < len(PREFACE):
            return 0
        self._has_preface = True
        return len(PREFACE)

    # DATA

    def _on_data(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        size = stop - start
        intake = self._intake
        intake.window -= size
        if intake.window < 0:
            raise Broken(Code.FLOW_CONTROL_ERROR, "DATA beyond the window of the connection")
        if flags & PADDED:
            start, stop = _unpad(data, start, stop)
        ended = flags & END_STREAM != 0
        if start == stop and not ended:
            self._allowances.empties.spend(self._streams.time)
        stream = self._streams.open.get(number)
        if stream is None:
            self._late(number, size, ended)
            intake.give_back(size)
            return
        if not stream.is_receiving:
            intake.give_back(size)
            self._reject(stream, Code.STREAM_CLOSED)
            return
        stream.receive_window -= size
        stream.unconsumed += size
        if size and stream.receive_window < 0:
            self._reject(stream, Code.FLOW_CONTROL_ERROR)
            return
        content = stop - start
        if content != size:
            intake.consumed(stream, size - content)
        stream.received += content
        if ended:
            self._end(stream, data[start:stop])
        elif 0 <= stream.length < stream.received:
            self._reject(stream, Code.PROTOCOL_ERROR)
        elif stream.is_ended:
            intake.consumed(stream, content)
        elif content:
            self._receiver.data(number, data[start:stop], False)

    def _end(self, stream: Stream, data: bytes) -> None:
        """The client's half of the stream is over."""
        stream.is_receiving = False
        if stream.length >= 0 and stream.length != stream.received:
            self._reject(stream, Code.PROTOCOL_ERROR)
        elif not stream.is_ended:
            self._receiver.data(stream.id, data, True)

    # Header blocks

    def _on_headers(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if flags & PADDED:
            start, stop = _unpad(data, start, stop)
        if flags & HAS_PRIORITY:
            start += 5
            if start > stop:
                raise Broken(Code.FRAME_SIZE_ERROR, "HEADERS too short for a priority")
        if not number:
            raise Broken(Code.PROTOCOL_ERROR, "HEADERS on stream 0")
        if flags & END_HEADERS:
            self._on_block(number, flags & END_STREAM != 0, data[start:stop])
            return
        self._block = [data[start:stop]]
        self._block_stream = number
        self._block_ends = flags & END_STREAM != 0
        self._expected = CONTINUATION
        self.block_since = self._streams.time

    def _on_continuation(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if self._expected != CONTINUATION:
            raise Broken(Code.PROTOCOL_ERROR, "CONTINUATION without a header block")
        if number != self._block_stream:
            raise Broken(Code.PROTOCOL_ERROR, "CONTINUATION of another stream")
        self._block.append(data[start:stop])
        if len(self._block) > self._bounds.block_frames:
            raise Broken(Code.ENHANCE_YOUR_CALM, "a header block of too many frames")
        if sum(map(len, self._block)) > self._bounds.block_bytes:
            raise Broken(Code.ENHANCE_YOUR_CALM, "a header block of too many bytes")
        if flags & END_HEADERS:
            block, self._block = b"".join(self._block), []
            self._expected = _ANY
            self.block_since = None
            self._on_block(number, self._block_ends, block)

    def _on_block(self, number: int, ended: bool, block: bytes) -> None:
        if len(block) > self._bounds.block_bytes:
            raise Broken(Code.ENHANCE_YOUR_CALM, "a header block of too many bytes")
        try:
            fields = self._decoder.decode(block)
        except BlockError as error:
            raise Broken(Code.COMPRESSION_ERROR, str(error)) from None
        streams = self._streams
        stream = streams.open.get(number)
        if stream is not None:
            self._on_trailers(stream, ended, fields)
        elif number <= streams.last:
            self._late(number, 0, ended)
            self._ignore()
        elif not number & 1:
            raise Broken(Code.PROTOCOL_ERROR, "a client opened a stream with an even number")
        else:
            streams.last = number
            streams.opened += 1
            self._open(number, ended, fields)

    def _open(self, number: int, ended: bool, fields: Fields) -> None:
        streams = self._streams
        if self.control.is_closing or len(streams.open) >= self._bounds.streams:
            self._allowances.refusals.spend(self._streams.time)
            streams.refuse(number, Code.REFUSED_STREAM, ended)
            return
        if fields.is_too_large or fields.request_fault() or (ended and fields.length > 0):
            self._allowances.resets.spend(self._streams.time)
            code = Code.ENHANCE_YOUR_CALM if fields.is_too_large else Code.PROTOCOL_ERROR
            streams.refuse(number, code, ended)
            return
        stream = Stream(number, self._sender.initial_window, self._intake.initial, streams.time)
        if ended:
            stream.is_receiving = False
        elif fields.length >= 0:
            stream.length = fields.length
        streams.open[number] = stream
        self._receiver.request(number, fields, ended)

    def _on_trailers(self, stream: Stream, ended: bool, fields: Fields) -> None:
        if not stream.is_receiving:
            self._reject(stream, Code.STREAM_CLOSED)
        elif fields.is_too_large:
            self._reject(stream, Code.ENHANCE_YOUR_CALM)
        elif not ended or fields.trailer_fault():
            self._reject(stream, Code.PROTOCOL_ERROR)
        else:
            self._end(stream, b"")

    # Frames about streams

    def _on_priority(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if not number:
            raise Broken(Code.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if stop - start != 5:
            stream = self._streams.open.get(number)
            if stream is None:
                raise Broken(Code.FRAME_SIZE_ERROR, "PRIORITY of a wrong size")
            self._reject(stream, Code.FRAME_SIZE_ERROR)
            return
        self._ignore()

    def _on_reset(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if stop - start != 4:
            raise Broken(Code.FRAME_SIZE_ERROR, "RST_STREAM of a wrong size")
        stream = self._streams.open.get(number)
        if stream is None:
            self._must_not_be_idle(number)
            self._streams.late_reset(number)
            self._ignore()
            return
        self._allowances.resets.spend(self._streams.time)
        stream.is_receiving = False
        self._sender.forget(stream)
        if not stream.is_ended:
            self._receiver.reset(number, LONG.unpack_from(data, start)[0])

    def _on_window_update(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if stop - start != 4:
            raise Broken(Code.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong size")
        sender, streams = self._sender, self._streams
        self._allowances.updates.spend(streams.time, 2 * (sender.frames_sent + streams.opened))
        size = LONG.unpack_from(data, start)[0] & LARGEST_STREAM
        if not number:
            if not size:
                raise Broken(Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
            if not sender.widen(size):
                raise Broken(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31-1")
            return
        stream = streams.open.get(number)
        if stream is None:
            self._must_not_be_idle(number)
        elif not size:
            self._reject(stream, Code.PROTOCOL_ERROR)
        elif not sender.widen_stream(stream, size):
            self._reject(stream, Code.FLOW_CONTROL_ERROR)

    # Frames about the connection

    def _on_settings(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        if self.control.on_settings(number, data[start:stop], ack=flags & ACK != 0):
            self._decoder.settle()
            self._intake.settle(self._streams.open.values())
        self._expected = _ANY

    def _on_push_promise(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        raise Broken(Code.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _on_ping(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        self.control.on_ping(number, data[start:stop], ack=flags & ACK != 0)

    def _on_goaway(self, flags: int, number: int, data: bytes, start: int, stop: int) -> None:
        self.control.on_goaway(number, data[start:stop])

    # Faults

    def _reject(self, stream: Stream, code: Code) -> None:
        """The client broke a rule of this stream. That counts as if it had given it up: it costs the shell the same."""
        self._allowances.resets.spend(self._streams.time)
        self._output.put(reset(stream.id, code))
        self._sender.forget(stream)
        if not stream.is_ended:
            self._receiver.reset(stream.id, code)

    def _late(self, number: int, size: int, ended: bool) -> None:
        """DATA or a header block for a stream that is not open."""
        self._must_not_be_idle(number)
        code = self._streams.late(number, size, ended)
        if code != Code.NO_ERROR:
            raise Broken(code, "a frame for a stream that is over")

    def _must_not_be_idle(self, number: int) -> None:
        if number == 0 or number > self._streams.last or not number & 1:
            raise Broken(Code.PROTOCOL_ERROR, "a frame for a stream that was never opened")

    def _ignore(self) -> None:
        """A frame that changes nothing."""
        self._allowances.ignored.spend(self._streams.time, self._streams.opened)


def _unpad(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the content of a padded frame starts and stops."""
    if start == stop:
        raise Broken(Code.FRAME_SIZE_ERROR, "a padded frame without its length of padding")
    content_stop = stop - data[start]
    if content_stop <= start:
        raise Broken(Code.PROTOCOL_ERROR, "more padding than frame")
    return start + 1, content_stop


# By type, from 0 on.
_KINDS: Final[tuple[Callable[[Receiving, int, int, bytes, int, int], None], ...]] = (
    Receiving._on_data,
    Receiving._on_headers,
    Receiving._on_priority,
    Receiving._on_reset,
    Receiving._on_settings,
    Receiving._on_push_promise,
    Receiving._on_ping,
    Receiving._on_goaway,
    Receiving._on_window_update,
    Receiving._on_continuation,
)
