"""What the HTTP/2 core costs by itself: CPU of a unary call, of a streamed message, and of what a hostile client sends.

The clients' bytes are made before the clock starts. A call is its request's two frames and its answer's three.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import hpack
from swarm_core.rpc.h2.bounds import MEMBERS, Bounds, Rate
from swarm_core.rpc.h2.connection import Connection
from swarm_core.rpc.h2.fields import Fields
from swarm_core.rpc.h2.frames import END_HEADERS, HEADERS, frame, settings, window_update
from swarm_testkit.http2 import HEAD, OPENING, TAIL, block, data, ping

CALLS = 20_000
REQUEST = b"\0\0\0\0\x19" + b"x" * 25
REPLY = b"\0\0\0\0\x10" + b"y" * 16
WIDE = OPENING + settings({4: 2**31 - 1}) + window_update(0, 2**31 - 65_536)
# For what hostile clients send: no count ends the connection, so that each frame is paid for.
_ENDLESS = Rate(2**60, 0.0)
PATIENT = replace(
    MEMBERS,
    resets=_ENDLESS,
    refusals=_ENDLESS,
    pings=_ENDLESS,
    settings=_ENDLESS,
    updates=_ENDLESS,
    empties=_ENDLESS,
    ignored=_ENDLESS,
)


class Shell:
    """Answers each request at once."""

    connection: Connection

    def request(self, stream: int, fields: Fields, ended: bool) -> None:
        if ended:
            self.connection.answer(stream, HEAD, REPLY, TAIL)

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        if ended:
            self.connection.answer(stream, HEAD, REPLY, TAIL)
        else:
            self.connection.consumed(stream, len(data))

    def reset(self, stream: int, code: int) -> None: ...

    def writable(self, stream: int) -> None: ...


def opened(bounds: Bounds = MEMBERS) -> Connection:
    shell = Shell()
    shell.connection = connection = Connection(shell, bounds, time.monotonic)
    connection.receive(WIDE)
    connection.take_output()
    return connection


def fields(number: int, varies: bool) -> list[tuple[bytes, bytes]]:
    known = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/docker.swarmkit.v1.Control/GetTask"),
        (b":authority", b"127.0.0.1:4242"),
        (b"content-type", b"application/grpc"),
        (b"user-agent", b"grpc-go/1.60.0"),
        (b"te", b"trailers"),
    ]
    return [*known, (b"grpc-timeout", b"%du" % (9_999_000 - number % 1_000))] if varies else known


def best(play: Callable[[], float], tries: int = 5) -> float:
    """Microseconds of CPU for each of what `play` counts, in the best of some tries."""
    times = []
    for _ in range(tries):
        begun = time.process_time()
        count = play()
        times.append((time.process_time() - begun) / count * 1e6)
    return min(times)


def unary(varies: bool, batch: int) -> Callable[[], int]:
    encoder = hpack.Encoder()
    calls = [
        frame(HEADERS, END_HEADERS, 2 * number + 1, encoder.encode(fields(number, varies)))
        + data(2 * number + 1, REQUEST, end=True)
        for number in range(CALLS)
    ]
    reads = [b"".join(calls[at : at + batch]) for at in range(0, CALLS, batch)]

    def play() -> int:
        connection = opened()
        for read in reads:
            connection.receive(read)
            connection.take_output()
        assert connection.is_idle and not connection.failure
        return CALLS

    return play


def streamed(size: int, batch: int) -> Callable[[], int]:
    message = b"z" * size

    def play() -> int:
        connection = opened()
        connection.receive(block(1, "838684", end=False))
        connection.respond(1, HEAD)
        for _ in range(CALLS // batch):
            for _ in range(batch):
                connection.send(1, message)
            connection.take_output()
        return CALLS

    return play


def hostile(pieces: Iterable[bytes], before: bytes = b"") -> Callable[[], float]:
    """Counted in kilobytes of the client."""
    reads = list(pieces)

    def play() -> float:
        connection = opened(PATIENT)
        connection.receive(before)
        for read in reads:
            connection.receive(read)
            connection.take_output()
        assert not connection.failure, connection.failure
        return sum(map(len, reads)) / 1_000

    return play


def _blocks(text: Callable[[int], bytes]) -> list[bytes]:
    """Requests of one header block each, none like another, so that none is remembered."""
    return [frame(HEADERS, 5, 2 * number + 1, b"\x83\x86\x84" + text(number)) for number in range(20)]


def _huffman(number: int) -> bytes:
    secret = hpack.NeverIndexedHeaderTuple(b"a", b"0" * 4_000 + b"%d" % number)
    return hpack.Encoder().encode([secret], huffman=True)


HOSTILE = {
    "rapid reset": [block(2 * n + 1, "838684") + frame(3, 0, 2 * n + 1, bytes(4)) for n in range(3_000)],
    "PING": [ping() * 50] * 50,
    "DATA of one byte": [data(1, b"x") * 50] * 50,
    "window updates": [window_update(1, 1) * 50] * 50,
    "SETTINGS, window of 1 000 streams": [settings({4: 2**31 - 1 - n % 2}) for n in range(50)],
    "header block of indexes": _blocks(lambda number: b"\x90" * (1_200 + number)),
    "header block of new entries": _blocks(lambda number: b"\x40\x01a\x01x" * (300 + number)),
    "header block of Huffman codes": _blocks(_huffman),
    "unknown frames": [frame(0x42, 0, 0) * 50] * 50,
}


def main() -> None:
    print("unary call, the same header block each time: µs of CPU")
    for batch in (1, 16):
        print(f"  {batch:2} a read   {best(unary(False, batch)):6.2f}")
    print("unary call, a timeout that changes with each call")
    for batch in (1, 16):
        print(f"  {batch:2} a read   {best(unary(True, batch)):6.2f}")
    print("streamed message")
    for size, batch in ((100, 1), (100, 16), (10_000, 1)):
        print(f"  {size:6} bytes, {batch:2} a write   {best(streamed(size, batch)):6.2f}")
    print("hostile bytes, where no count would end them: µs of CPU for each kilobyte")
    open_streams = b"".join(block(2 * n + 1, "838684", end=False) for n in range(999))
    for what, pieces in HOSTILE.items():
        before = (
            open_streams
            if "1 000" in what
            else b""
            if "block" in what or "reset" in what
            else block(1, "838684", end=False)
        )
        print(f"  {what:36} {best(hostile(pieces, before), 3):8.0f}")


if __name__ == "__main__":
    main()
