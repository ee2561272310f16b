"""Conversations that no honest client has, drawn from seeds: valid frames, most of them changed afterwards, or no frames at all.

What must hold in each of them stands in `http2_laws`.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from swarm_core.rpc.h2 import frames
from swarm_core.rpc.h2.bounds import MEMBERS, STRANGERS, Bounds, Rate
from swarm_core.rpc.h2.frames import ACK, END_HEADERS, END_STREAM, PREFACE, frame
from swarm_core.rpc.h2.hpack import encode

from swarm_testkit.http2 import OPENING, REQUEST, data, headers

_PLENTY = Rate(1_000_000, 0.0)
# Small enough that a short conversation meets every limit of size; the rates stay out of the way in the second.
BOUNDS: dict[str, Bounds] = {
    "strangers": replace(STRANGERS, streams=4, queued_bytes=100_000, output_bytes=20_000),
    "generous": Bounds(
        streams=6,
        stream_window=20_000,
        connection_window=70_000,
        block_bytes=20_000,
        list_bytes=5_000,
        table_bytes=256,
        cached_blocks=3,
        queued_bytes=200_000,
        output_bytes=30_000,
        resets=_PLENTY,
        refusals=_PLENTY,
        pings=_PLENTY,
        settings=_PLENTY,
        updates=_PLENTY,
        empties=_PLENTY,
        ignored=_PLENTY,
    ),
    "members": MEMBERS,
}


@dataclass
class Input:
    """Reads in their order (None: a second passes), the bounds by name, and the seed of the shell's behaviour."""

    reads: list[bytes | None]
    bounds: str
    shell: int

    def dump(self) -> str:
        lines = [f"{self.bounds} {self.shell}"]
        lines += ["tick" if read is None else f"read {read.hex()}" for read in self.reads]
        return "\n".join(lines) + "\n"


def load(text: str) -> Input:
    first, *lines = text.splitlines()
    bounds, shell = first.split()
    reads = [None if line == "tick" else bytes.fromhex(line.removeprefix("read ")) for line in lines]
    return Input(reads, bounds, int(shell))


def make(seed: int) -> Input:
    rng = random.Random(seed)
    bounds = rng.choice(tuple(BOUNDS))
    if rng.random() < 0.03:
        sent = [rng.randbytes(rng.randrange(1, 300)) for _ in range(rng.randrange(1, 6))]
        if rng.random() < 0.7:
            sent.insert(0, OPENING)
    else:
        maker = _Maker(rng, BOUNDS[bounds].table_bytes)
        # Now and then our settings are acknowledged late, or never.
        opening = OPENING if rng.random() < 0.85 else OPENING[: -len(frame(frames.SETTINGS, ACK, 0))]
        sent = [opening, *(maker.draw() for _ in range(rng.randrange(1, 40)))]
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))):
            _change(rng, sent)
    return Input(_reads(rng, sent), bounds, rng.getrandbits(32))


def _reads(rng: random.Random, sent: list[bytes]) -> list[bytes | None]:
    """All in one read, a frame a read, or cut anywhere; now and then time passes."""
    manner = rng.random()
    reads: list[bytes | None] = []
    if manner < 0.3:
        reads = [b"".join(sent)]
    elif manner < 0.7:
        reads = list(sent)
    else:
        whole = b"".join(sent)
        places = sorted(rng.randrange(len(whole) + 1) for _ in range(rng.randrange(1, 12)))
        reads = [whole[start:stop] for start, stop in zip([0, *places], [*places, len(whole)], strict=True)]
    if rng.random() < 0.2:
        for _ in range(rng.choice((1, 2, 40))):
            reads.insert(rng.randrange(len(reads) + 1), None)
    return reads


# What a client says in good faith; a pseudo-header field among them, or a name in capitals, is a fault.
_NAMES = (
    b"content-length",
    b"te",
    b"host",
    b"connection",
    b":path",
    b"Name",
    b"a",
    b"grpc-timeout",
    b"a",
    b"b",
    b"c",
)
_VALUES = (b"0", b"5", b"trailers", b"localhost", b"x", b"", b"long" * 30, b" y")
# Representations of RFC 7541: indexes of both tables, literals of each kind, Huffman codes, size updates.
_LITERALS = (
    b"\xbd",
    b"\x40\x01a\x01x",
    b"\x00\x01b\x01z",
    b"\x10\x01c\x00",
    b"\x40\x01d\x7f\x01" + b"v" * 128,
)
_PIECES = (
    *_LITERALS,
    *(
        b"\x82",
        b"\xbe",
        b"\xbf",
        b"\xc0",
        b"\x20",
        b"\x3f\x45",
        b"\x7e\x01y",
        b"\x44\x02/p",
        b"\x04\x82\x60\xff",
    ),
    *(b"\x40\x81\x1f\x00", b"\x00\x01b\x85\xf2\xb2\x4a\x84\xff", b"\xff\x80\x00", b"\x0f\x80\x00"),
)


class _Maker:
    """Draws frames that fit those before them most of the time."""

    def __init__(self, rng: random.Random, table_bytes: int) -> None:
        self._rng = rng
        self._next = 1
        self._opened: list[int] = []
        # Those whose request has not ended.
        self._sending: list[int] = []
        # A client tells first that it uses the smaller table.
        self._update = (
            b"\x3f" + bytes((table_bytes - 31 & 0x7F | 0x80, table_bytes - 31 >> 7))
            if table_bytes < 4_096
            else b""
        )
        self._makers: tuple[Callable[[], bytes], ...] = (
            *(self._headers,) * 4,
            *(self._data,) * 4,
            *(self._update_window,) * 3,
            self._padded,
            self._settings,
            self._plain,
            self._reset,
            self._trailers,
            self._odd,
        )

    def draw(self) -> bytes:
        return self._rng.choice(self._makers)() if self._sending else self._headers()

    def _known(self) -> int:
        """A stream that was opened, mostly a late one; seldom any number."""
        rng = self._rng
        if rng.random() < 0.003:
            return rng.choice((0, 1, 2, 3, 101, 2**31 - 1))
        return rng.choice(self._opened[-6:])

    def _new(self) -> int:
        number = self._next
        self._next += 2
        self._opened.append(number)
        return number

    def _sends(self, *, end: bool) -> int:
        """A stream whose request goes on, and ends with `end`; seldom another one."""
        rng = self._rng
        if not self._sending or rng.random() < 0.01:
            return self._known()
        number = rng.choice(self._sending[-4:])
        if end and rng.random() < 0.98:
            self._sending.remove(number)
        return number

    def _headers(self) -> bytes:
        rng = self._rng
        stream = self._new() if not self._opened or rng.random() < 0.97 else self._known()
        block, end = self._block(), rng.random() < 0.3
        if not end:
            self._sending.append(stream)
        update, self._update = self._update, b""
        if rng.random() < 0.8:
            return frame(frames.HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, update + block)
        return frames.header_frames(stream, update + block, end, rng.randrange(9, 60))

    def _block(self) -> bytes:
        """A header block: a request's, with the dynamic table or without, or bytes that may be one."""
        rng, manner = self._rng, self._rng.random()
        if manner < 0.6:
            pairs = list(REQUEST)
            for _ in range(rng.choice((0, 0, 0, 0, 1, 2))):
                pairs.insert(
                    rng.choice((len(pairs), rng.randrange(len(pairs)))),
                    (rng.choice(_NAMES), rng.choice(_VALUES)),
                )
            return encode(pairs)
        if manner < 0.97:
            pieces = _PIECES if rng.random() < 0.2 else _LITERALS
            return b"\x83\x86\x84" + b"".join(rng.choice(pieces) for _ in range(rng.randrange(6)))
        return rng.randbytes(rng.randrange(30))

    def _trailers(self) -> bytes:
        end = self._rng.random() < 0.97
        return headers(self._sends(end=end), [(b"a", b"b")], end=end)

    def _data(self) -> bytes:
        end = self._rng.random() < 0.3
        return data(self._sends(end=end), bytes(self._rng.choice((0, 1, 5, 5, 100, 9_000, 16_384))), end=end)

    def _padded(self) -> bytes:
        end = self._rng.random() < 0.3
        return data(self._sends(end=end), b"abc", padding=self._rng.randrange(256), end=end)

    def _update_window(self) -> bytes:
        rng = self._rng
        size = (
            rng.choice((1, 10, 1_000, 60_000, 60_000)) if rng.random() < 0.97 else rng.choice((0, 2**31 - 1))
        )
        return frames.window_update(self._known() if rng.random() < 0.6 else 0, size)

    def _settings(self) -> bytes:
        rng = self._rng
        values = {}
        for _ in range(rng.randrange(4)):
            name = rng.choice((1, 3, 4, 4, 4, 5, 6, 9))
            values[name] = (
                2**14 + rng.randrange(2**16) if name == 5 else rng.choice((0, 1, 100, 16_384, 65_535, 70_000))
            )
        if rng.random() < 0.03:
            values[rng.choice((2, 4, 5))] = rng.choice((0, 2, 2**31 - 1, rng.getrandbits(32)))
        return frames.settings(values)

    def _reset(self) -> bytes:
        return frames.reset(self._sends(end=True), self._rng.randrange(15))

    def _plain(self) -> bytes:
        rng = self._rng
        return rng.choice(
            (
                frame(frames.SETTINGS, ACK, 0),
                frame(frames.PING, rng.choice((0, ACK)), 0, rng.choice((b"12345678", b"last one"))),
                frame(frames.PRIORITY, 0, self._known() or 1, bytes(5)),
                frames.goaway(0, rng.randrange(15)),
                frame(0x42, rng.randrange(256), self._known(), b"unknown"),
            )
        )

    def _odd(self) -> bytes:
        """Seldom what anybody would send."""
        rng = self._rng
        if rng.random() < 0.8:
            return self._data()
        kind = rng.choice((frames.CONTINUATION, frames.PUSH_PROMISE, rng.randrange(256)))
        return frame(kind, rng.randrange(256), self._known(), rng.randbytes(rng.randrange(20)))


def _change(rng: random.Random, sent: list[bytes]) -> None:
    """Change one thing about a list of frames."""
    at = rng.randrange(len(sent))
    piece = bytearray(sent[at])
    match rng.randrange(9):
        case 0:
            sent.insert(at, sent[at])
        case 1:
            del sent[at]
        case 2:
            other = rng.randrange(len(sent))
            sent[at], sent[other] = sent[other], sent[at]
        case 3 if piece:
            piece[rng.randrange(len(piece))] ^= 1 << rng.randrange(8)
            sent[at] = bytes(piece)
        case 4 if piece:
            piece[rng.randrange(len(piece))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            sent[at] = bytes(piece)
        case 5:
            sent[at] = bytes(piece[: rng.randrange(len(piece) + 1)])
        case 6:
            where = rng.randrange(len(piece) + 1)
            sent[at] = bytes(piece[:where]) + rng.randbytes(rng.randrange(1, 9)) + bytes(piece[where:])
        case 7 if len(piece) >= 9:  # only the header's word on length, type or flags is wrong
            piece[rng.randrange(5)] = rng.choice((0, 1, 4, 5, 8, 9, 0x20, 0xFF))
            sent[at] = bytes(piece)
        case _:
            sent[at:at] = [sent[at]] * rng.choice((2, 20, 300))
    if not sent:
        sent.append(PREFACE)
