"""Lines that came in pieces are whole again, bounded, and nothing else is touched."""

from hypothesis import given
from hypothesis import strategies as st
from swarm_agentd.executors.process.shim import LINE_BYTES_MAX as SHIM_BYTES_MAX
from swarm_core.api.proto.logbroker_pb2 import LogContext, LogMessage
from swarm_core.api.timestamps import timestamp
from swarm_core.client.log_pieces import PIECE_BYTES, PieceJoiner


def record(data: bytes, *, task_id: str = "t", stream: int = 1, at_ns: int = 1) -> LogMessage:
    context = LogContext(task_id=task_id)
    return LogMessage(context=context, timestamp=timestamp(at_ns), stream=stream, data=data)  # type: ignore[arg-type]


def pieces(line: bytes) -> list[bytes]:
    return [line[at : at + PIECE_BYTES] for at in range(0, len(line), PIECE_BYTES)]


def test_our_executor_cuts_where_the_reader_joins() -> None:
    """The shim, which imports nothing of ours, has the same length of a piece."""
    assert SHIM_BYTES_MAX == PIECE_BYTES


def test_a_long_line_is_one_line() -> None:
    """100 kB in seven pieces come out once, at the time of the first, though other tasks and streams write meanwhile."""
    line, joiner, out = b"x" * 100_000 + b"\n", PieceJoiner(), []
    for at, piece in enumerate(pieces(line)):
        for one in (
            record(piece, at_ns=at + 1),
            record(b"other\n", stream=2),
            record(b"short", task_id="u"),
        ):
            if (whole := joiner.add(one)) is not None:
                out.append(whole)
    assert [one.data for one in out if one.context.task_id == "t" and one.stream == 1] == [line]
    assert next(one for one in out if len(one.data) > 9).timestamp == timestamp(1)
    assert sum(one.data == b"other\n" for one in out) == sum(one.data == b"short" for one in out) == 7
    assert joiner.rest() == []


@given(st.lists(st.integers(0, 3 * PIECE_BYTES), max_size=6))
def test_no_byte_is_lost(sizes: list[int]) -> None:
    """Lines of any length come out as they went in."""
    lines, joiner = [b"y" * size + b"\n" for size in sizes], PieceJoiner()
    out = [joiner.add(record(piece)) for line in lines for piece in pieces(line)]
    assert [one.data for one in out if one is not None] == lines


def test_what_is_beyond_the_bound_is_left_out_and_said() -> None:
    """A line without an end keeps its beginning, and its end says how much is missing."""
    joiner = PieceJoiner(line_max=2 * PIECE_BYTES)
    for _ in range(5):
        assert joiner.add(record(b"z" * PIECE_BYTES)) is None
    whole = joiner.add(record(b"end\n"))
    assert whole is not None
    mark = f" … ({3 * PIECE_BYTES + 4} bytes of this line are left out)\n"
    assert whole.data == b"z" * 2 * PIECE_BYTES + mark.encode()


def test_all_unfinished_lines_together_are_bounded() -> None:
    """Many tasks with endless lines cannot fill the memory."""
    joiner = PieceJoiner(held_max=2 * PIECE_BYTES)
    for number in range(50):
        joiner.add(record(b"z" * PIECE_BYTES, task_id=str(number)))
    rest = joiner.rest()
    assert len(rest) == 50
    assert sum(len(one.data) for one in rest) < 2 * PIECE_BYTES + 50 * 80
    assert joiner.add(record(b"z" * PIECE_BYTES)) is None  # there is room again
    assert [one.data for one in joiner.rest()] == [b"z" * PIECE_BYTES]
