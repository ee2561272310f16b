"""What must hold in every conversation, however wrong the client's bytes are.

`play` hands an input to a connection whose shell answers as the input's seed says, and raises `Unlawful` where a
promise is broken: nothing is told or sent after an end, no window is overdrawn, nothing grows beyond its bound.
"""

import random
from dataclasses import dataclass

from swarm_core.rpc.h2 import frames
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.connection import Connection
from swarm_core.rpc.h2.fields import Fields
from swarm_core.rpc.h2.frames import END_STREAM, HEADER, PREFACE, Code

from swarm_testkit.http2 import HEAD, TAIL, Conversation
from swarm_testkit.http2_inputs import BOUNDS, Input


class Unlawful(AssertionError):
    """A connection broke one of its promises."""


def must(holds: bool, promise: str) -> None:
    if not holds:
        raise Unlawful(promise)


@dataclass
class _Seen:
    """A stream as its shell knows it."""

    has_begun: bool = False
    request_ended: bool = False
    is_over: bool = False
    told_over: bool = False
    received: int = 0


@dataclass
class _Sent:
    """A stream as the output shows it."""

    has_head: bool = False
    is_over: bool = False
    data: int = 0


class _Shell:
    """A shell that answers as its seed says, and minds what it is told."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.streams: dict[int, _Seen] = {}
        self.last = 0
        self.told = 0
        self.connection: Connection | None = None

    def request(self, stream: int, fields: Fields, ended: bool) -> None:
        self.told += 1
        must(stream & 1 == 1 and stream > self.last, "requests come with odd numbers that grow")
        must(not fields.request_fault() and bool(fields.pairs), "a malformed request is not told")
        self.last = stream
        self.streams[stream] = _Seen(request_ended=ended)
        self._act(stream)

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        self.told += 1
        seen = self._known(stream)
        must(not seen.request_ended, "nothing comes after the end of a request")
        must(ended or bool(data), "no empty piece is told")
        seen.request_ended = ended
        seen.received += len(data)
        self._act(stream)

    def reset(self, stream: int, code: int) -> None:
        self.told += 1
        seen = self._known(stream)
        seen.told_over = True

    def writable(self, stream: int) -> None:
        self.told += 1
        self._known(stream)
        self._act(stream)

    def _known(self, stream: int) -> _Seen:
        must(stream in self.streams, "only streams that were told of are spoken of")
        seen = self.streams[stream]
        must(not seen.told_over, "nothing is told after a reset")
        must(not seen.is_over, "nothing is told after the shell has ended a stream")
        return seen

    def _act(self, stream: int) -> None:
        seen, connection, rng = self.streams[stream], self.connection, self.rng
        assert connection is not None
        if seen.is_over or seen.told_over:
            return
        match rng.randrange(8):
            case 0 if not seen.has_begun:
                seen.is_over = True
                connection.answer(stream, HEAD, b"x" * rng.choice((0, 5, 3_000, 40_000)), TAIL)
            case 1:
                seen.is_over = True
                connection.give_up(stream, rng.choice((Code.CANCEL, Code.NO_ERROR)))
            case 2 if not seen.has_begun:
                seen.has_begun = True
                connection.respond(stream, HEAD)
            case 3 if seen.has_begun:
                connection.send(stream, b"y" * rng.choice((1, 100, 20_000)))
            case 4 if seen.has_begun:
                seen.is_over = True
                connection.send(stream, b"z" * rng.choice((0, 100, 70_000)), TAIL)
            case 5:
                connection.consumed(stream, rng.choice((1, 1_000, 100_000)))
            case 6 if rng.random() < 0.1:
                seen.is_over = True
                connection.respond(stream, TAIL, ended=True)

    def meddle(self) -> None:
        """Between two reads: something about a stream that may be long over."""
        assert self.connection is not None
        if self.streams:
            self._act(self.rng.choice(list(self.streams)))
        if self.rng.random() < 0.02:
            self.connection.shut_down()


class _Client:
    """What the output may hold: nothing that the client's windows did not allow, and nothing after an end."""

    def __init__(self) -> None:
        self.rest = b""
        self.sent: dict[int, _Sent] = {}
        self.total = 0
        self.credit = frames.DEFAULT_WINDOW
        self.stream_credit: dict[int, int] = {}
        self.largest_initial = frames.DEFAULT_WINDOW

    def allows(self, read: bytes) -> None:
        """Whatever may widen a window widens it here, whether or not the connection takes it: an upper limit."""
        whole = self.rest + read
        at = len(PREFACE) if whole.startswith(PREFACE) else 0
        while len(whole) - at >= frames.HEADER_BYTES:
            high, low, kind, _, stream = HEADER.unpack_from(whole, at)
            stop = at + frames.HEADER_BYTES + (high << 8 | low)
            if stop > len(whole):
                break
            payload = whole[at + frames.HEADER_BYTES : stop]
            if kind == frames.WINDOW_UPDATE and len(payload) == 4:
                self._widen(
                    stream & frames.LARGEST_STREAM, int.from_bytes(payload, "big") & frames.LARGEST_WINDOW
                )
            elif kind == frames.SETTINGS and len(payload) % 6 == 0:
                for name, value in frames.SETTING.iter_unpack(payload):
                    if name == frames.INITIAL_WINDOW_SIZE:
                        self.largest_initial = max(self.largest_initial, value)
            at = stop
        self.rest = whole[at:]

    def _widen(self, stream: int, size: int) -> None:
        if stream:
            self.stream_credit[stream] = self.stream_credit.get(stream, 0) + size
        else:
            self.credit += size

    def reads(self, output: bytes) -> None:
        at = 0
        while at < len(output):
            high, low, kind, flags, stream = HEADER.unpack_from(output, at)
            size = high << 8 | low
            at += frames.HEADER_BYTES + size
            must(at <= len(output), "the output holds whole frames")
            if stream and kind != frames.WINDOW_UPDATE:
                self._stream_frame(self.sent.setdefault(stream, _Sent()), stream, kind, flags, size)
            elif stream:
                must(
                    not self.sent.get(stream, _Sent()).is_over, "no window is opened of a stream that is over"
                )

    def _stream_frame(self, sent: _Sent, stream: int, kind: int, flags: int, size: int) -> None:
        if kind == frames.RST_STREAM:
            sent.is_over = True
            return
        if kind == frames.CONTINUATION:
            return
        must(not sent.is_over, "nothing follows the end of a stream")
        if kind == frames.HEADERS:
            sent.has_head = True
        elif kind == frames.DATA:
            self.total += size
            sent.data += size
            must(self.total <= self.credit, "DATA within the window of the connection")
            allowed = self.largest_initial + self.stream_credit.get(stream, 0)
            must(sent.data <= allowed, "DATA within the window of its stream")
        sent.is_over = flags & END_STREAM != 0


@dataclass
class Played:
    """What came of an input."""

    told: int
    output: bytes
    failure: str


def play(given: Input) -> Played:
    """Play an input; raises `Unlawful`, or whatever the connection raises, where it breaks a promise."""
    bounds = BOUNDS[given.bounds]
    rng = random.Random(given.shell)
    shell, client, now = _Shell(rng), _Client(), [1_000.0]
    connection = Connection(shell, bounds, lambda: now[0])
    shell.connection = connection
    output: list[bytes] = []
    is_slow = rng.random() < 0.1
    is_said = False  # the GOAWAY of a failure has been taken
    after = 0  # reads behind a failure: a few show that it is final
    for read in given.reads:
        had_failed, told = connection.has_failed, shell.told
        if read is None:
            now[0] += 1.0
            connection.tick()
        else:
            client.allows(read)
            connection.receive(read)
        must(not had_failed or (connection.has_failed and shell.told == told), "a failure is final")
        if not (is_slow and rng.random() < 0.9):
            _take(connection, client, bounds, output, is_said)
            is_said = connection.has_failed
        if not connection.has_failed and rng.random() < 0.5:
            shell.meddle()
        check(connection, bounds)
        after += had_failed
        if after > 3:
            break
    _take(connection, client, bounds, output, is_said)
    check(connection, bounds)
    return Played(shell.told, b"".join(output), connection.failure)


def _take(
    connection: Connection, client: _Client, bounds: Bounds, output: list[bytes], is_said: bool
) -> None:
    most = bounds.output_bytes + 140_000  # one frame more than the limit, and frames of control
    taken = connection.take_output()
    must(not (is_said and taken), "nothing follows the GOAWAY of a failure")
    while taken:
        must(len(taken) < most, "the output comes in portions")
        client.reads(taken)
        output.append(taken)
        taken = connection.take_output()


def cuts_agree(given: Input) -> None:
    """The same bytes in one piece tell and send the same, as long as the shell says nothing."""
    joined: list[bytes | None] = [b""]
    for read in given.reads:
        if read is None:
            joined += [None, b""]
        else:
            joined[-1] = (joined[-1] or b"") + read
    told, sent = _listen(given.reads, given.bounds)
    told_at_once, sent_at_once = _listen(joined, given.bounds)
    must(told == told_at_once, "how bytes are cut changes nothing for the shell")
    must(sent == sent_at_once, "how bytes are cut changes nothing for the client")


def _listen(reads: list[bytes | None], bounds: str) -> tuple[list[str], bytes]:
    conversation = Conversation(BOUNDS[bounds])
    for read in reads:
        if read is None:
            conversation.wait(1.0)
        else:
            conversation.receive(read)
    return [line for line in conversation.lines if line[0] != ">"], conversation.output


def check(connection: Connection, bounds: Bounds) -> None:
    """What holds in a connection whenever the shell may call it. Looks inside, as only a proof may."""
    streams, sender = connection._streams, connection._sender
    receiving, intake = connection._receiving, connection._intake
    must(len(streams.open) <= bounds.streams, "no more streams than the limit")
    must(not connection.has_failed or not streams.open, "a failed connection has no streams")
    must(streams.queued == sum(stream.queued for stream in streams.open.values()), "what waits adds up")
    must(streams.queued <= bounds.queued_bytes + 200_000, "what waits is bounded")
    must(len(streams._cut) <= 1_024, "few streams that are over are known")
    waiting = set(sender._ready) | set(sender._starved)
    must(waiting <= set(streams.open), "only open streams wait for their turn")
    must(not (set(sender._ready) & set(sender._starved)), "a stream waits for one thing")
    must(
        len(receiving._rest) <= bounds.frame_bytes + frames.HEADER_BYTES or connection.has_failed,
        "at most one frame is kept",
    )
    must(
        sum(map(len, receiving._block)) <= bounds.block_bytes + bounds.frame_bytes,
        "at most one header block is kept",
    )
    must(receiving._decoder.size <= max(bounds.table_bytes, frames.DEFAULT_TABLE), "the table is bounded")
    must(receiving._decoder.remembered <= bounds.cached_blocks, "few blocks are remembered")
    must(connection._output.size == sum(map(len, connection._output.parts)), "the output adds up")
    if not connection.has_failed:
        must(0 <= intake.window <= bounds.connection_window, "the window of the connection is ours")
        must(sender.window <= frames.LARGEST_WINDOW, "the client's window is none beyond the RFC's")
        for stream in streams.open.values():
            must(stream.window <= frames.LARGEST_WINDOW, "a stream's window is none beyond the RFC's")
            must(stream.queued >= 0 and stream.unconsumed >= 0, "nothing is counted twice")
            owed = stream.receive_window + stream.unconsumed + stream.returned
            must(owed <= max(bounds.stream_window, frames.DEFAULT_WINDOW), "a stream's window is ours")
