"""The client's side of HTTP/2 by hand: frames as bytes, good or bad, and what a connection made of them as text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from swarm_core.rpc.h2 import frames
from swarm_core.rpc.h2.bounds import MEMBERS, Bounds
from swarm_core.rpc.h2.connection import Connection
from swarm_core.rpc.h2.fields import Fields
from swarm_core.rpc.h2.frames import ACK, END_HEADERS, END_STREAM, PADDED, PREFACE, SETTINGS, Code, frame
from swarm_core.rpc.h2.hpack import encode

Pairs = Iterable[tuple[bytes, bytes]]

REQUEST: Final = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/package.Service/Method"),
    (b":authority", b"localhost"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
)
HEAD: Final = encode([(b":status", b"200"), (b"content-type", b"application/grpc")])
TAIL: Final = encode([(b"grpc-status", b"0")])
# What a client sends first: its preface, its settings, and that it has read ours.
OPENING: Final = PREFACE + frames.settings({}) + frame(SETTINGS, ACK, 0)


def headers(stream: int, pairs: Pairs = REQUEST, *, end: bool = False, flags: int = END_HEADERS) -> bytes:
    return frame(frames.HEADERS, flags | (END_STREAM if end else 0), stream, encode(pairs))


def block(stream: int, text: str, *, end: bool = True, flags: int = END_HEADERS) -> bytes:
    """A header block in hexadecimal."""
    return frame(frames.HEADERS, flags | (END_STREAM if end else 0), stream, bytes.fromhex(text))


def continuation(stream: int, payload: bytes, *, last: bool = False) -> bytes:
    return frame(frames.CONTINUATION, END_HEADERS if last else 0, stream, payload)


def data(stream: int, payload: bytes = b"", *, end: bool = False, padding: int | None = None) -> bytes:
    flags = END_STREAM if end else 0
    if padding is not None:
        flags |= PADDED
        payload = bytes((padding,)) + payload + bytes(padding)
    return frame(frames.DATA, flags, stream, payload)


def ping(payload: bytes = b"12345678", *, ack: bool = False) -> bytes:
    return frame(frames.PING, ACK if ack else 0, 0, payload)


def without(name: bytes) -> Pairs:
    return tuple(pair for pair in REQUEST if pair[0] != name)


class Recorder:
    """A receiver that writes down what it is told. It answers nothing by itself."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: dict[int, Fields] = {}
        self.received: dict[int, bytes] = {}

    def request(self, stream: int, fields: Fields, ended: bool) -> None:
        self.lines.append(f"request {stream}{' end' * ended}")
        self.fields[stream] = fields
        self.received[stream] = b""

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        shown = data.decode("latin-1") if len(data) <= 20 else f"{len(data)} bytes"
        self.lines.append(f"data {stream} {shown}{' end' * ended}".replace("  ", " "))
        self.received[stream] += data

    def reset(self, stream: int, code: int) -> None:
        self.lines.append(f"reset {stream} {_code(code)}")

    def writable(self, stream: int) -> None:
        self.lines.append(f"writable {stream}")


class Conversation:
    """One connection, a clock that stands still until it is told, and all that happened as text."""

    def __init__(self, bounds: Bounds = MEMBERS) -> None:
        self.now = 100.0
        self.recorder = Recorder()
        self.connection = Connection(self.recorder, bounds, lambda: self.now)
        self.lines = self.recorder.lines
        self.output = b""
        self.take()

    def receive(self, sent: bytes) -> None:
        self.connection.receive(sent)
        self.take()

    def wait(self, seconds: float) -> None:
        """So much time passes, with a tick each second."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 1.0)
            self.connection.tick()
            self.take()

    def take(self) -> None:
        while taken := self.connection.take_output():
            self.output += taken
            self.lines.extend(f"> {line}" for line in read_frames(taken))


def read_frames(output: bytes) -> list[str]:
    """A server's frames, one a line."""
    lines, at = [], 0
    while at < len(output):
        high, low, kind, flags, stream = frames.HEADER.unpack_from(output, at)
        size = high << 8 | low
        at += frames.HEADER_BYTES + size
        payload = output[at - size : at]
        assert len(payload) == size, "the server stopped inside a frame"
        lines.append(_line(kind, flags, stream, payload))
    return lines


def _line(kind: int, flags: int, stream: int, payload: bytes) -> str:
    end = " end" if flags & END_STREAM else ""
    ack = " ack" if flags & ACK else ""
    number = int.from_bytes(payload[:4], "big")
    match kind:
        case frames.DATA:
            return f"DATA {stream} {len(payload)}{end}"
        case frames.HEADERS | frames.CONTINUATION:
            name = "HEADERS" if kind == frames.HEADERS else "CONTINUATION"
            return f"{name} {stream}{end}{'' if flags & END_HEADERS else ' more'}"
        case frames.RST_STREAM:
            return f"RST_STREAM {stream} {_code(number)}"
        case frames.SETTINGS:
            values = "".join(f" {name}={value}" for name, value in frames.SETTING.iter_unpack(payload))
            return f"SETTINGS{ack}{values}"
        case frames.PING:
            return f"PING{ack} {payload.decode('latin-1')}"
        case frames.GOAWAY:
            return f"GOAWAY {number} {_code(int.from_bytes(payload[4:8], 'big'))}"
        case frames.WINDOW_UPDATE:
            return f"WINDOW_UPDATE {stream} {number}"
    raise AssertionError(f"a server sends no frame of type {kind}")


def _code(code: int) -> str:
    return Code(code).name if code in Code.__members__.values() else str(code)


# A step of a case: bytes that the client sends, seconds that pass, or a call of the shell by name and arguments.
Step = bytes | float | tuple[object, ...]


@dataclass(frozen=True)
class Case:
    """One rule of docs/design/http2.md, what is done, and all that must come of it, behind the opening."""

    rule: str
    what: str
    steps: tuple[Step, ...]
    expected: tuple[str, ...]
    bounds: Bounds = MEMBERS
    opening: bytes = OPENING

    @property
    def name(self) -> str:
        return f"{self.rule}-{self.what}".replace(" ", "_")


def play(case: Case) -> list[str]:
    """Go through the steps of a case; its frames and events, those of the opening left out."""
    conversation = Conversation(case.bounds)
    conversation.receive(case.opening)
    begun = len(conversation.lines) if case.rule != "H1" else 0
    for step in case.steps:
        if isinstance(step, bytes):
            conversation.receive(step)
        elif isinstance(step, int | float):
            conversation.wait(step)
        else:
            name, *arguments = step
            getattr(conversation.connection, str(name))(*arguments)
            conversation.take()
    return conversation.lines[begun:]


def answer(stream: int, size: int = 5) -> Step:
    return ("answer", stream, HEAD, b"x" * size, TAIL)
