"""What a line of a log says by itself: its level, what a search finds in it, its fields."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.specs.errors import InvalidValue
from swarm_tui.resources.log_levels import Level, level_of
from swarm_tui.resources.log_records import ROWS_MAX, indented, on_one_line, record_of
from swarm_tui.resources.text_search import Search
from swarm_tui.resources.time_ranges import ALL, TimeRange, range_of

NOW_NS = 1_760_000_000 * 1_000_000_000
"""2025-10-09 08:53:20 UTC."""


def plain(spans):
    return "".join(text for text, _ in spans)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("ERROR upstream timeout", Level.ERROR),
        ("2026-01-02 03:04:05,678 WARNING app: slow", Level.WARNING),
        ('{"ts":1,"level":"error","msg":"x"}', Level.ERROR),
        ('{"level":50,"msg":"pino"}', Level.ERROR),
        ("time=x level=warn msg=slow", Level.WARNING),
        ("[info] listening", Level.INFO),
        ("error: no such file", Level.ERROR),
        ("E0102 15:04:05.000001 1 main.go:1] glog", Level.ERROR),
        ("I0102 15:04:05.000001 1 main.go:1] ERROR is only quoted", Level.INFO),
        ("panic: runtime error", Level.ERROR),
        ("done with 0 errors", Level.NONE),
        ("GET /errors/fatal 200", Level.NONE),
        ("the warning light", Level.NONE),
        ("", Level.NONE),
    ],
)
def test_a_level_is_read_where_libraries_put_it(text, level):
    """A word counts behind a key, in brackets, in capitals or before a colon; the first one counts."""
    assert level_of(text) is level


@given(st.text(max_size=400))
def test_every_text_has_a_level(text):
    """Whatever a program writes, reading its level gives one."""
    assert level_of(text) in Level


@given(st.text(st.characters(codec="ascii"), max_size=20), st.text(max_size=60))
def test_words_are_found_as_they_stand(words, text):
    """A search that is no pattern finds a text exactly where it holds the words, in whatever case."""
    if not words or words[0] in "!/":
        return
    search = Search(words)
    assert search.found(text) is (words.lower() in text.lower())
    if text.isascii():
        assert search.found(text) is bool(search.stretches(text))


@given(st.text(max_size=30), st.text(max_size=60))
def test_the_opposite_finds_what_the_search_does_not(typed, text):
    """`!` before a search finds the other lines, and highlights nothing; a wrong pattern finds none either way."""
    search, opposite = Search(typed), Search(f"!{typed}")
    if not typed or typed.startswith("!"):
        return
    assert bool(search.problem) is bool(opposite.problem)
    if not search.problem:
        assert search.found(text) is not opposite.found(text)
    assert opposite.stretches(text) == []


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("/time(out|r)/", "upstream Timeout", True),
        ("/time(out|r)/i", "upstream Timer", True),
        ("/^GET/", "a GET", False),
        ("/cart", "GET /cart 200", True),
        ("10.0.0.1", "10a0b0c1", False),
        ("[ERROR]", "an [error] line", True),
    ],
)
def test_a_pattern_stands_between_slashes(typed, text, found):
    """Only what stands between two slashes is a regular expression; everything else is words."""
    assert Search(typed).found(text) is found


def test_a_wrong_pattern_says_what_is_wrong():
    """It finds nothing, and says why."""
    search = Search("/a(/")
    assert not search.found("a(")
    assert "no pattern: " in search.problem


def test_a_record_is_shown_with_level_and_message_first():
    """On one line the level and the message come first, the time is left out, and the rest follows as key=value."""
    record = record_of(
        '{"ts": 1, "user": "ann", "msg": "no route", "level": "warn", "tries": 3, "at": {"x": 1}}'
    )
    assert plain(on_one_line(record)) == 'WARNING no route  user=ann tries=3 at={"x": 1} '


def test_an_indented_record_has_a_row_for_each_field():
    """What is nested stands deeper, and a text with line ends takes a row each."""
    record = record_of('{"msg": "a\\nb", "at": {"x": [1, true]}, "none": null}')
    assert [plain(row) for row in indented(record)] == [
        "msg: ", "  a", "  b", "at: ", "  x: ", "    - 1", "    - true", "none: null",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "x", "{}", "[1]", '{"a": 1', '{"a": 1} and more', "{" * 5000 + "}" * 5000]
)
def test_what_is_no_object_stays_as_it_was_written(text):
    """Only a whole JSON object with a field is one."""
    assert record_of(text) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, min_size=1, max_size=6))
def test_every_object_can_be_shown(record):
    """Each object has both forms, on one line without a line end, and indented in a bounded number of rows."""
    assert record_of(json.dumps(record)) == record
    assert "\n" not in plain(on_one_line(record))
    assert 1 <= len(indented(record)) <= ROWS_MAX


def test_a_long_record_says_that_there_is_more():
    """Beyond the rows that are shown the last one says so."""
    rows = indented({str(number): number for number in range(2 * ROWS_MAX)})
    assert len(rows) == ROWS_MAX
    assert plain(rows[-1]).startswith("… more")


@pytest.mark.parametrize(
    ("text", "since_s", "until_s"),
    [
        ("", None, None),
        ("15m", -900, None),
        ("1h..30m", -3600, -1800),
        ("..1m", None, -60),
        ("08:52", -80, None),
        ("08:52:20..08:53", -60, -20),
        ("08:54", -86_400 + 40, None),
        ("2025-10-09T08:53:00Z", -20, None),
    ],
)
def test_a_stretch_of_time_is_read(text, since_s, until_s, monkeypatch):
    """Ages, times of day (the last one that was) and dates; two of them with dots between."""
    monkeypatch.setenv("TZ", "UTC")
    expected = [None if one is None else NOW_NS + one * 1_000_000_000 for one in (since_s, until_s)]
    assert range_of(text, NOW_NS) == TimeRange(*expected)


def test_all_is_from_the_beginning_on():
    """It has a border that hides nothing, and is not the same as no wish."""
    assert range_of(" All ", NOW_NS) == ALL
    assert TimeRange() != ALL


@pytest.mark.parametrize("text", ["..", "25:00", "soon", "10m..20m", "1m..1m", "9999-99-99"])
def test_a_wrong_stretch_is_refused(text):
    """What is no time, and what ends before it begins, is told."""
    with pytest.raises(InvalidValue):
        range_of(text, NOW_NS)


def test_a_search_that_takes_too_long_finds_nothing_and_says_so():
    """Of all lines none, whichever it found before; also where only what is to be highlighted is asked."""
    endless = "a" * 60 + "b"
    for typed in ("/(a+)+$|ok/", "!/(a+)+$|ok/"):
        search = Search(typed)
        assert search.where(["ok", endless, "ok", "x"]) == []
        assert "takes too long: write it without" in search.problem
        assert not search.found("ok")
    search = Search("/(a+)+$/")
    assert search.stretches(endless) == []
    assert "takes too long" in search.problem
