"""What holds log lines: the ring, the rows that lines take, the sources."""

from hypothesis import given
from hypothesis import strategies as st
from swarm_tui.resources.log_levels import Level
from swarm_tui.widgets.log_buffer import LogBuffer, LogLine
from swarm_tui.widgets.log_filter import LogFilter
from swarm_tui.widgets.log_sources import Sources
from swarm_tui.widgets.paint import folded, width_of
from swarm_tui.widgets.row_map import RowMap

TIMES = st.lists(st.lists(st.integers(0, 50), max_size=12), max_size=12)


def line(at, text="x", **more):
    return LogLine(at, "t1", text, **more)


@given(TIMES, st.integers(1, 30))
def test_what_adding_reports_is_what_it_did(batches, lines_max):
    """Lines before the first new index are those of before without the ones that left; nothing is lost uncounted."""
    buffer, count = LogBuffer(lines_max), 0
    for batch in batches:
        before = list(buffer)
        added = buffer.add([line(at) for at in batch])
        count += len(batch)
        assert len(buffer) <= lines_max
        assert len(buffer) + buffer.dropped == count == buffer.added
        kept = before[len(added.left) :]
        assert all(one is other for one, other in zip(list(buffer)[: added.first], kept, strict=False))
        assert [one.time_ns for one in buffer] == sorted(one.time_ns for one in buffer)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60), st.integers(1, 12))
def test_the_density_is_the_share_of_errors(lines, parts):
    """Each stretch of the map says what share of its lines are errors."""
    buffer = LogBuffer()
    buffer.add([line(at, level=Level.ERROR if bad else Level.INFO) for at, bad in lines])
    shares, size = buffer.error_density(parts), len(buffer)
    for part, share in enumerate(shares):
        mine = [buffer[index] for index in range(size * part // parts, size * (part + 1) // parts)]
        assert share == (sum(one.is_error for one in mine) / len(mine) if mine else 0.0)


@given(st.lists(st.integers(0, 9), max_size=40))
def test_a_line_is_found_again(times):
    """Every line that is held is found where it stands, and one that is not held is not."""
    buffer = LogBuffer()
    buffer.add([line(at) for at in times])
    for index in range(len(buffer)):
        assert buffer.index_of(buffer[index]) == index
    assert buffer.index_of(line(5)) is None


@given(st.lists(st.integers(1, 5), min_size=1, max_size=40), st.data())
def test_rows_and_lines_belong_together(heights, data):
    """After lines came, left at the front and changed behind, each row is of the line and part that the heights say."""
    rows = RowMap()
    rows.replace_from(0, heights)
    gone = data.draw(st.integers(0, len(heights)))
    rows.drop(gone)
    heights = heights[gone:]
    first = data.draw(st.integers(0, len(heights)))
    heights = heights[:first] + data.draw(st.lists(st.integers(1, 5), max_size=10))
    rows.replace_from(first, heights[first:])
    expected = [(index, part) for index, height in enumerate(heights) for part in range(height)]
    assert len(rows) == len(expected)
    assert rows.line_count == len(heights)
    assert [rows.at(row) for row in range(len(rows))] == expected
    assert all(rows.start(index) == expected.index((index, 0)) for index in range(len(heights)))


@given(st.lists(st.text(st.sampled_from("ab 漢é"), max_size=30), max_size=4), st.integers(2, 12))
def test_folding_loses_nothing(texts, width):
    """Rows of a folded line are no wider than asked, and together are the line."""
    rows = folded([(text, "text") for text in texts], width)
    assert "".join(text for row in rows for text, _ in row) == "".join(texts)
    assert all(width_of(row) <= width for row in rows)


def test_each_source_has_a_letter_of_its_own():
    """Letters are distinct, also of more sources than there are letters, and stay when a name is learned."""
    sources = Sources()
    letters = [sources.of(f"t{number}").letter for number in range(800)]
    assert len(set(letters)) == 800
    assert letters[:2] == ["a", "b"] and letters[26] == "aa"
    sources.name("t1", "web.1", "1")
    assert (sources.of("t1").letter, sources.of("t1").name) == ("b", "web.1")


def test_filters_hide_what_they_say():
    """Each filter hides its lines and no others; a rule is of neither stream."""
    said = line(1, "x", level=Level.INFO)
    bad = line(2, "x", is_stderr=True)
    rule = line(3, "died", level=Level.ERROR, is_rule=True)
    every = (said, bad, rule)
    assert [LogFilter().passes(one) for one in every] == [True, True, True]
    assert [LogFilter(errors_only=True).passes(one) for one in every] == [False, True, True]
    assert [LogFilter(has_stdout=False).passes(one) for one in every] == [False, True, True]
    assert [LogFilter(has_stderr=False).passes(one) for one in every] == [True, False, True]
    assert [LogFilter(until_ns=2).passes(one) for one in every] == [True, True, False]
    assert [LogFilter(hidden=frozenset({"t1"})).passes(one) for one in every] == [False, False, False]
    assert [LogFilter(ended=frozenset({"t1"})).passes(one) for one in every] == [False, False, False]
    assert not line(1, "E", is_stderr=True, level=Level.INFO).is_error
