"""Rules of the connection, its frames and its streams (docs/design/http2.md), each as what is sent and what comes back."""

import pytest
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.frames import PREFACE, frame, goaway, reset, settings, window_update
from swarm_core.rpc.h2.hpack import encode
from swarm_testkit.http2 import (
    OPENING,
    REQUEST,
    Case,
    answer,
    block,
    continuation,
    data,
    headers,
    ping,
    play,
)

PROTOCOL = "> GOAWAY 0 PROTOCOL_ERROR"
SIZE = "> GOAWAY 0 FRAME_SIZE_ERROR"
PROTOCOL_1 = "> GOAWAY 1 PROTOCOL_ERROR"
SIZE_1 = "> GOAWAY 1 FRAME_SIZE_ERROR"
CLOSED_1 = "> GOAWAY 1 STREAM_CLOSED"
ACK = "> SETTINGS ack"
OPEN = headers(1)
ENDED = headers(1, end=True)
ANSWERED = ("> HEADERS 1", "> DATA 1 5", "> HEADERS 1 end")
TWO = Bounds(streams=2)
BLOCK = encode(REQUEST)

CASES = [
    # Connection
    Case(
        "H1",
        "settings first and unasked",
        (),
        ("> SETTINGS 3=2 4=1048576 6=65536", "> WINDOW_UPDATE 0 4128769"),
        bounds=TWO,
        opening=b"",
    ),
    Case("H2", "HTTP/1", (b"GET / HTTP/1.1\r\n",), (PROTOCOL,), opening=b""),
    Case("H2", "wrong last byte", (PREFACE[:-1] + b"x",), (PROTOCOL,), opening=b""),
    Case("H2", "part of it", (PREFACE[:-1],), (), opening=b""),
    Case("H3", "PING first", (PREFACE + ping(),), (PROTOCOL,), opening=b""),
    Case("H3", "HEADERS first", (PREFACE + OPEN,), (PROTOCOL,), opening=b""),
    Case("H3", "acknowledgement first", (PREFACE + frame(4, 1, 0),), (PROTOCOL,), opening=b""),
    Case("H4", "request at once", (PREFACE + settings({}) + ENDED,), ("request 1 end", ACK), opening=b""),
    # Frames
    Case("H5", "unknown type", (frame(0x42, 0xFF, 7, b"abc"), ping()), ("> PING ack 12345678",)),
    Case("H5", "undefined flags", (frame(6, 0xFE, 0, b"12345678"),), ("> PING ack 12345678",)),
    Case("H5", "reserved bit", (frame(6, 0, 1 << 31, b"12345678"),), ("> PING ack 12345678",)),
    Case("H5", "unknown setting", (settings({0x99: 7}),), (ACK,)),
    Case("H6", "DATA too long", (OPEN + frame(0, 0, 1, bytes(16_385)),), ("request 1", SIZE_1)),
    Case("H6", "known by its header alone", (frame(0x42, 0, 1, bytes(16_385))[:9],), (SIZE,)),
    Case("H6", "the longest", (OPEN + data(1, bytes(16_384)),), ("request 1", "data 1 16384 bytes")),
    Case("H7", "another frame between", (headers(1, flags=0) + ping(),), (PROTOCOL,)),
    Case("H7", "unknown type between", (headers(1, flags=0) + frame(0x42, 0, 0),), (PROTOCOL,)),
    Case("H7", "another stream's block", (headers(1, flags=0) + headers(3),), (PROTOCOL,)),
    Case("H8", "index beyond the table", (block(1, "fe"),), ("> GOAWAY 0 COMPRESSION_ERROR",)),
    Case("H8", "ends too early", (block(1, "40"),), ("> GOAWAY 0 COMPRESSION_ERROR",)),
    Case("H8", "in trailers", (OPEN + block(1, "80"),), ("request 1", "> GOAWAY 1 COMPRESSION_ERROR")),
    Case(
        "H9",
        "refused streams fill the table",
        (headers(1) + headers(3) + block(5, "8683040161410178") + block(7, "be"),),
        ("request 1", "request 3", "> RST_STREAM 5 REFUSED_STREAM", "> RST_STREAM 7 REFUSED_STREAM"),
        bounds=TWO,
    ),
    Case(
        "H9",
        "late trailers are decoded",
        (OPEN, ("give_up", 1, 8), block(1, "80")),
        ("request 1", "> RST_STREAM 1 CANCEL", "> GOAWAY 1 COMPRESSION_ERROR"),
    ),
    # Streams
    Case("H11", "DATA", (data(1, b"x"),), (PROTOCOL,)),
    Case("H11", "RST_STREAM", (reset(1, 8),), (PROTOCOL,)),
    Case("H11", "WINDOW_UPDATE", (window_update(1, 1),), (PROTOCOL,)),
    Case("H11", "of the server's number", (OPEN + window_update(2, 1),), ("request 1", PROTOCOL_1)),
    Case("H11", "PRIORITY is allowed", (frame(2, 0, 9, bytes(5)), ping()), ("> PING ack 12345678",)),
    Case(
        "H12",
        "DATA",
        (ENDED + data(1, b"x") + ping(),),
        ("request 1 end", "reset 1 STREAM_CLOSED", "> RST_STREAM 1 STREAM_CLOSED", "> PING ack 12345678"),
    ),
    Case(
        "H12",
        "HEADERS",
        (ENDED + ENDED + ping(),),
        ("request 1 end", "reset 1 STREAM_CLOSED", "> RST_STREAM 1 STREAM_CLOSED", "> PING ack 12345678"),
    ),
    Case(
        "H12",
        "what is allowed",
        (ENDED + window_update(1, 5) + frame(2, 0, 1, bytes(5)) + reset(1, 8),),
        ("request 1 end", "reset 1 CANCEL"),
    ),
    Case("H13", "DATA", (ENDED, answer(1), data(1, b"x")), ("request 1 end", *ANSWERED, CLOSED_1)),
    Case("H13", "HEADERS", (ENDED, answer(1), ENDED), ("request 1 end", *ANSWERED, CLOSED_1)),
    Case(
        "H13",
        "DATA after RST_STREAM",
        (OPEN + reset(1, 8) + data(1),),
        ("request 1", "reset 1 CANCEL", CLOSED_1),
    ),
    Case(
        "H13",
        "what is ignored",
        (ENDED, answer(1), window_update(1, 5) + reset(1, 8) + frame(2, 0, 1, bytes(5)) + ping()),
        ("request 1 end", *ANSWERED, "> PING ack 12345678"),
    ),
    Case(
        "H14",
        "in flight",
        (OPEN, ("give_up", 1, 8), data(1, b"x") + headers(1, [(b"a", b"b")], end=True) + ping()),
        ("request 1", "> RST_STREAM 1 CANCEL", "> PING ack 12345678"),
    ),
    Case(
        "H14",
        "after its end",
        (OPEN, ("give_up", 1, 8), data(1, b"x", end=True) + data(1)),
        ("request 1", "> RST_STREAM 1 CANCEL", CLOSED_1),
    ),
    Case(
        "H14",
        "beyond its window",
        (OPEN, ("give_up", 1, 8), data(1, bytes(16_384)) * 4),
        ("request 1", "> RST_STREAM 1 CANCEL", "> WINDOW_UPDATE 0 49152", "> GOAWAY 1 FLOW_CONTROL_ERROR"),
        bounds=Bounds(stream_window=65_535, connection_window=70_000),
    ),
    Case("H15", "even", (headers(2),), (PROTOCOL,)),
    Case("H15", "zero", (headers(0),), (PROTOCOL,)),
    Case(
        "H15",
        "not growing",
        (headers(5, end=True) + headers(3),),
        ("request 5 end", "> GOAWAY 5 STREAM_CLOSED"),
    ),
    Case("H15", "gaps are allowed", (headers(1) + headers(99),), ("request 1", "request 99")),
    Case(
        "H16",
        "refused",
        (headers(1) + headers(3) + headers(5) + data(5, b"x") + ping(),),
        ("request 1", "request 3", "> RST_STREAM 5 REFUSED_STREAM", "> PING ack 12345678"),
        bounds=TWO,
    ),
    Case(
        "H16",
        "before our settings are read",
        (headers(1) + headers(3) + headers(5, end=True),),
        ("request 1", "request 3", "> RST_STREAM 5 REFUSED_STREAM"),
        bounds=TWO,
        opening=PREFACE + settings({}),
    ),
    Case(
        "H16",
        "one that is over makes room",
        (ENDED + headers(3), answer(1), headers(5)),
        ("request 1 end", "request 3", *ANSWERED, "request 5"),
        bounds=TWO,
    ),
    Case(
        "H16",
        "an answer that waits still counts",
        (settings({4: 0}) + ENDED + headers(3), answer(1), headers(5)),
        ("request 1 end", "request 3", ACK, "> HEADERS 1", "> RST_STREAM 5 REFUSED_STREAM"),
        bounds=TWO,
    ),
    Case(
        "H17",
        "nothing follows",
        (headers(3) + ping() + frame(6, 0, 0, b"") + ping(), answer(3), ping(), 5.0, ("shut_down",)),
        ("request 3", "> PING ack 12345678", "> GOAWAY 3 FRAME_SIZE_ERROR"),
    ),
    Case(
        "H18",
        "others go on",
        (OPEN + headers(3) + window_update(1, 0) + data(3, b"x"), answer(3)),
        (
            "request 1",
            "request 3",
            "reset 1 PROTOCOL_ERROR",
            "data 3 x",
            "> RST_STREAM 1 PROTOCOL_ERROR",
            "> HEADERS 3",
            "> DATA 3 5",
            "> HEADERS 3 end",
            "> RST_STREAM 3 NO_ERROR",
        ),
    ),
    Case(
        "H18",
        "no RST_STREAM for a RST_STREAM",
        (OPEN + reset(1, 2),),
        ("request 1", "reset 1 INTERNAL_ERROR"),
    ),
    Case(
        "H19",
        "the client is asked to stop",
        (OPEN, answer(1), data(1, b"x") + data(1, b"y", end=True) + ping()),
        ("request 1", *ANSWERED, "> RST_STREAM 1 NO_ERROR", "> PING ack 12345678"),
    ),
    Case("H19", "a request that has ended", (ENDED, answer(1)), ("request 1 end", *ANSWERED)),
    # Kinds of frames
    Case("H20", "stream 0", (data(0, b"x"),), (PROTOCOL,)),
    Case("H20", "padding", (OPEN + data(1, b"x", padding=7),), ("request 1", "data 1 x")),
    Case("H20", "padding alone", (OPEN + data(1, padding=7, end=True),), ("request 1", "data 1 end")),
    Case("H20", "all padding", (OPEN + frame(0, 8, 1, b"\x01"),), ("request 1", PROTOCOL_1)),
    Case(
        "H20", "more padding than frame", (OPEN + frame(0, 8, 1, b"\x09abcdefgh"),), ("request 1", PROTOCOL_1)
    ),
    Case("H20", "no length of padding", (OPEN + frame(0, 8, 1),), ("request 1", SIZE_1)),
    Case("H21", "stream 0", (headers(0, end=True),), (PROTOCOL,)),
    Case("H21", "padding", (frame(1, 0xD, 1, b"\x02" + BLOCK + b"\0\0"),), ("request 1 end",)),
    Case("H21", "more padding than frame", (frame(1, 0xD, 1, b"\x09abcdefgh"),), (PROTOCOL,)),
    Case("H21", "priority", (frame(1, 0x25, 1, b"\0\0\0\x03\xff" + BLOCK),), ("request 1 end",)),
    Case("H21", "both", (frame(1, 0x2D, 1, b"\x01\0\0\0\x03\xff" + BLOCK + b"\0"),), ("request 1 end",)),
    Case("H21", "short priority", (frame(1, 0x25, 1, b"\0\0\0\x03"),), (SIZE,)),
    Case("H22", "stream 0", (frame(2, 0, 0, bytes(5)),), (PROTOCOL,)),
    Case("H22", "size, stream not open", (frame(2, 0, 1, bytes(4)),), (SIZE,)),
    Case(
        "H22",
        "size, stream open",
        (OPEN + frame(2, 0, 1, bytes(6)) + ping(),),
        ("request 1", "reset 1 FRAME_SIZE_ERROR", "> RST_STREAM 1 FRAME_SIZE_ERROR", "> PING ack 12345678"),
    ),
    Case("H23", "stream 0", (reset(0, 8),), (PROTOCOL,)),
    Case("H23", "size", (OPEN + frame(3, 0, 1, bytes(5)),), ("request 1", SIZE_1)),
    Case("H23", "unknown code", (OPEN + reset(1, 0x1234),), ("request 1", "reset 1 4660")),
    Case(
        "H23",
        "the answer is dropped",
        (OPEN, ("send", 1, b"x"), reset(1, 8), answer(1)),
        ("request 1", "> DATA 1 1", "reset 1 CANCEL"),
    ),
    Case("H24", "on a stream", (frame(4, 0, 1),), (PROTOCOL,)),
    Case("H24", "size", (frame(4, 0, 0, bytes(5)),), (SIZE,)),
    Case("H24", "acknowledgement with content", (frame(4, 1, 0, bytes(6)),), (SIZE,)),
    Case("H24", "empty", (settings({}),), (ACK,)),
    Case("H25", "ENABLE_PUSH", (settings({2: 2}),), (PROTOCOL,)),
    Case("H25", "INITIAL_WINDOW_SIZE", (settings({4: 1 << 31}),), ("> GOAWAY 0 FLOW_CONTROL_ERROR",)),
    Case("H25", "MAX_FRAME_SIZE too small", (settings({5: 16_383}),), (PROTOCOL,)),
    Case("H25", "MAX_FRAME_SIZE too large", (settings({5: 1 << 24}),), (PROTOCOL,)),
    Case("H25", "every limit", (settings({1: 0, 2: 1, 3: 0, 4: 2**31 - 1, 5: 2**24 - 1, 6: 0}),), (ACK,)),
    Case(
        "H25",
        "the last value counts",
        (ENDED + frame(4, 0, 0, settings({4: 0})[9:] + settings({4: 9})[9:]), answer(1)),
        ("request 1 end", ACK, *ANSWERED),
    ),
    Case("H26", "each in turn", (settings({}) + ping() + settings({}),), (ACK, "> PING ack 12345678", ACK)),
    Case("H27", "from a client", (frame(5, 4, 1, bytes(4)),), (PROTOCOL,)),
    Case("H28", "answered", (ping(b"abcdefgh"),), ("> PING ack abcdefgh",)),
    Case("H28", "an answer is not answered", (ping(ack=True),), ()),
    Case("H28", "on a stream", (frame(6, 0, 1, bytes(8)),), (PROTOCOL,)),
    Case("H28", "size", (frame(6, 0, 0, bytes(7)),), (SIZE,)),
    Case("H29", "on a stream", (frame(7, 0, 1, bytes(8)),), (PROTOCOL,)),
    Case("H29", "size", (frame(7, 0, 0, bytes(7)),), (SIZE,)),
    Case("H29", "streams go on", (ENDED + goaway(0, 0, "bye"), answer(1)), ("request 1 end", *ANSWERED)),
    Case(
        "H30",
        "answered PING",
        (
            ENDED,
            ("shut_down",),
            headers(3, end=True) + ping(b"last one", ack=True) + headers(5, end=True),
            answer(1),
        ),
        (
            "request 1 end",
            "> GOAWAY 2147483647 NO_ERROR",
            "> PING last one",
            "request 3 end",
            "> GOAWAY 3 NO_ERROR",
            "> RST_STREAM 5 REFUSED_STREAM",
            *ANSWERED,
        ),
    ),
    Case(
        "H30",
        "after the last GOAWAY",
        (("shut_down",), ping(b"last one", ack=True), headers(1, end=True)),
        (
            "> GOAWAY 2147483647 NO_ERROR",
            "> PING last one",
            "> GOAWAY 0 NO_ERROR",
            "> RST_STREAM 1 REFUSED_STREAM",
        ),
    ),
    Case(
        "H30",
        "no answer to the PING",
        (("shut_down",), 10.0, ("shut_down",)),
        ("> GOAWAY 2147483647 NO_ERROR", "> PING last one", "> GOAWAY 0 NO_ERROR"),
    ),
    Case(
        "H30",
        "an answer to no PING",
        (ping(b"last one", ack=True), ("shut_down", 11), headers(1)),
        ("> GOAWAY 2147483647 ENHANCE_YOUR_CALM", "> PING last one", "request 1"),
    ),
    Case("H31", "size", (frame(8, 0, 0, bytes(3)),), (SIZE,)),
    Case("H31", "nothing, connection", (window_update(0, 0),), (PROTOCOL,)),
    Case(
        "H31",
        "nothing, stream",
        (OPEN + window_update(1, 0) + ping(),),
        ("request 1", "reset 1 PROTOCOL_ERROR", "> RST_STREAM 1 PROTOCOL_ERROR", "> PING ack 12345678"),
    ),
    Case("H31", "reserved bit", (frame(8, 0, 0, b"\x80\0\0\x01"), ping()), ("> PING ack 12345678",)),
    Case("H39", "without HEADERS", (continuation(1, b"", last=True),), (PROTOCOL,)),
    Case("H39", "after a whole block", (OPEN + continuation(1, b"", last=True),), ("request 1", PROTOCOL_1)),
    Case("H39", "another stream", (headers(1, flags=0) + continuation(3, b"", last=True),), (PROTOCOL,)),
    Case("H39", "stream 0", (headers(1, flags=0) + continuation(0, b"", last=True),), (PROTOCOL,)),
    Case(
        "H39",
        "in three",
        (frame(1, 1, 1, BLOCK[:5]) + continuation(1, BLOCK[5:9]) + continuation(1, BLOCK[9:], last=True),),
        ("request 1 end",),
    ),
    Case(
        "H39",
        "no content",
        (headers(1, flags=0, end=True) + continuation(1, b"", last=True),),
        ("request 1 end",),
    ),
    Case(
        "H41",
        "trailers end a request",
        (OPEN + headers(1, [(b"a", b"b")], end=True),),
        ("request 1", "data 1 end"),
    ),
    Case(
        "H41",
        "trailers that end nothing",
        (OPEN + headers(1, [(b"a", b"b")]),),
        ("request 1", "reset 1 PROTOCOL_ERROR", "> RST_STREAM 1 PROTOCOL_ERROR"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rule(case: Case) -> None:
    """What is sent brings about exactly this."""
    assert tuple(play(case)) == case.expected


def test_opening_is_quiet() -> None:
    """The opening that the cases leave out is our settings and one acknowledgement (docs/design/http2.md H1, H26)."""
    begun = ["> SETTINGS 3=1000 4=1048576 6=65536", "> WINDOW_UPDATE 0 4128769"]
    assert play(Case("H1", "", (OPENING,), (), opening=b"")) == [*begun, ACK]
