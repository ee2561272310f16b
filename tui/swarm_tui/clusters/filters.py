"""The grammar of the filter line: words that all must hold.

    web            letters of the name, in this order (fuzzy)
    /re/           a regular expression found in the name
    key:value      a field holds the value; `a,b` means either, `*` stands for anything
    key<5  key>1m  a number, a share (%), a size (k m g t) or an age (s m h d w) below or above
    !term          the term does not hold

Case does not matter. A field's value is a text, a number, a list of texts (any of them may match) or None, which no term
matches. Fields of the same kind of object are known by name; a wrong name is an error that lists them.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from swarm_core.specs.notation import AGE_UNITS_S, BYTE_UNITS

Value = str | float | Sequence[str] | None
Field = Callable[[Any], Value]
NAME = "name"

_TERM = re.compile(r"(?P<key>[a-z_]+)(?P<operator>[:<>])(?P<value>.+)", re.IGNORECASE)
_QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[a-z%]*)", re.IGNORECASE)
_SIZES = {unit: BYTE_UNITS[unit] for unit in "kmgt"} | {"%": 0.01}
AGE_FIELDS = frozenset({"age"})
"""Fields in seconds: their quantities are ages, and their answers change as time passes."""


class FilterError(ValueError):
    """The filter line cannot be read; the text says what is wrong with which word."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms that all must hold. `matches` is given the reader of one object's fields."""

    text: str
    terms: tuple[Callable[[Callable[[str], Value]], bool], ...]
    is_timed: bool
    """Whether an object may begin or cease to match while nothing changes but the time."""

    def matches(self, read: Callable[[str], Value]) -> bool:
        """Whether the object whose fields `read` gives holds every term."""
        return all(term(read) for term in self.terms)


def parse(text: str, fields: Iterable[str]) -> Filter:
    """The filter that `text` means for objects with these fields (`name` always is one). Raises FilterError."""
    known = {NAME, *fields}
    terms = []
    is_timed = False
    for word in _words(text):
        is_negated = word.startswith("!") and len(word) > 1
        term, timed = _term(word[1:] if is_negated else word, known)
        terms.append(_negated(term) if is_negated else term)
        is_timed |= timed
    return Filter(text, tuple(terms), is_timed)


def fuzzy(pattern: str, text: str) -> bool:
    """Whether the letters of `pattern` (lower case) appear in `text` in their order."""
    position = 0
    for letter in pattern:
        position = text.find(letter, position) + 1
        if not position:
            return False
    return True


def _words(text: str) -> list[str]:
    """Words between spaces; a regular expression between slashes may hold spaces."""
    return re.findall(r"!?/(?:\\.|[^/\\])*/(?=\s|$)|\S+", text)


def _term(word: str, known: set[str]) -> tuple[Callable[[Callable[[str], Value]], bool], bool]:
    if word.startswith("/"):
        return _regex(word), False
    match = _TERM.fullmatch(word)
    if match is None:
        pattern = word.lower()
        return (lambda read: fuzzy(pattern, str(read(NAME)).lower())), False
    key, operator, value = match["key"].lower(), match["operator"], match["value"]
    if key not in known:
        raise FilterError(f"There is no field {key!r}; known are {', '.join(sorted(known))}.")
    if operator == ":":
        return _holds(key, value), False
    return _compares(key, operator, value), key in AGE_FIELDS


def _negated(
    term: Callable[[Callable[[str], Value]], bool],
) -> Callable[[Callable[[str], Value]], bool]:
    return lambda read: not term(read)


def _regex(word: str) -> Callable[[Callable[[str], Value]], bool]:
    body = word[1:].removesuffix("/")
    try:
        pattern = re.compile(body, re.IGNORECASE)
    except re.error as error:
        raise FilterError(f"/{body}/ is no regular expression: {error}.") from None
    return lambda read: pattern.search(str(read(NAME))) is not None


def _holds(key: str, value: str) -> Callable[[Callable[[str], Value]], bool]:
    choices = [choice.lower() for choice in value.split(",") if choice]

    def holds(read: Callable[[str], Value]) -> bool:
        found = read(key)
        if found is None:
            return False
        texts = (
            [found] if isinstance(found, str) else found if isinstance(found, Sequence) else [f"{found:g}"]
        )
        return any(_fits(choice, text.lower()) for choice in choices for text in texts)

    return holds


def _fits(choice: str, text: str) -> bool:
    if "*" in choice:
        return fnmatchcase(text, choice)
    return choice in text


def _compares(key: str, operator: str, value: str) -> Callable[[Callable[[str], Value]], bool]:
    bound = _quantity(key, value)

    def compares(read: Callable[[str], Value]) -> bool:
        found = read(key)
        if not isinstance(found, int | float):
            return False
        return found < bound if operator == "<" else found > bound

    return compares


def _quantity(key: str, value: str) -> float:
    match = _QUANTITY.fullmatch(value)
    units: Mapping[str, float] = AGE_UNITS_S if key in AGE_FIELDS else _SIZES
    unit = match["unit"].lower().removesuffix("ib" if key not in AGE_FIELDS else "") if match else ""
    if match is None or (unit and unit not in units):
        shown = ", ".join(units)
        raise FilterError(f"{value!r} is no quantity for {key}: write a number, perhaps with one of {shown}.")
    return float(match["number"]) * units.get(unit, 1.0)
