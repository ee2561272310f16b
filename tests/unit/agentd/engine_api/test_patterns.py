"""Regular expressions from strangers (docs/design/engine-api-json.md 14.10)."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_agentd.engine_api.patterns import Pattern, UnusablePattern

atoms = st.sampled_from(
    [
        "a",
        "b",
        "-",
        ".",
        "[ab]",
        "[^a]",
        "[a-c_]",
        r"\d",
        r"\w",
        r"\S",
        r"\.",
        "^",
        "$",
        r"\b",
        r"\B",
        "(?:a)",
        "[]a]",
        r"[\d-]",
    ]
)
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"])).map(
            lambda two: f"({two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=500)
@given(patterns, st.text("abc-_.1 ", min_size=1, max_size=6))
def test_like_pythons_own(pattern: str, text: str) -> None:
    """Rule 14.10.6: what fits is what Python's matcher finds, wherever in the text it is."""
    wanted = re.compile(pattern.replace("$", r"\Z"), re.ASCII)
    assert Pattern(pattern).is_in(text) == (wanted.search(text) is not None)


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+$", "a*a*a*a*a*a*a*b", "((a{0,9}){0,9}){0,9}b"]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    """Rule 14.10.6: patterns that take a matcher that goes back for ever are followed in one walk, or refused."""
    try:
        found = Pattern(pattern)
    except UnusablePattern:
        return
    assert found.is_in("a" * 250 + "c") is False


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "[", "[a", "a**", "*a", "a{2}{3}", "(?=a)", "(?i)a", "\\", "\\q", "[b-a]", "a{1001}", "a{2,1}", "[[:alpha:]]",
        "(a{1000}){1000}", "a" * 257, "(" * 60 + ")" * 60,
    ],
)  # fmt: skip
def test_what_is_no_pattern(pattern: str) -> None:
    """Rule 14.10.6: what cannot be read, or would be too large, is no pattern."""
    with pytest.raises(UnusablePattern):
        Pattern(pattern)


def test_braces_that_bound_nothing() -> None:
    """As in Go, braces without bounds are characters; a dot is every character but the end of a line."""
    assert Pattern("a{x}").is_in("a{x}")
    assert Pattern("{").is_in("{")
    assert not Pattern("a.b").is_in("a\nb")


@given(st.text(max_size=12))
def test_any_text_is_a_pattern_or_none(text: str) -> None:
    """Rule 14.10.6: nothing else comes of one."""
    try:
        Pattern(text).is_in("web-1")
    except UnusablePattern as refused:
        assert str(refused)
