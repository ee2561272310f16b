"""Rules of windows, of sending in turns, and of the shell's calls (docs/design/http2.md), each as what happens."""

import pytest
from swarm_core.rpc.h2.bounds import Bounds
from swarm_core.rpc.h2.frames import frame, reset, settings, window_update
from swarm_core.rpc.h2.hpack import encode
from swarm_testkit.http2 import (
    HEAD,
    OPENING,
    TAIL,
    Case,
    answer,
    data,
    headers,
    ping,
    play,
)

ACK = "> SETTINGS ack"
OPEN = headers(1)
ENDED = headers(1, end=True)
TOLD = "request 1 end"
LARGEST = 2**31 - 1
SMALL = Bounds(stream_window=1_000, connection_window=65_535)
FULL = 16_384


def sends(stream: int, size: int, after: bytes | None = None) -> tuple[object, ...]:
    return ("send", stream, b"x" * size, after)


def respond(stream: int) -> tuple[object, ...]:
    return ("respond", stream, HEAD)


def flood(size: int) -> bytes:
    return b"".join(data(1, bytes(min(FULL, size - at))) for at in range(0, size, FULL))


CASES = [
    # What the client may not do with our windows
    Case(
        "H32",
        "connection",
        (window_update(0, LARGEST - 65_535) + window_update(0, 1),),
        ("> GOAWAY 0 FLOW_CONTROL_ERROR",),
    ),
    Case(
        "H32",
        "connection, the largest",
        (window_update(0, LARGEST - 65_535) + ping(),),
        ("> PING ack 12345678",),
    ),
    Case(
        "H32",
        "stream",
        (OPEN + window_update(1, LARGEST - 65_534) + ping(),),
        (
            "request 1",
            "reset 1 FLOW_CONTROL_ERROR",
            "> RST_STREAM 1 FLOW_CONTROL_ERROR",
            "> PING ack 12345678",
        ),
    ),
    Case("H32", "stream, the largest", (OPEN + window_update(1, LARGEST - 65_535),), ("request 1",)),
    Case(
        "H32",
        "by settings",
        (OPEN + window_update(1, LARGEST - 65_535) + settings({4: 65_536}),),
        ("request 1", "> GOAWAY 1 FLOW_CONTROL_ERROR"),
    ),
    Case(
        "H33",
        "stream",
        (OPEN + flood(65_536) + ping(),),
        (
            "request 1",
            *("data 1 16384 bytes",) * 3,
            "reset 1 FLOW_CONTROL_ERROR",
            "> RST_STREAM 1 FLOW_CONTROL_ERROR",
            "> WINDOW_UPDATE 0 65536",
            "> PING ack 12345678",
        ),
        bounds=Bounds(stream_window=65_535, connection_window=100_000),
    ),
    Case(
        "H33",
        "connection",
        (OPEN + headers(3) + flood(49_152) + data(3, bytes(FULL)),),
        ("request 1", "request 3", *("data 1 16384 bytes",) * 3, "> GOAWAY 3 FLOW_CONTROL_ERROR"),
        bounds=Bounds(stream_window=65_535, connection_window=65_535),
    ),
    Case(
        "H33",
        "all of both windows",
        (OPEN + flood(65_535) + ping(),),
        ("request 1", *("data 1 16384 bytes",) * 3, "data 1 16383 bytes", "> PING ack 12345678"),
        bounds=Bounds(stream_window=65_535, connection_window=65_535),
    ),
    Case(
        "H33",
        "streams that are over count too",
        (OPEN + reset(1, 8) + headers(3), ("give_up", 3, 8), data(3, bytes(FULL)) * 3 + data(3, bytes(FULL))),
        (
            "request 1",
            "reset 1 CANCEL",
            "request 3",
            "> RST_STREAM 3 CANCEL",
            "> WINDOW_UPDATE 0 32768",
            "> GOAWAY 3 FLOW_CONTROL_ERROR",
        ),
        bounds=Bounds(stream_window=65_535, connection_window=65_535),
    ),
    Case(
        "H34",
        "padding",
        (OPEN + data(1, b"x" * 700, padding=200) + data(1, b"y" * 99),),
        ("request 1", "data 1 700 bytes", "data 1 99 bytes"),
        bounds=SMALL,
    ),
    Case(
        "H34",
        "padding beyond the window",
        (OPEN + data(1, b"x" * 800, padding=200),),
        ("request 1", "reset 1 FLOW_CONTROL_ERROR", "> RST_STREAM 1 FLOW_CONTROL_ERROR"),
        bounds=SMALL,
    ),
    Case(
        "H34",
        "padding is used up at once",
        (OPEN + data(1, b"x", padding=250) * 2,),
        ("request 1", "data 1 x", "data 1 x", "> WINDOW_UPDATE 1 502"),
        bounds=SMALL,
    ),
    # What we may not do with the client's
    Case(
        "H35",
        "stream",
        (
            settings({4: 10}) + ENDED,
            respond(1),
            sends(1, 25, TAIL),
            window_update(1, 10),
            window_update(1, 10),
        ),
        (TOLD, ACK, "> HEADERS 1", "> DATA 1 10", "> DATA 1 10", "> DATA 1 5", "> HEADERS 1 end"),
    ),
    Case(
        "H35",
        "connection",
        (settings({4: 100_000}) + ENDED, respond(1), sends(1, 70_000), window_update(0, 4_465)),
        (
            TOLD,
            ACK,
            "> HEADERS 1",
            *(f"> DATA 1 {FULL}",) * 3,
            "> DATA 1 16383",
            "writable 1",
            "> DATA 1 4465",
        ),
    ),
    Case(
        "H35",
        "header blocks need no window",
        (settings({4: 0}) + ENDED + headers(3, end=True), answer(1), ("respond", 3, TAIL, True)),
        (TOLD, "request 3 end", ACK, "> HEADERS 1", "> HEADERS 3 end"),
    ),
    Case(
        "H35",
        "all streams share one",
        (
            settings({4: 100_000}) + window_update(0, LARGEST - 65_535) + ENDED + headers(3, end=True),
            sends(1, 100_000),
            sends(3, 1),
        ),
        (TOLD, "request 3 end", ACK, *(f"> DATA 1 {FULL}",) * 6, "> DATA 1 1696", "> DATA 3 1"),
    ),
    Case(
        "H36",
        "wider",
        (settings({4: 5}) + ENDED, sends(1, 9), settings({4: 7})),
        (TOLD, ACK, "> DATA 1 5", ACK, "> DATA 1 2"),
    ),
    Case(
        "H36",
        "less than nothing",
        (settings({4: 9}) + ENDED, sends(1, 12), settings({4: 3}), window_update(1, 6), window_update(1, 1)),
        (TOLD, ACK, "> DATA 1 9", ACK, "> DATA 1 1"),
    ),
    Case("H36", "new streams", (settings({4: 3}) + ENDED, sends(1, 9)), (TOLD, ACK, "> DATA 1 3")),
    Case(
        "H36",
        "the connection's window stays",
        (settings({4: 100_000}) + ENDED, sends(1, 65_535), settings({4: 200_000}), sends(1, 1)),
        (TOLD, ACK, *(f"> DATA 1 {FULL}",) * 3, "> DATA 1 16383", ACK),
    ),
    Case(
        "H37",
        "as the RFC says until then",
        (OPEN + data(1, b"x" * 2_000) + data(1, b"y"),),
        ("request 1", "data 1 2000 bytes", "data 1 y"),
        bounds=SMALL,
        opening=OPENING[: -len(settings({}))],
    ),
    Case(
        "H37",
        "ours from then on",
        (OPEN + data(1, b"x" * 1_000) + data(1, b"y"),),
        ("request 1", "data 1 1000 bytes", "reset 1 FLOW_CONTROL_ERROR", "> RST_STREAM 1 FLOW_CONTROL_ERROR"),
        bounds=SMALL,
    ),
    Case(
        "H37",
        "below zero a request may still end",
        (OPEN + data(1, b"x" * 2_000), frame(4, 1, 0) + data(1, end=True)),
        ("request 1", "data 1 2000 bytes", "data 1 end"),
        bounds=SMALL,
        opening=OPENING[: -len(settings({}))],
    ),
    Case(
        "H37",
        "below zero nothing else may come",
        (OPEN + data(1, b"x" * 2_000), frame(4, 1, 0) + data(1, b"y")),
        (
            "request 1",
            "data 1 2000 bytes",
            "reset 1 FLOW_CONTROL_ERROR",
            "> RST_STREAM 1 FLOW_CONTROL_ERROR",
        ),
        bounds=SMALL,
        opening=OPENING[: -len(settings({}))],
    ),
    Case(
        "H38",
        "stream",
        (OPEN + data(1, b"x" * 600), ("consumed", 1, 499), ("consumed", 1, 1), ("consumed", 1, 100)),
        ("request 1", "data 1 600 bytes", "> WINDOW_UPDATE 1 500"),
        bounds=SMALL,
    ),
    Case(
        "H38",
        "connection",
        (OPEN + flood(40_000), ("consumed", 1, 32_766), ("consumed", 1, 1)),
        (
            "request 1",
            "data 1 16384 bytes",
            "data 1 16384 bytes",
            "data 1 7232 bytes",
            "> WINDOW_UPDATE 1 32767",
            "> WINDOW_UPDATE 0 32767",
        ),
        bounds=Bounds(stream_window=65_535, connection_window=65_535),
    ),
    Case(
        "H38",
        "no more than came",
        (OPEN + data(1, b"x" * 600), ("consumed", 1, 10_000), ("consumed", 1, 10_000)),
        ("request 1", "data 1 600 bytes", "> WINDOW_UPDATE 1 600"),
        bounds=SMALL,
    ),
    Case(
        "H38",
        "not for a request that has ended",
        (OPEN + data(1, b"x" * 600, end=True), ("consumed", 1, 600)),
        ("request 1", "data 1 600 bytes end"),
        bounds=SMALL,
    ),
    Case(
        "H38",
        "what a stream leaves behind",
        (OPEN + flood(40_000), answer(1)),
        (
            "request 1",
            "data 1 16384 bytes",
            "data 1 16384 bytes",
            "data 1 7232 bytes",
            "> HEADERS 1",
            "> DATA 1 5",
            "> HEADERS 1 end",
            "> RST_STREAM 1 NO_ERROR",
            "> WINDOW_UPDATE 0 40000",
        ),
        bounds=Bounds(stream_window=65_535, connection_window=65_535),
    ),
    # Frames of ours
    Case(
        "H40",
        "the client's larger frames",
        (settings({5: 20_000}) + ENDED, sends(1, 30_000)),
        (TOLD, ACK, "> DATA 1 20000", "> DATA 1 10000"),
    ),
    Case(
        "H40",
        "no larger than suits fair turns",
        (settings({4: 200_000, 5: 1 << 20}) + window_update(0, 200_000) + ENDED, sends(1, 100_000)),
        (TOLD, ACK, "> DATA 1 65536", "> DATA 1 34464"),
    ),
    Case(
        "H40",
        "a long block",
        (ENDED, ("respond", 1, encode([(b"a", b"x" * 40_000)]), True)),
        (TOLD, "> HEADERS 1 end more", "> CONTINUATION 1 more", "> CONTINUATION 1"),
    ),
    Case(
        "H40",
        "a long block of an answer",
        (ENDED, ("answer", 1, HEAD, b"x", encode([(b"a", b"x" * 20_000)]))),
        (TOLD, "> HEADERS 1", "> DATA 1 1", "> HEADERS 1 end more", "> CONTINUATION 1"),
    ),
    Case("H40", "an answer without DATA", (ENDED, answer(1, 0)), (TOLD, "> HEADERS 1", "> HEADERS 1 end")),
    # After the end
    Case(
        "H65",
        "nothing more of an answered stream",
        (
            settings({4: 0}) + OPEN,
            answer(1),
            data(1, b"x") + headers(1, [(b"a", b"b")], end=True) + reset(1, 8),
        ),
        ("request 1", ACK, "> HEADERS 1"),
    ),
    Case(
        "H65",
        "not even of its faults",
        (settings({4: 0}) + OPEN, answer(1), window_update(1, 0)),
        ("request 1", ACK, "> HEADERS 1", "> RST_STREAM 1 PROTOCOL_ERROR"),
    ),
    Case(
        "H65",
        "calls do nothing",
        (ENDED, ("give_up", 1, 8), respond(1), sends(1, 5), answer(1), ("consumed", 1, 5), ("give_up", 1, 8)),
        (TOLD, "> RST_STREAM 1 CANCEL"),
    ),
    Case(
        "H65",
        "calls after the end",
        (settings({4: 0}) + ENDED, answer(1), respond(1), sends(1, 5), answer(1), window_update(1, 9)),
        (TOLD, ACK, "> HEADERS 1", "> DATA 1 5", "> HEADERS 1 end"),
    ),
    Case("H65", "streams never opened", (answer(1), sends(3, 5), respond(5), ("give_up", 7, 8)), ()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rule(case: Case) -> None:
    """What happens brings about exactly this."""
    assert tuple(play(case)) == case.expected
