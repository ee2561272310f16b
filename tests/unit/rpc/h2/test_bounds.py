"""Bounds against floods and against time (docs/design/http2.md H66 to H90): what an honest client does passes, and more does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from swarm_core.rpc.h2.bounds import MEMBERS, STRANGERS, Bounds, Rate
from swarm_core.rpc.h2.frames import PREFACE, frame, goaway, header_frames, reset, settings, window_update
from swarm_core.rpc.h2.hpack import encode
from swarm_testkit.http2 import (
    HEAD,
    OPENING,
    REQUEST,
    TAIL,
    Case,
    Conversation,
    answer,
    continuation,
    data,
    headers,
    ping,
    play,
)

FEW = Rate(10, 2.0)
CALM = "ENHANCE_YOUR_CALM"
SLOW = Bounds(
    resets=FEW, refusals=FEW, pings=FEW, settings=FEW, updates=FEW, empties=FEW, ignored=FEW, streams=4
)

Act = Callable[[int], bytes]


def opened_and_reset(number: int) -> bytes:
    return headers(2 * number + 1) + reset(2 * number + 1, 8)


def broken(number: int) -> bytes:
    return headers(2 * number + 1) + window_update(2 * number + 1, 0)


def malformed(number: int) -> bytes:
    return headers(2 * number + 1, [(b"a", b"b")], end=True)


FLOODS: dict[str, Act] = {
    "H66 rapid reset": opened_and_reset,
    "H66 streams that the client breaks": broken,
    "H66 malformed requests": malformed,
    "H68 PING": lambda _: ping(),
    "H69 SETTINGS": lambda _: settings({}),
    "H70 window updates": lambda _: window_update(0, 1),
    "H71 DATA without content": lambda number: (headers(1) if number == 0 else b"") + data(1),
    "H71 padding alone": lambda number: (headers(1) if number == 0 else b"") + data(1, padding=9),
    "H72 PRIORITY": lambda _: frame(2, 0, 1, bytes(5)),
    "H72 unknown frames": lambda _: frame(0x42, 0, 0),
    "H72 answers to no PING": lambda _: ping(ack=True),
    "H72 acknowledgements of no SETTINGS": lambda _: frame(4, 1, 0),
    "H72 GOAWAY": lambda _: goaway(0, 0),
    "H72 resets of what is over": lambda number: opened_and_reset(0) if number == 0 else reset(1, 8),
}


def _last(conversation: Conversation) -> str:
    return conversation.lines[-1] if conversation.lines else ""


@pytest.mark.parametrize("flood", FLOODS)
def test_flood_ends_the_connection(flood: str) -> None:
    """So many at once are honest, one more is a flood and ends the connection."""
    conversation = Conversation(SLOW)
    conversation.receive(PREFACE + settings({}) + frame(4, 1, 0))
    act = FLOODS[flood]
    # The opening's own SETTINGS are counted, and a stream that is opened earns one frame that changes nothing.
    allowed = {"H69 SETTINGS": 9, "H72 resets of what is over": 12, "H70 window updates": 10}.get(flood, 10)
    for number in range(allowed):
        conversation.receive(act(number))
        assert not conversation.connection.failure, number
    conversation.receive(act(allowed))
    assert _last(conversation).endswith(CALM)
    assert conversation.connection.has_failed
    assert conversation.connection.is_idle


@pytest.mark.parametrize("flood", FLOODS)
def test_slow_repetition_is_honest(flood: str) -> None:
    """The same frames in the pace that the bounds allow never end a connection."""
    conversation = Conversation(SLOW)
    conversation.receive(OPENING)
    for number in range(100):
        conversation.receive(FLOODS[flood](number))
        conversation.now += 0.5
    assert not conversation.connection.failure


def test_refused_streams_are_counted() -> None:
    """Streams beyond the limit are refused, and soon the connection is (H67)."""
    conversation = Conversation(SLOW)
    conversation.receive(OPENING + b"".join(headers(2 * n + 1) for n in range(14)))
    assert conversation.lines.count("request 7") == 1
    assert sum("REFUSED" in line for line in conversation.lines) == 10
    assert not conversation.connection.failure
    conversation.receive(headers(101))
    assert _last(conversation).endswith(CALM)


def test_twenty_thousand_streams_of_a_stranger() -> None:
    """A stranger that opens streams without end gets as many as its bounds say, and is gone (H67)."""
    conversation = Conversation(STRANGERS)
    conversation.receive(OPENING)
    for number in range(20_000):
        conversation.receive(headers(2 * number + 1))
    assert sum(line.startswith("request") for line in conversation.lines) == STRANGERS.streams
    assert sum("REFUSED" in line for line in conversation.lines) <= STRANGERS.refusals.burst
    assert conversation.connection.has_failed
    assert len(conversation.output) < 5_000


def test_probes_of_bandwidth_are_honest() -> None:
    """A PING and two window updates for each DATA frame that we sent are no flood, however many (H68, H70)."""
    conversation = Conversation(SLOW)
    conversation.receive(OPENING + window_update(0, 1 << 30) + settings({4: 1 << 30}) + headers(1, end=True))
    for _ in range(5_000):
        conversation.connection.send(1, b"x" * 100)
        conversation.take()
        conversation.receive(ping() + window_update(1, 100) + window_update(0, 100))
    assert not conversation.connection.failure


def test_many_calls_are_honest() -> None:
    """Thousands of calls in no time, each answered, with what clients send along, are no flood (H66 to H72)."""
    conversation = Conversation(SLOW)
    conversation.receive(OPENING)
    for number in range(5_000):
        stream = 2 * number + 1
        conversation.receive(
            headers(stream)
            + data(stream, b"x" * 30, end=True)
            + window_update(0, 30)
            + frame(2, 0, stream, bytes(5))
        )
        conversation.connection.answer(stream, HEAD, b"y" * 30, TAIL)
        conversation.take()
        conversation.receive(ping() + window_update(stream, 5))
    assert not conversation.connection.failure


def long_block(size: int) -> bytes:
    """A request whose header block has so many bytes, in two frames."""
    room = size - len(encode((*REQUEST, (b"a", b"x" * 18_000)))) + 18_000
    whole = encode((*REQUEST, (b"a", b"x" * room)))
    assert len(whole) == size
    return header_frames(1, whole, True, 16_384)


CASES = [
    Case(
        "H73",
        "CONTINUATION frames",
        (headers(1, flags=0) + continuation(1, b"") * 4,),
        (f"> GOAWAY 0 {CALM}",),
        bounds=Bounds(block_frames=4),
    ),
    Case(
        "H73",
        "as many as allowed",
        (headers(1, flags=0, end=True) + continuation(1, b"") * 2 + continuation(1, b"", last=True),),
        ("request 1 end",),
        bounds=Bounds(block_frames=4),
    ),
    Case(
        "H73", "bytes", (headers(1, flags=0) + continuation(1, bytes(16_384)) * 4,), (f"> GOAWAY 0 {CALM}",)
    ),
    Case(
        "H73",
        "as many bytes as allowed",
        (long_block(20_000),),
        ("request 1 end",),
        bounds=Bounds(block_bytes=20_000),
    ),
    Case(
        "H73",
        "one byte more",
        (long_block(20_001),),
        (f"> GOAWAY 0 {CALM}",),
        bounds=Bounds(block_bytes=20_000),
    ),
    Case(
        "H73",
        "one frame of too many bytes",
        (headers(1, (*REQUEST, (b"a", b"x" * 2_000)), end=True),),
        (f"> GOAWAY 0 {CALM}",),
        bounds=Bounds(block_bytes=2_000),
    ),
    Case("H75", "no preface", (19.0, 2.0), ("> GOAWAY 0 SETTINGS_TIMEOUT",), opening=b""),
    Case("H75", "no SETTINGS", (PREFACE, 21.0), ("> GOAWAY 0 SETTINGS_TIMEOUT",), opening=b""),
    Case(
        "H76",
        "ours are not acknowledged",
        (PREFACE + settings({}), 20.0, 1.0),
        ("> SETTINGS ack", "> GOAWAY 0 SETTINGS_TIMEOUT"),
        opening=b"",
    ),
    Case("H76", "ours are acknowledged", (59.0,), ()),
    Case(
        "H77",
        "a frame that does not end",
        (ping()[:-1], 59.0, ping()[-1:], 59.0, ping()[:3], 2.0),
        ("> PING ack 12345678",),
    ),
    Case("H77", "a frame that never ends", (ping()[:-1], 50.0, b"8"[:0], 11.0), (f"> GOAWAY 0 {CALM}",)),
    Case(
        "H77",
        "a header block that never ends",
        (headers(1, flags=0), *(30.0, continuation(1, b"")) * 2, 1.0),
        (f"> GOAWAY 0 {CALM}",),
    ),
    Case(
        "H78",
        "a request that does not end",
        (headers(1), 20.0, data(1, b"x"), 11.0),
        ("request 1", "data 1 x", "reset 1 CANCEL", "> RST_STREAM 1 CANCEL"),
        bounds=Bounds(request_seconds=30.0),
    ),
    Case(
        "H78",
        "a request that has ended",
        (headers(1, end=True), 50.0),
        ("request 1 end",),
        bounds=Bounds(request_seconds=30.0),
    ),
    Case(
        "H79",
        "an answer that is not read",
        (settings({4: 0}) + headers(1, end=True), answer(1), 29.0, 2.0),
        ("request 1 end", "> SETTINGS ack", "> HEADERS 1", "> RST_STREAM 1 CANCEL"),
        bounds=Bounds(stalled_seconds=30.0),
    ),
    Case(
        "H79",
        "the shell is told while it still sends",
        (settings({4: 1}) + headers(1, end=True), ("send", 1, b"xy"), 31.0),
        ("request 1 end", "> SETTINGS ack", "> DATA 1 1", "reset 1 CANCEL", "> RST_STREAM 1 CANCEL"),
        bounds=Bounds(stalled_seconds=30.0),
    ),
    Case(
        "H79",
        "an answer that is read slowly",
        (
            settings({4: 0}) + headers(1, end=True),
            answer(1, 20_000),
            *(20.0, window_update(1, 4_096)) * 3,
        ),
        ("request 1 end", "> SETTINGS ack", "> HEADERS 1", *("> DATA 1 4096",) * 3),
        bounds=Bounds(stalled_seconds=30.0, keepalive_seconds=100.0),
    ),
    Case(
        "H79",
        "an answer that is read byte by byte",
        (settings({4: 0}) + headers(1, end=True), answer(1, 20_000), *(10.0, window_update(1, 1)) * 3, 1.0),
        (
            "request 1 end",
            "> SETTINGS ack",
            "> HEADERS 1",
            *("> DATA 1 1",) * 3,
            "> RST_STREAM 1 CANCEL",
        ),
        bounds=Bounds(stalled_seconds=30.0, keepalive_seconds=100.0),
    ),
    Case(
        "H79",
        "the end of it is read",
        (
            settings({4: 0}) + headers(1, end=True),
            ("respond", 1, HEAD),
            *(("send", 1, b"x"), 20.0, window_update(1, 1)) * 3,
        ),
        ("request 1 end", "> SETTINGS ack", "> HEADERS 1", *("writable 1", "> DATA 1 1") * 3),
        bounds=Bounds(stalled_seconds=30.0, keepalive_seconds=100.0),
    ),
    Case(
        "H80",
        "no streams",
        (9.0, 2.0, 6.0),
        ("> GOAWAY 2147483647 NO_ERROR", "> PING last one", "> GOAWAY 0 NO_ERROR"),
        bounds=Bounds(idle_seconds=10.0),
    ),
    Case(
        "H80",
        "a stream is open",
        (headers(1, end=True), 50.0),
        ("request 1 end",),
        bounds=Bounds(idle_seconds=10.0),
    ),
    Case(
        "H80",
        "streams between the ticks",
        (
            *(
                item
                for n in range(20)
                for item in (headers(2 * n + 1, end=True), ("give_up", 2 * n + 1, 8), 4.0)
            ),
        ),
        (
            *(
                line
                for n in range(20)
                for line in (f"request {2 * n + 1} end", f"> RST_STREAM {2 * n + 1} CANCEL")
            ),
        ),
        bounds=Bounds(idle_seconds=10.0, keepalive_seconds=100.0),
    ),
    Case("H81", "a silent client is asked", (59.0, 2.0, 18.0), ("> PING are you?",)),
    Case("H81", "and given up", (82.0,), ("> PING are you?", "> GOAWAY 0 NO_ERROR")),
    Case("H81", "whoever answers stays", (61.0, ping(b"are you?", ack=True), 50.0), ("> PING are you?",)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rule(case: Case) -> None:
    """What happens brings about exactly this."""
    assert tuple(play(case)) == case.expected


def test_output_that_nobody_takes() -> None:
    """A client that does not read its socket is given up, for the shell does not take the output then (H79)."""
    conversation = Conversation(Bounds(stalled_seconds=30.0))
    connection = conversation.connection
    connection.receive(OPENING)
    for _ in range(31):
        conversation.now += 1.0
        connection.receive(b"")
        connection.tick()
    assert not connection.failure
    conversation.now += 1.0
    connection.tick()
    assert connection.failure == "the client does not read"


def test_unread_control_frames_are_bounded() -> None:
    """Whatever a client that never reads sends, what waits for it stays small (H82)."""
    for act in FLOODS.values():
        conversation = Conversation(STRANGERS)
        connection = conversation.connection
        connection.receive(OPENING)
        for number in range(2_000):
            connection.receive(act(number))
        assert connection.has_failed
        assert len(connection.take_output()) < 10_000


def test_a_failed_connection_is_over() -> None:
    """After a fault nothing is taken in, nothing comes out, and no call does anything (H17)."""
    conversation = Conversation()
    conversation.receive(OPENING + headers(1) + data(0))
    connection = conversation.connection
    assert connection.has_failed
    assert connection.is_over
    assert connection.failure
    count = len(conversation.lines)
    conversation.receive(headers(3) + data(0) + b"\xff" * 100)
    connection.answer(1, HEAD, b"x", TAIL)
    assert connection.send(1, b"x")
    connection.give_up(1, 8)
    connection.consumed(1, 5)
    connection.shut_down()
    conversation.wait(100.0)
    assert len(conversation.lines) == count
    assert connection.queued == 0


def test_a_fault_of_the_shell_ends_the_connection() -> None:
    """A receiver that raises gets its error back, and the frame is not told twice (H17)."""
    conversation = Conversation()
    conversation.receive(OPENING)

    def request(stream: int, fields: object, ended: bool) -> None:
        raise KeyError(stream)

    conversation.recorder.request = request  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        conversation.receive(headers(1))
    conversation.receive(headers(3))
    assert conversation.lines[-1] == "> GOAWAY 1 INTERNAL_ERROR"
    assert conversation.connection.has_failed


def test_the_end_in_order_is_over_when_the_last_stream_is() -> None:
    """`is_over` comes with the last GOAWAY and the end of the last stream, not before (H30)."""
    conversation = Conversation()
    conversation.receive(OPENING + headers(1, end=True))
    connection = conversation.connection
    connection.shut_down()
    assert not connection.is_over
    conversation.receive(ping(b"last one", ack=True))
    assert not connection.is_over
    connection.answer(1, HEAD, b"x", TAIL)
    assert connection.is_over
    assert not connection.has_failed


def test_strangers_have_the_smaller_share() -> None:
    """Every limit of a stranger is at most a member's."""
    for name in Bounds.__slots__:
        stranger, member = getattr(STRANGERS, name), getattr(MEMBERS, name)
        if isinstance(member, Rate):
            assert stranger.burst < member.burst
            assert stranger.per_second < member.per_second
        else:
            assert stranger <= member


@pytest.mark.parametrize(
    "wrong",
    [{"connection_window": 65_534}, {"stream_window": 0}, {"frame_bytes": 16_383}, {"block_bytes": 1_023}],
)
def test_bounds_that_http2_cannot_keep(wrong: dict[str, int]) -> None:
    """Bounds that contradict the protocol are no bounds."""
    with pytest.raises(AssertionError):
        replace(MEMBERS, **wrong)
