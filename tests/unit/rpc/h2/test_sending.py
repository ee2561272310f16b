"""Answers on their way out: in turns, in portions, and what the shell is told (docs/design/http2.md H61 to H64)."""

from swarm_core.rpc.h2.bounds import MEMBERS, Bounds
from swarm_core.rpc.h2.frames import Code, reset, settings, window_update
from swarm_testkit.http2 import HEAD, OPENING, REQUEST, TAIL, Conversation, headers, ping

ENDED = headers(1, end=True)
LARGEST = 2**31 - 1


def _with_streams(count: int, bounds: Bounds = MEMBERS) -> Conversation:
    """A client that has opened so many streams, and takes whatever comes."""
    conversation = Conversation(bounds)
    wide = settings({4: LARGEST}) + window_update(0, LARGEST - 65_535)
    conversation.receive(OPENING + wide + b"".join(headers(2 * n + 1, end=True) for n in range(count)))
    conversation.lines.clear()
    return conversation


def test_streams_take_turns_by_frame() -> None:
    """A long answer does not hold up a short one: each stream sends a frame in its turn (H61)."""
    conversation = _with_streams(3)
    for stream, size in ((1, 60_000), (3, 40_000), (5, 10)):
        conversation.connection.send(stream, b"x" * size)
    conversation.take()
    order = [line.split()[2] for line in conversation.lines]
    assert order == ["1", "3", "5", "1", "3", "1", "3", "1"]


def test_small_pieces_leave_in_one_frame() -> None:
    """Pieces that wait together are one DATA frame, cut where a frame must end, and nothing is lost (H62)."""
    conversation = _with_streams(1)
    for number in range(1_000):
        assert conversation.connection.send(1, b"%030d" % number)
    begun = len(conversation.output)
    conversation.take()
    assert conversation.lines == ["> DATA 1 16384", "> DATA 1 13616"]
    sent = conversation.output[begun:]
    assert sent[9:16_393] + sent[16_402:] == b"".join(b"%030d" % number for number in range(1_000))


def test_output_comes_in_portions() -> None:
    """One take gives little more than the bounds say; the rest waits, and `writable` comes when all has gone (H63)."""
    conversation = _with_streams(1, Bounds(output_bytes=50_000))
    connection = conversation.connection
    assert not connection.send(1, b"x" * 200_000)
    sizes = []
    while taken := connection.take_output():
        sizes.append(len(taken))
        assert connection.queued == 200_000 - sum(
            size // 16_393 * 16_384 + max(0, size % 16_393 - 9) for size in sizes
        )
    assert max(sizes) < 50_000 + 16_393
    assert len(sizes) > 3
    assert conversation.lines == ["writable 1"]
    assert connection.queued == 0


def test_answers_wait_while_nothing_is_taken() -> None:
    """Answers that nobody takes stay in their streams and keep these open, so that the limit of streams holds (H63)."""
    conversation = _with_streams(20, Bounds(output_bytes=10_000, streams=20))
    connection = conversation.connection
    for number in range(20):
        connection.answer(2 * number + 1, HEAD, b"x" * 4_000, TAIL)
    assert connection.queued >= 16 * 4_000
    connection.receive(
        headers(41, end=True) + headers(43, end=True) + headers(45, end=True) + headers(47, end=True)
    )
    assert [line for line in conversation.lines if "request" in line] == [
        "request 41 end",
        "request 43 end",
        "request 45 end",
    ]
    conversation.take()
    assert "> RST_STREAM 47 REFUSED_STREAM" in conversation.lines
    assert connection.queued == 0


def test_send_says_when_to_wait() -> None:
    """False means that windows or the output are full; `writable` comes once, when all has gone (H63)."""
    conversation = Conversation()
    conversation.receive(OPENING + settings({4: 10}) + ENDED)
    conversation.lines.clear()
    connection = conversation.connection
    assert connection.send(1, b"x" * 10)
    assert not connection.send(1, b"x")
    conversation.take()
    conversation.receive(ping())
    assert conversation.lines == ["> DATA 1 10", "> PING ack 12345678"]
    conversation.receive(window_update(1, 5))
    assert conversation.lines[2:] == ["writable 1", "> DATA 1 1"]
    assert connection.send(1, b"x" * 4)


def test_writable_may_send_at_once() -> None:
    """What the shell sends inside `writable` leaves with the same output (H63)."""
    conversation = Conversation()
    conversation.receive(OPENING + settings({4: 10}) + ENDED)
    connection = conversation.connection
    told = []

    def writable(stream: int) -> None:
        told.append(stream)
        connection.send(stream, b"y", TAIL)

    conversation.recorder.writable = writable  # type: ignore[method-assign]
    connection.send(1, b"x" * 11)
    conversation.take()
    conversation.receive(window_update(1, 5))
    assert told == [1]
    assert conversation.lines[-3:] == ["> DATA 1 1", "> DATA 1 1", "> HEADERS 1 end"]
    assert connection.is_idle


def test_too_much_that_waits_is_given_up() -> None:
    """An answer beyond the bytes that may wait is reset; other streams go on (H64)."""
    conversation = Conversation(Bounds(queued_bytes=1_000))
    conversation.receive(OPENING + settings({4: 0}) + ENDED + headers(3, end=True) + headers(5, end=True))
    conversation.lines.clear()
    connection = conversation.connection
    connection.answer(1, HEAD, b"x" * 800, TAIL)
    connection.answer(3, HEAD, b"x" * 800, TAIL)
    assert not connection.send(5, b"x" * 800)
    conversation.take()
    assert conversation.lines == [
        "reset 5 ENHANCE_YOUR_CALM",
        "> RST_STREAM 3 ENHANCE_YOUR_CALM",
        "> RST_STREAM 5 ENHANCE_YOUR_CALM",
        "> HEADERS 1",
    ]
    assert connection.queued < 1_000
    conversation.receive(window_update(1, 800))
    assert conversation.lines[-2:] == ["> DATA 1 800", "> HEADERS 1 end"]


def test_nothing_stays_of_streams_that_are_over() -> None:
    """However a stream ends, its queue is gone and so is it (H14)."""
    conversation = Conversation()
    conversation.receive(OPENING + settings({4: 0}))
    for turn, end in enumerate(("answered", "given up", "reset", "broken")):
        stream = 2 * turn + 1
        conversation.receive(headers(stream, end=True))
        conversation.connection.answer(stream, HEAD, b"x" * 100, TAIL)
        conversation.take()
        assert conversation.connection.queued >= 100
        match end:
            case "answered":
                conversation.receive(window_update(stream, 100))
            case "given up":
                conversation.connection.give_up(stream, Code.CANCEL)
            case "reset":
                conversation.receive(reset(stream, 8))
            case "broken":
                conversation.receive(window_update(stream, 0))
        assert conversation.connection.is_idle
        assert conversation.connection.queued == 0


def test_request_fields_reach_the_shell() -> None:
    """The fields are told in their order, the pseudo-header fields first."""
    conversation = Conversation()
    conversation.receive(OPENING + ENDED)
    assert conversation.recorder.fields[1].pairs == REQUEST
