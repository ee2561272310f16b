"""Files as docker's reader takes them (docs/design/stacks.md 12.2)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.compose.dump import dump
from swarm_core.compose.reading.errors import Unreadable
from swarm_core.compose.reading.notes import Level, Notes
from swarm_core.compose.reading.reader import BYTES_MAX, read
from swarm_core.compose.reading.scalars import as_text
from swarm_core.compose.reading.values import Map, plain


def of(text: str | bytes) -> tuple[Map, Notes]:
    notes = Notes()
    return read(text.encode() if isinstance(text, str) else text, "f.yml", notes), notes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("22:22", "22:22"),
        ("190:20:30", "190:20:30"),
        ("0440", 0o440),
        ("0o440", 0o440),
        ("08", 8.0),
        ("1e3", 1000.0),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0b11", 3),
        (".5", 0.5),
        ("1.", 1.0),
        ("-012", -10),
        ("True", True),
        ("true", True),
        ("tRue", "tRue"),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("2024-01-01", "2024-01-01"),
        ("18446744073709551615", 18446744073709551615),
        ("99999999999999999999", 99999999999999999999.0),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    """Each plain scalar means what it means to docker."""
    found = of(f"a: {text}\n")[0]["a"]
    assert found == value
    assert isinstance(found, type(value))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("012", "10"),
        ("1e3", "1000"),
        ("1.10", "1.1"),
        ("1234567.0", "1.234567e+06"),
        ("100000.0", "100000"),
        ("999999.5", "999999.5"),
        ("12345678.5", "1.23456785e+07"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("1e21", "1e+21"),
        ("-0.0", "-0"),
        ("0.5", "0.5"),
    ],
)
def test_numbers_as_texts(text: str, printed: str) -> None:
    """Where a text is wanted a number is written as Go writes it."""
    assert as_text(of(f"a: {text}")[0]["a"]) == printed


def test_merge_keys() -> None:
    """The first of several mappings wins, and own keys win before and after the merge."""
    text = "x: &x {p: 1, q: 2}\ny: &y {p: 3, r: 4}\nz:\n  r: 9\n  <<: [*x, *y]\n  q: 8\n"
    assert plain(of(text)[0]["z"]) == {"r": 9, "q": 8, "p": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", 'f.yml:3:1: mapping key "a" already defined at line 1'),
        ("a: &a {b: 1}\nc:\n  <<: *a\n  <<: *a\n", 'f.yml:4:3: mapping key "<<" already defined at line 3'),
        ("a:\n  <<: 3", "f.yml:2:3: map merge requires map or sequence of maps as the value"),
        ("a: *b", "f.yml:1:4: found undefined alias"),
        ("a: &a [*a]", "f.yml:1:4: an anchor contains itself"),
        ("a:\n\tb: 1", "f.yml:2:1: a line may not be indented with a tab"),
        ("1: 2", "f.yml:1:1: the key 1 is no text: write '1' in quotes"),
        ("", "f.yml:1:1: top-level object must be a mapping: the file is empty"),
        ("- a", "f.yml:1:1: top-level object must be a mapping"),
        (b"a: \xff", "f.yml: not UTF-8 text (byte 3)"),
    ],
)
def test_unreadable(text: str | bytes, told: str) -> None:
    """What cannot be read is told with line and column."""
    with pytest.raises(Unreadable) as caught:
        of(text)
    assert str(caught.value) == told


def test_limits() -> None:
    """An alias bomb and a file that is too large are refused before they take memory."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    with pytest.raises(Unreadable, match="excessive aliasing"):
        of(bomb)
    with pytest.raises(Unreadable, match="larger than 1 MiB"):
        of("a: " + "x" * BYTES_MAX)
    for deep in ("a: " + "[" * 400_000, "a: " + "{x: " * 200_000, "- " * 400_000, "a:\n  " + "? " * 400_000):
        with pytest.raises(Unreadable, match="deeper than 100"):
            of(deep)


def test_what_docker_drops_is_noted() -> None:
    """A second document and unknown tags are not read, and a note says so; a date stays as written."""
    found, notes = of("a: 1\nb: !mine 2\nc: 2024-01-01\n---\nd: [")
    assert plain(found) == {"a": 1, "b": 2, "c": "2024-01-01"}
    assert [note.mark.line for note in notes.of(Level.IGNORED)] == [2, 5]
    assert [note.mark.line for note in notes.of(Level.DIFFERENT)] == [3]


def test_byte_order_mark() -> None:
    """A byte order mark is no part of the file."""
    assert plain(of(b"\xef\xbb\xbfa: 1")[0]) == {"a": 1}


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]))
)
_KEYS = st.text(st.characters(categories=["L", "N"]), min_size=1).filter(lambda key: not key[0].isnumeric())


@settings(max_examples=40)
@given(
    st.dictionaries(
        _KEYS.map("x-{}".format),
        st.recursive(
            _LEAVES,
            lambda inner: st.lists(inner) | st.dictionaries(_KEYS.map("k{}".format), inner),
            max_leaves=8,
        ),
    )
)
def test_what_is_printed_reads_back(document: dict[str, Any]) -> None:
    """load(dump(x)) = x, whatever the texts look like."""
    found = plain(read(dump(document).encode() or b"{}", "f", Notes()))
    assert found == document
    assert repr(found) == repr({key: document[key] for key in found}) or _same(found, document)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(_same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, int | float) and not isinstance(one, bool):
        return bool(one == other)
    return type(one) is type(other) and one == other
