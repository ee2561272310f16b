"""The filter line's grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_tui.clusters.filters import FilterError, Value, fuzzy, parse

FIELDS: dict[str, Value] = {
    "name": "Web-Frontend.3",
    "state": "failed",
    "node": "n3",
    "label": ["disk=ssd", "zone=b"],
    "age": 90.0,
    "mem": 0.5,
    "size": 2048.0,
    "slot": 3.0,
    "cause": None,
}


def matches(text: str) -> bool:
    return parse(text, FIELDS).matches(lambda field: FIELDS[field])


@pytest.mark.parametrize(
    "text",
    [
        "", "web", "wfe", "WEB", "/^web/", "/front end|3$/", "state:failed", "STATE:Fail", "state:running,failed",
        "node:n3 state:failed", "node:n*", "node:=n3", "node:=n9,=N3", "label:disk=ssd", "label:zone", "age<5m", "age>1m", "age<2h", "mem>40%",
        "size>1k", "size<3k", "slot:3", "slot>2", "!state:running", "!nothing", "!cause:x", "web !node:n4",
        "^web", "end.3$", "web.*end", "!^api", "web*", "*frontend.?", "!wfe", "-l disk=ssd", "-l disk", "-l !gpu", "-l disk!=hdd",
        "-l disk==ssd,zone=b state:failed", "-f wfe", "state:", "age<", "-l", "web -f",
    ],
)  # fmt: skip
def test_matches(text: str) -> None:
    """Terms that hold for a failed task of the web service on n3, ninety seconds old."""
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "node:=n", "node:=3", "!node:=n3","bew", "/^end/", "state:running", "node:n3 state:running", "label:disk=hdd", "age<1m", "age>1h", "mem>60%",
     "!web", "cause:oom", "cause>1", "!node:n3", "name:api", "slot<3",
     "!web-front", "^end", "!end.3$", "front*", "-l disk=s", "-l gpu", "-l !disk", "-l disk!=ssd", "-l disk=ssd,zone=c",
     "-f ewf", "state: api*"],
)  # fmt: skip
def test_does_not_match(text: str) -> None:
    """Terms that do not hold for it."""
    assert not matches(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour:red", "no field 'colour'; known are age"),
        ("/(/", "no regular expression"),
        ("age<soon", "no quantity"),
        ("age<5y", "one of s, m, h"),
        ("mem>5h", "no quantity"),
        ("web(", "no regular expression"),
        ("colour:", "no field 'colour'"),
        ("-l =ssd", "names no labels"),
    ],
)
def test_errors_are_sentences(text: str, said: str) -> None:
    """What cannot be read is named."""
    with pytest.raises(FilterError, match=said):
        parse(text, FIELDS)


def test_timed_filters_are_known() -> None:
    """A filter on ages, or on what is used, changes its answer while no object does."""
    assert parse("web age<5m", FIELDS).is_timed
    assert parse("web mem>5%", FIELDS).is_timed
    assert not parse("web label:disk", FIELDS).is_timed


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is typed, a filter or a FilterError comes of it."""
    try:
        parse(text, FIELDS).matches(lambda field: FIELDS[field])
    except FilterError as error:
        assert str(error)


@given(st.text(min_size=1), st.data())
def test_fuzzy_finds_any_subsequence(text: str, data: st.DataObject) -> None:
    """Letters picked from a text in its order are found in it."""
    picked = "".join(letter for letter in text if data.draw(st.booleans()))
    assert fuzzy(picked, text)


def test_what_takes_for_ever_is_an_error() -> None:
    """A regular expression whose matching explodes is named, with what to do; a number that is too large is no crash."""
    endless = parse("/(a+)+$/", FIELDS)
    with pytest.raises(
        FilterError, match=r"^/\(a\+\)\+\$/ takes too long: write it without .* or look for words\.$"
    ):
        endless.matches(lambda _: "a" * 60 + "b")
    with pytest.raises(FilterError, match="no regular expression"):
        parse("/a{99999999999}/", FIELDS)
