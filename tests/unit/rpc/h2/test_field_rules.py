"""Rules of header fields and of their compression (docs/design/http2.md), each as what is sent and what comes back."""

import pytest
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.frames import HEADERS, PREFACE, frame, settings
from swarm_core.rpc.h2.hpack import Decoder, encode
from swarm_testkit.http2 import (
    HEAD,
    OPENING,
    REQUEST,
    TAIL,
    Case,
    Conversation,
    answer,
    block,
    data,
    headers,
    ping,
    play,
    without,
)

ENDED = headers(1, end=True)
TAKEN = ("request 1 end",)
MALFORMED = ("> RST_STREAM 1 PROTOCOL_ERROR",)
COMPRESSION = ("> GOAWAY 0 COMPRESSION_ERROR",)
# :method POST, :scheme http, :path / from the static table.
MINIMUM = "838684"
SMALL_TABLE = Bounds(table_bytes=100)


def field(name: bytes, value: bytes) -> bytes:
    return headers(1, (*REQUEST, (name, value)), end=True)


def instead(name: bytes, value: bytes) -> bytes:
    return headers(1, [(known, value if known == name else old) for known, old in REQUEST], end=True)


def promised(size: bytes, *, end: bool = False) -> bytes:
    return headers(1, (*REQUEST, (b"content-length", size)), end=end)


def broken(*events: str) -> tuple[str, ...]:
    return ("request 1", *events, "reset 1 PROTOCOL_ERROR", "> RST_STREAM 1 PROTOCOL_ERROR")


CASES = [
    # Messages
    Case(
        "H42",
        "as promised",
        (promised(b"3") + data(1, b"ab") + data(1, b"c", end=True),),
        ("request 1", "data 1 ab", "data 1 c end"),
    ),
    Case(
        "H42",
        "padding does not count",
        (promised(b"1") + data(1, b"a", end=True, padding=9),),
        ("request 1", "data 1 a end"),
    ),
    Case("H42", "too much", (promised(b"1") + data(1, b"ab"),), broken()),
    Case("H42", "too much at the end", (promised(b"1") + data(1, b"ab", end=True),), broken()),
    Case("H42", "too little", (promised(b"3") + data(1, b"ab", end=True),), broken()),
    Case(
        "H42",
        "too little before trailers",
        (promised(b"3") + data(1, b"ab") + headers(1, [(b"a", b"b")], end=True),),
        broken("data 1 ab"),
    ),
    Case("H42", "nothing comes", (promised(b"3", end=True),), MALFORMED),
    Case("H42", "nothing was promised", (promised(b"0", end=True),), TAKEN),
    Case("H42", "no number", (promised(b"+3", end=True),), MALFORMED),
    Case("H42", "a huge number", (promised(b"9" * 19, end=True),), MALFORMED),
    Case(
        "H42",
        "two that differ",
        (headers(1, (*REQUEST, (b"content-length", b"0"), (b"content-length", b"1")), end=True),),
        MALFORMED,
    ),
    # Names and values
    Case("H43", "upper case", (field(b"Name", b"x"),), MALFORMED),
    Case("H43", "blank", (field(b"a b", b"x"),), MALFORMED),
    Case("H43", "control character", (field(b"a\x7f", b"x"),), MALFORMED),
    Case("H43", "beyond ASCII", (field(b"caf\xe9", b"x"),), MALFORMED),
    Case("H43", "empty", (field(b"", b"x"),), MALFORMED),
    Case("H43", "a colon inside", (field(b"a:b", b"x"),), MALFORMED),
    Case("H43", "punctuation is allowed", (field(b"a_b.c~d^e|f`g", b"x"),), TAKEN),
    Case(
        "H43",
        "others go on",
        (field(b"Name", b"x") + headers(3, end=True),),
        (*MALFORMED[:0], "request 3 end", *MALFORMED),
    ),
    Case("H44", "zero", (field(b"a", b"x\0y"),), MALFORMED),
    Case("H44", "line feed", (field(b"a", b"x\ny"),), MALFORMED),
    Case("H44", "carriage return", (field(b"a", b"x\ry"),), MALFORMED),
    Case("H44", "blank before", (field(b"a", b" x"),), MALFORMED),
    Case("H44", "tab behind", (field(b"a", b"x\t"),), MALFORMED),
    Case(
        "H44",
        "what is allowed",
        (field(b"a", b"x \t\xff\x7fy") + headers(3, (*REQUEST, (b"a", b"")), end=True),),
        (*TAKEN, "request 3 end"),
    ),
    Case("H44", "in trailers", (headers(1) + headers(1, [(b"a", b"x\n")], end=True),), broken()),
    Case(
        "H44",
        "kept in the table",
        (block(1, MINIMUM + "4001410178") + block(3, MINIMUM + "be") + block(5, MINIMUM) + ping(),),
        ("request 5 end", *MALFORMED, "> RST_STREAM 3 PROTOCOL_ERROR", "> PING ack 12345678"),
    ),
    *(
        Case("H45", name.decode(), (field(name, b"x"),), MALFORMED)
        for name in (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
    ),
    Case("H45", "in trailers", (headers(1) + headers(1, [(b"upgrade", b"x")], end=True),), broken()),
    Case("H46", "more than trailers", (instead(b"te", b"gzip"),), MALFORMED),
    Case("H46", "none", (headers(1, without(b"te"), end=True),), TAKEN),
    # Pseudo-header fields
    Case(
        "H47",
        "after other fields",
        (headers(1, (*without(b":path"), (b":path", b"/")), end=True),),
        MALFORMED,
    ),
    Case("H47", "unknown", (headers(1, ((b":protocol", b"x"), *REQUEST), end=True),), MALFORMED),
    Case("H47", "of a response", (headers(1, ((b":status", b"200"), *REQUEST), end=True),), MALFORMED),
    Case("H47", "twice", (headers(1, ((b":path", b"/"), *REQUEST), end=True),), MALFORMED),
    Case("H47", "in trailers", (headers(1) + headers(1, [(b":path", b"/")], end=True),), broken()),
    *(
        Case("H48", f"without {name.decode()}", (headers(1, without(name), end=True),), MALFORMED)
        for name in (b":method", b":scheme", b":path")
    ),
    Case("H48", "no fields", (frame(HEADERS, 5, 1),), MALFORMED),
    Case("H48", "empty path", (instead(b":path", b""),), MALFORMED),
    Case("H48", "no path", (instead(b":path", b"x/y"),), MALFORMED),
    Case("H48", "asterisk", (instead(b":path", b"*"),), MALFORMED),
    Case(
        "H48",
        "asterisk of OPTIONS",
        (headers(1, ((b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*")), end=True),),
        TAKEN,
    ),
    Case("H48", "no authority", (headers(1, without(b":authority"), end=True),), TAKEN),
    Case("H49", "host differs", (field(b"host", b"other"),), MALFORMED),
    Case("H49", "host agrees", (field(b"host", b"LocalHost"),), TAKEN),
    Case("H49", "host alone", (headers(1, (*without(b":authority"), (b"host", b"x")), end=True),), TAKEN),
    Case(
        "H50",
        "with authority",
        (headers(1, ((b":method", b"CONNECT"), (b":authority", b"x:1")), end=True),),
        TAKEN,
    ),
    Case("H50", "without authority", (headers(1, ((b":method", b"CONNECT"),), end=True),), MALFORMED),
    Case("H50", "with a path", (instead(b":method", b"CONNECT"),), MALFORMED),
    # Compression
    Case("H51", "zero", (block(1, "80"),), COMPRESSION),
    Case("H51", "zero before what would be a literal", (block(1, MINIMUM + "80" + "01610178"),), COMPRESSION),
    Case("H51", "beyond the static table", (block(1, "be"),), COMPRESSION),
    Case("H51", "name beyond the table", (block(1, "7e0178"),), COMPRESSION),
    Case("H51", "far beyond", (block(1, "ffffffff00"),), COMPRESSION),
    Case("H51", "the last static one", (block(1, MINIMUM + "bd"),), TAKEN),
    Case("H53", "above the limit", (block(1, "3fe21f" + MINIMUM),), COMPRESSION),
    Case("H53", "the limit", (block(1, "3fe11f" + MINIMUM),), TAKEN),
    Case("H53", "after a field", (block(1, "8320" + "8684"),), COMPRESSION),
    Case("H53", "before what would be a literal", (block(1, MINIMUM + "20" + "01610178"),), COMPRESSION),
    Case("H53", "at the end", (block(1, MINIMUM + "20"),), COMPRESSION),
    Case("H53", "two", (block(1, "203f45" + MINIMUM),), TAKEN),
    Case("H53", "three", (block(1, "202020" + MINIMUM),), COMPRESSION),
    Case("H53", "ours is smaller and told", (block(1, "3f45" + MINIMUM),), TAKEN, bounds=SMALL_TABLE),
    Case("H53", "ours is smaller and not told", (block(1, MINIMUM),), COMPRESSION, bounds=SMALL_TABLE),
    Case("H53", "above ours", (block(1, "3f46" + MINIMUM),), COMPRESSION, bounds=SMALL_TABLE),
    Case(
        "H53",
        "ours is not acknowledged",
        (block(1, MINIMUM) + block(3, "3fe11f" + MINIMUM),),
        ("request 1 end", "request 3 end"),
        bounds=SMALL_TABLE,
        opening=PREFACE + settings({}),
    ),
    Case(
        "H54",
        "an update empties the table",
        (block(1, MINIMUM + "4001610178") + block(3, "20" + MINIMUM + "be"),),
        (*TAKEN, "> GOAWAY 1 COMPRESSION_ERROR"),
    ),
    Case(
        "H54",
        "an update keeps what fits",
        (block(1, MINIMUM + "4001610178") + block(3, "3f03" + MINIMUM + "be"),),
        (*TAKEN, "request 3 end"),
    ),
    Case(
        "H54",
        "one byte too small",
        (block(1, MINIMUM + "4001610178") + block(3, "3f02" + MINIMUM + "be"),),
        (*TAKEN, "> GOAWAY 1 COMPRESSION_ERROR"),
    ),
    Case(
        "H55",
        "the oldest leaves",
        (block(1, "3f45" + MINIMUM + "4001610178" * 3) + block(3, MINIMUM + "c0"),),
        (*TAKEN, "> GOAWAY 1 COMPRESSION_ERROR"),
    ),
    Case(
        "H55",
        "two of three stay",
        (block(1, "3f45" + MINIMUM + "4001610178" * 3) + block(3, MINIMUM + "bf"),),
        (*TAKEN, "request 3 end"),
    ),
    Case(
        "H55",
        "too large an entry empties the table",
        (block(1, "3f03" + MINIMUM + "4001610178" + "40026161" + "0178") + block(3, MINIMUM + "be"),),
        (*TAKEN, "> GOAWAY 1 COMPRESSION_ERROR"),
    ),
    Case(
        "H55",
        "the name of an entry that leaves",
        (block(1, "3f03" + MINIMUM + "4001610178" + "7e0179") + block(3, MINIMUM + "be"),),
        (*TAKEN, "request 3 end"),
    ),
    Case("H56", "too long", (block(1, "ff8080808000"),), COMPRESSION),
    Case("H56", "without end", (block(1, "ff80"),), COMPRESSION),
    Case("H56", "leading zeros", (block(1, MINIMUM + "0f8a8000" + "0178"),), TAKEN),
    Case("H57", "longer than its block", (block(1, "0005616161"),), COMPRESSION),
    Case("H57", "no length", (block(1, "00"),), COMPRESSION),
    Case("H57", "name and no value", (block(1, "000161"),), COMPRESSION),
    Case("H57", "padding of zeros", (block(1, "008118" + "00"),), COMPRESSION),
    Case("H57", "eight bits of padding", (block(1, "00821fff" + "00"),), COMPRESSION),
    Case("H57", "end of string inside", (block(1, "0084ffffffff" + "00"),), COMPRESSION),
    Case("H57", "an empty string", (block(1, MINIMUM + "00016180"),), TAKEN),
    Case("H57", "a code cut short", (block(1, "0081fe" + "00"),), COMPRESSION),
    Case("H58", "without indexing", (block(1, MINIMUM + "0001610178" + "be"),), COMPRESSION),
    Case("H58", "never indexed", (block(1, MINIMUM + "1001610178" + "be"),), COMPRESSION),
    Case(
        "H60",
        "a smaller table",
        (settings({1: 0}) + ENDED, answer(1)),
        (*TAKEN, "> SETTINGS ack", "> HEADERS 1", "> DATA 1 5", "> HEADERS 1 end"),
    ),
    # Bounds of a list
    Case(
        "H74",
        "too many bytes",
        (field(b"a", b"x" * 600) + ping(),),
        ("> RST_STREAM 1 ENHANCE_YOUR_CALM", "> PING ack 12345678"),
        bounds=Bounds(list_bytes=800),
    ),
    Case("H74", "as many as allowed", (headers(1, end=True),), TAKEN, bounds=Bounds(list_bytes=299)),
    Case(
        "H74",
        "one more",
        (headers(1, end=True),),
        ("> RST_STREAM 1 ENHANCE_YOUR_CALM",),
        bounds=Bounds(list_bytes=298),
    ),
    Case(
        "H74",
        "one entry a thousand times",
        (block(1, MINIMUM + "40016140" + "78" * 64 + "be" * 1_000) + block(3, MINIMUM + "be"),),
        ("request 3 end", "> RST_STREAM 1 ENHANCE_YOUR_CALM"),
    ),
    Case(
        "H74",
        "trailers",
        (headers(1) + headers(1, [(b"a", b"x" * 600)], end=True),),
        ("request 1", "reset 1 ENHANCE_YOUR_CALM", "> RST_STREAM 1 ENHANCE_YOUR_CALM"),
        bounds=Bounds(list_bytes=400),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rule(case: Case) -> None:
    """What is sent brings about exactly this."""
    assert tuple(play(case)) == case.expected


@pytest.mark.parametrize("size", [0, 100, 4_095])
def test_encoder_gives_its_table_up_once(size: int) -> None:
    """A client whose table is smaller than the RFC's hears in the next block, and only there, that we use none (H60)."""
    conversation = Conversation()
    conversation.receive(OPENING + settings({1: size}) + headers(1, end=True) + headers(3, end=True))
    begun = len(conversation.output)
    for stream in (1, 3):
        conversation.connection.answer(stream, HEAD, b"x", TAIL)
        conversation.take()
    sent = conversation.output[begun:]
    told = frame(HEADERS, 4, 1, b"\x20" + HEAD)
    assert sent.startswith(told)
    assert sent[len(told) :].endswith(
        frame(HEADERS, 4, 3, HEAD) + frame(0, 0, 3, b"x") + frame(HEADERS, 5, 3, TAIL)
    )


def test_fields_are_the_same_object_while_the_table_stands() -> None:
    """The same block gives the same Fields until the table changes, and never those of an older table (H59)."""
    conversation = Conversation()
    conversation.receive(OPENING + block(1, MINIMUM + "4001610178"))
    for stream in (3, 5, 7):
        conversation.receive(block(stream, MINIMUM + "be"))
    fields = conversation.recorder.fields
    assert fields[3] is fields[5] is fields[7]
    assert fields[3].pairs == fields[1].pairs
    conversation.receive(
        block(9, MINIMUM + "4001620179") + block(11, MINIMUM + "be") + block(13, MINIMUM + "bf")
    )
    assert fields[11].pairs[-1] == (b"b", b"y")
    assert fields[13].pairs[-1] == (b"a", b"x")
    conversation.receive(block(15, "20" + MINIMUM) + block(17, MINIMUM + "be"))
    assert conversation.connection.failure


def test_remembered_blocks_are_few() -> None:
    """No more blocks are remembered than the bounds say, and long ones not at all (H59)."""
    decoder = Decoder(Bounds(cached_blocks=4))
    for number in range(100):
        decoder.decode(encode([(b"name", b"%d" % number)]))
        assert decoder.remembered <= 4
    long = encode([(b"name", b"x" * 10_000)])
    assert decoder.decode(long) is not decoder.decode(long)
