"""The grammar of the filter line: words that all must hold.

    web            letters of the name, in this order (fuzzy)
    web*           the whole name, where `*` and `?` stand for anything
    /re/           a regular expression found in the name; the slashes may be left out: `^web|api$`
    key:value      a field holds the value; `a,b` means either, `*` stands for anything
    key:=value     a field is the value, whole and without signs
    key<5  key>1m  a number, a share (%), a size (k m g t) or an age (s m h d w) below or above
    !term          the term does not hold; `!web` leaves out the names that hold "web" as it stands
    -l a=b,c!=d,e  labels, as in k9s: a is b, c is not d, e is there
    -f web         fuzzy whatever signs it has, as in k9s

A term without its value (`state:`) is being typed and holds for everything. Case does not matter. A field's value is a text, a number, a list of texts (any of them may match) or None, which no term
matches. Fields of the same kind of object are known by name; a wrong name is an error that lists them.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

from swarm_core.specs.notation import AGE_UNITS_S, BYTE_UNITS
from swarm_core.specs.patterns import BadPattern, Pattern, TooSlow

from swarm_tui.resources.format import common_start

Value = str | float | Sequence[str] | None
Field = Callable[[Any], Value]
NAME = "name"

_Read = Callable[[str], Value]
Term = Callable[[_Read], bool]
LABEL = "label"

_TERM = re.compile(r"(?P<key>[a-z_]+)(?P<operator>[:<>])(?P<value>.*)", re.IGNORECASE)
_REGEX_SIGNS = re.compile(r"[\^$+()\[\]{}|\\]|\.\*")
_GLOB_SIGNS = re.compile(r"[*?]")
_SELECTOR = re.compile(r"(?P<no>!?)(?P<key>[^=!]+)(?:(?P<operator>!=|==?)(?P<value>.*))?")
_QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[a-z%]*)", re.IGNORECASE)
_SIZES = {unit: BYTE_UNITS[unit] for unit in "kmgt"} | {"%": 0.01}
AGE_FIELDS = frozenset({"age"})
"""Fields in seconds: their quantities are ages."""
_TIMED_FIELDS = AGE_FIELDS | {"cpu", "mem", "cpu_used", "mem_used"}
"""Fields whose answers change while the object stays as it is."""


class FilterError(ValueError):
    """The filter line cannot be read, or takes too long; the text says what is wrong with which word."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms that all must hold. `matches` is given the reader of one object's fields; many of them are asked in one pass of `patterns`."""

    text: str
    terms: tuple[Term, ...]
    is_timed: bool
    """Whether an object may begin or cease to match while nothing changes but the time."""

    def matches(self, read: _Read) -> bool:
        """Whether the object whose fields `read` gives holds every term. Raises FilterError when that takes too long."""
        try:
            return all(term(read) for term in self.terms)
        except TooSlow as error:
            raise FilterError(f"{error}.") from None


def parse(text: str, fields: Iterable[str]) -> Filter:
    """The filter that `text` means for objects with these fields (`name` always is one). Raises FilterError."""
    known = {NAME, *fields}
    terms: list[Term] = []
    is_timed = False
    words = iter(_words(text))
    for word in words:
        if word in _FLAGS:
            terms += [_FLAGS[word](value, known) for value in (next(words, ""),) if value]
            continue
        is_negated = word.startswith("!") and len(word) > 1
        body = word[1:] if is_negated else word
        term, timed = _term(body, known, is_negated=is_negated)
        if term is not None:
            terms.append(_negated(term) if is_negated else term)
            is_timed |= timed
    return Filter(text, tuple(terms), is_timed)


def completed(text: str, fields: Iterable[str]) -> tuple[str, str]:
    """`text` with as much of its last word as can only be meant, and the fields that may come there when there are several."""
    head, separator, tail = text.rpartition(" ")
    words = sorted(f"{field}:" for field in (*fields, NAME) if field.startswith(tail))
    return head + separator + (common_start(words) or tail), "  ".join(words) if len(words) > 1 else ""


class Readable(Protocol):
    """What a filter asks of a kind of object."""

    @property
    def fields(self) -> Mapping[str, Callable[[Any, Any, int], Value]]: ...
    @property
    def name(self) -> Callable[[Any, Any], str]: ...


def reader(kind: Readable, item: Any, view: Any, now_ns: int) -> _Read:
    """The reader of one object's fields, for `Filter.matches`."""
    return lambda field: kind.name(item, view) if field == NAME else kind.fields[field](item, view, now_ns)


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


def _term(word: str, known: set[str], *, is_negated: bool) -> tuple[Term | None, bool]:
    """The term, if it says something yet, and whether its answer changes with time."""
    if word.startswith("/"):
        return _regex(word[1:].removesuffix("/")), False
    match = _TERM.fullmatch(word)
    if match is None:
        return _on_name(word, is_whole=is_negated), False
    key, operator, value = match["key"].lower(), match["operator"], match["value"]
    if key not in known:
        raise FilterError(f"There is no field {key!r}; known are {', '.join(sorted(known))}.")
    if not value:
        return None, False
    if operator == ":":
        return _holds(key, value), False
    return _compares(key, operator, value), key in _TIMED_FIELDS


def _on_name(word: str, *, is_whole: bool) -> Term:
    """What a bare word says of the name: to leave out what holds its letters somewhere would leave out too much."""
    if _REGEX_SIGNS.search(word):
        return _regex(word)
    pattern = word.lower()
    if _GLOB_SIGNS.search(word):
        return lambda read: fnmatchcase(str(read(NAME)).lower(), pattern)
    if is_whole:
        return lambda read: pattern in str(read(NAME)).lower()
    return _fuzzy(word, set())


def _fuzzy(word: str, known: set[str]) -> Term:
    pattern = word.lower()
    return lambda read: fuzzy(pattern, str(read(NAME)).lower())


def _labels(word: str, known: set[str]) -> Term:
    """All of the selectors between commas; a label without a value is held as its key and `=`."""
    if LABEL not in known:
        raise FilterError("There are no labels here, which -l asks for.")
    selectors = [_SELECTOR.fullmatch(one) for one in word.lower().split(",") if one]
    if None in selectors:
        raise FilterError(f"{word!r} names no labels: write -l key=value, -l key!=value or -l key.")
    return lambda read: all(_selects(found, read(LABEL) or ()) for found in selectors if found is not None)


def _selects(selector: re.Match[str], labels: Value) -> bool:
    held = dict(one.lower().partition("=")[::2] for one in labels) if isinstance(labels, Sequence) else {}
    key, operator = selector["key"], selector["operator"]
    if operator is None:
        return (key in held) is not bool(selector["no"])
    return (held.get(key) == selector["value"]) is not (operator == "!=" or bool(selector["no"]))


_FLAGS: Mapping[str, Callable[[str, set[str]], Term]] = {"-l": _labels, "-f": _fuzzy}


def _negated(term: Term) -> Term:
    return lambda read: not term(read)


def _regex(body: str) -> Term:
    try:
        pattern = Pattern(body, ignores_case=True)
    except BadPattern as error:
        raise FilterError(f"/{body}/ is no regular expression: {error}.") from None
    return lambda read: pattern.is_in(str(read(NAME)))


def _holds(key: str, value: str) -> Term:
    choices = [choice.lower() for choice in value.split(",") if choice]

    def holds(read: _Read) -> bool:
        found = read(key)
        if found is None:
            return False
        texts = (
            [found] if isinstance(found, str) else found if isinstance(found, Sequence) else [f"{found:g}"]
        )
        return any(_fits(choice, text.lower()) for choice in choices for text in texts)

    return holds


def _fits(choice: str, text: str) -> bool:
    if choice.startswith("="):
        return text == choice[1:]
    if "*" in choice:
        return fnmatchcase(text, choice)
    return choice in text


def _compares(key: str, operator: str, value: str) -> Term:
    bound = _quantity(key, value)

    def compares(read: _Read) -> bool:
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
