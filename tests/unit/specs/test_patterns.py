"""Regular expressions that a person types."""

import re
import signal
from collections.abc import Iterator
from itertools import count
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from swarm_core.specs import patterns
from swarm_core.specs.patterns import SHORT, BadPattern, Pattern, TooSlow, one_pass

ENDLESS = [
    ("(a+)+$", "a" * 60 + "b"),
    ("(a|aa)+$", "a" * 80 + "b"),
    ("(x*)*y", "x" * 60),
    ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60),
    ("(a|a?)+$", "a" * 60 + "b"),
    (".*.*.*.*.*b", "a" * 5000),
    ("[^x]+x", "a" * 60_000),
    ("[^x]{1,1000}[^y]+y", "a" * 60_000),
]


@pytest.mark.parametrize(("body", "text"), ENDLESS, ids=[body for body, _ in ENDLESS])
def test_what_takes_for_ever_is_given_up(body: str, text: str) -> None:
    """It is told in a sentence that names it; the next search is not the worse for it."""
    pattern = Pattern(body)
    with pytest.raises(TooSlow, match="takes too long: write it without repetitions") as caught:
        pattern.is_in(text)
    assert str(caught.value).startswith(f"/{pattern.body}/ ")
    with pytest.raises(TooSlow):
        pattern.stretches(text, 1)
    assert Pattern("b$").is_in("ab")


def test_slow_texts_of_a_pass_have_one_bound() -> None:
    """A text that alone is fast enough is not looked at any number of times."""
    pattern = Pattern("(a+)+$")
    with pytest.raises(TooSlow), one_pass():
        for number in count():
            pattern.is_in("a" * 20 + f"b{number}")


def test_a_pass_has_a_bound_even_if_no_text_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that take a thousandth of a tick each are many, but not endless."""
    monkeypatch.setattr(patterns, "PASS_S", 0.3)
    pattern = Pattern("(a+)+$")
    with pytest.raises(TooSlow), one_pass():
        for number in count():
            pattern.is_in("a" * 12 + f"b{number}")


def test_only_the_matcher_s_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done between searches, such as reading an object's name, may take as long as it likes."""
    monkeypatch.setattr(patterns, "PASS_S", 0.05)
    pattern = Pattern("x$")
    with one_pass():
        for text in ("ax", "bx"):
            end_s = process_time() + 4 * patterns.PASS_S
            while process_time() < end_s:
                pass
            assert pattern.is_in(text)


@pytest.fixture
def rang() -> Iterator[list[int]]:
    """What the timer of somebody else has told, which is due in a tenth of a second of processor time."""
    told: list[int] = []
    before = signal.signal(signal.SIGVTALRM, lambda number, _: told.append(number))
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.1)
    yield told
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def test_the_timer_of_somebody_else_goes_on_after_a_pass(rang: list[int]) -> None:
    """It waits for the end of the pass and has its own handler again."""
    with pytest.raises(TooSlow):
        Pattern("(a+)+$").is_in("a" * 60 + "b")
    assert not rang
    end_s = process_time() + 30
    while not rang and process_time() < end_s:
        pass
    assert rang == [signal.SIGVTALRM]


def test_a_beginning_that_holds_anywhere_costs_nothing() -> None:
    """`.*` before it is the habit of many, and would make the matcher go through the text from each of its places."""
    assert not Pattern(".*error.*").is_in("e" * 200_000)
    assert Pattern(".*error.*").stretches("an error\nb", 9) == [(0, 8)]


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\w", "\\s", "^", "$", "\\b", "ab", "é", "(?:a|b)", "(a)", "(?=b)", "(?<!a)"])  # fmt: skip
ITEMS = st.tuples(ATOMS, st.sampled_from(["", "", "", "*", "+", "?", "*?", "{1,2}", "*+"])).map("".join)
BODIES = st.tuples(
    st.sampled_from(["", "", ".*", ".*?", ".*+", ".+", ".*|"]), st.lists(ITEMS, max_size=4).map("".join)
).map("".join)


@given(BODIES, st.text("abAB \né", max_size=10), st.booleans())
@example("(?x)a #b", "a", False)
@example("(?i)A|(?-i:B)", "xa", False)
def test_it_finds_what_python_finds(body: str, text: str, ignores_case: bool) -> None:
    """Whether, and where, is what the standard library says; what that refuses is refused."""
    try:
        expected = re.compile(body, re.IGNORECASE if ignores_case else 0)
    except re.error as error:
        with pytest.raises(BadPattern, match=re.escape(str(error))):
            Pattern(body, ignores_case=ignores_case)
        return
    pattern = Pattern(body, ignores_case=ignores_case)
    assert pattern.is_in(text) is (expected.search(text) is not None)
    assert pattern.is_in("\n" * SHORT + text) is (expected.search("\n" * SHORT + text) is not None)
    places = [match.span() for match in expected.finditer(text) if match.end() > match.start()]
    assert pattern.stretches(text, 3) == places[:3]


@pytest.mark.parametrize(
    "body", ["(", "a{99999999999}", "(" * 20_000 + ")" * 20_000, ".**", ".*{1}*", "(?P<x"]
)
def test_what_is_none_is_refused(body: str) -> None:
    """With a reason, whatever the standard library raises."""
    with pytest.raises(BadPattern) as caught:
        Pattern(body)
    assert str(caught.value)


def test_a_warning_for_programmers_is_not_shown() -> None:
    """`[[` may mean something else in a later Python: who types it has no use for that on the screen."""
    assert Pattern("[[E]").is_in("[")


def test_in_a_long_text_places_are_found_too() -> None:
    """Up to where they are shown, and no more than are asked for."""
    assert Pattern("a+").stretches("xaa" * 1000, 2) == [(1, 3), (4, 6)]
    assert Pattern("^x|b").stretches("x" * patterns.LIT_MAX + "b", 9) == [(0, 1)]
