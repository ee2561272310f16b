"""Regular expressions from strangers, matched in bounded time (docs/design/engine-api-json.md 14.10).

Go's notation, without what needs going back: a pattern becomes a small program, and all its states are followed at once, so that a match
takes the length of the text times the size of the program. Both are bounded. Python's own matcher would take for ever on `(a*)*b`.

Pure. Known: literals, `.`, classes with ranges and negation, `\\d \\w \\s` and their opposites, groups, alternatives, `* + ? {m,n}` and
their lazy forms, `^ $ \\A \\z \\b \\B`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PATTERN_CHARACTERS_MAX: Final = 256
_PROGRAM_MAX: Final = 2048
_TEXT_CHARACTERS_MAX: Final = 256
_REPEATS_MAX: Final = 1000
_DEPTH_MAX: Final = 50
_ENDLESS: Final = -1
_CLASSES: Final[dict[str, Callable[[str], bool]]] = {
    "d": lambda c: c in "0123456789",
    "w": lambda c: c == "_" or (c.isascii() and c.isalnum()),
    "s": lambda c: c in "\t\n\f\r ",
}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_POINTS: Final = {"^": "start", "$": "end", "A": "start", "z": "end", "b": "edge", "B": "inside"}
Test = Callable[[str], bool]


class UnusablePattern(ValueError):
    """It is none, or it would take too long."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a program: a character that passes a test, a point of the text, or (without either) just the ways on."""

    test: Test | None
    point: str
    ways: list[int]


class Pattern:
    """A pattern that is looked for anywhere in a text."""

    __slots__ = ("_first", "_steps")

    def __init__(self, text: str) -> None:
        """Raises UnusablePattern."""
        if len(text) > _PATTERN_CHARACTERS_MAX:
            raise UnusablePattern("the pattern is too long")
        tree = _Reader(text).read()
        self._steps: list[_Step] = []
        end = self._add(None, "", [])
        self._first = self._compile(tree, end)

    def is_in(self, text: str) -> bool:
        """Whether some part of the text fits. Of a very long text only the beginning is looked at."""
        text = text[:_TEXT_CHARACTERS_MAX]
        states: set[int] = set()
        for at in range(len(text) + 1):
            states |= self._closure({self._first}, text, at)
            if 0 in states:
                return True
            if at == len(text):
                return False
            passed = {
                way
                for state in states
                if (test := self._steps[state].test) and test(text[at])
                for way in self._steps[state].ways
            }
            states = self._closure(passed, text, at + 1)
        return False

    def _closure(self, states: set[int], text: str, at: int) -> set[int]:
        """What is reached from there without a further character."""
        found, left = set(), list(states)
        while left:
            state = left.pop()
            if state in found:
                continue
            found.add(state)
            step = self._steps[state]
            if step.test is None and (not step.point or _is_at(step.point, text, at)):
                left += step.ways
        return found

    def _add(self, test: Test | None, point: str, ways: list[int]) -> int:
        if len(self._steps) >= _PROGRAM_MAX:
            raise UnusablePattern("the pattern is too large")
        self._steps.append(_Step(test, point, ways))
        return len(self._steps) - 1

    def _compile(self, node: "_Node", after: int) -> int:
        """The state from which `node` is matched, going on to `after`."""
        match node:
            case _Char(test):
                return self._add(test, "", [after])
            case _Point(name):
                return self._add(None, name, [after])
            case _Either(options):
                return self._add(None, "", [self._compile(option, after) for option in options])
            case _Series(parts):
                for part in reversed(parts):
                    after = self._compile(part, after)
                return after
            case _Repeat(inner, least, most):
                return self._repeat(inner, least, most, after)

    def _repeat(self, inner: "_Node", least: int, most: int, after: int) -> int:
        if most == _ENDLESS:
            again = self._add(None, "", [after])
            self._steps[again].ways.append(self._compile(inner, again))
            start = again
        else:
            start = after
            for _ in range(most - least):
                start = self._add(None, "", [after, self._compile(inner, start)])
        for _ in range(least):
            start = self._compile(inner, start)
        return start


def _is_at(point: str, text: str, at: int) -> bool:
    match point:
        case "start":
            return at == 0
        case "end":
            return at == len(text)
    word = _CLASSES["w"]
    is_edge = (at > 0 and word(text[at - 1])) != (at < len(text) and word(text[at]))
    return is_edge if point == "edge" else not is_edge


@dataclass(frozen=True, slots=True)
class _Char:
    test: Test


@dataclass(frozen=True, slots=True)
class _Point:
    name: str


@dataclass(frozen=True, slots=True)
class _Either:
    options: "list[_Node]"


@dataclass(frozen=True, slots=True)
class _Series:
    parts: "list[_Node]"


@dataclass(frozen=True, slots=True)
class _Repeat:
    inner: "_Node"
    least: int
    most: int


_Node = _Char | _Point | _Either | _Series | _Repeat


def _only(character: str) -> Test:
    return lambda c: c == character


def _not(test: Test) -> Test:
    return lambda c: not test(c)


def _any_of(tests: list[Test]) -> Test:
    return lambda c: any(test(c) for test in tests)


def _between(first: str, last: str) -> Test:
    return lambda c: first <= c <= last


class _Reader:
    """Reads a pattern into a tree."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def read(self) -> _Node:
        tree = self._either()
        if self._at < len(self._text):
            raise UnusablePattern("a ) without a (")
        return tree

    def _next(self) -> str:
        """The character here; empty at the end."""
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._next()
        if not character:
            raise UnusablePattern("the pattern ends too soon")
        self._at += 1
        return character

    def _skip(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _either(self) -> _Node:
        options = [self._series()]
        while self._skip("|"):
            options.append(self._series())
        return options[0] if len(options) == 1 else _Either(options)

    def _series(self) -> _Node:
        parts: list[_Node] = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return _Series(parts)

    def _atom(self) -> _Node:
        character = self._take()
        match character:
            case "(":
                return self._group()
            case "[":
                return _Char(self._class())
            case ".":
                return _Char(lambda c: c != "\n")
            case "^" | "$":
                return _Point(_POINTS[character])
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise UnusablePattern("nothing to repeat")
        return _Char(_only(character))

    def _group(self) -> _Node:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise UnusablePattern("too many groups in groups")
        if self._skip("?:"):
            pass
        elif self._next() == "?":
            raise UnusablePattern("a group of a kind that is not known")
        inner = self._either()
        if not self._skip(")"):
            raise UnusablePattern("a ( without a )")
        self._depth -= 1
        return inner

    def _escape(self) -> _Node:
        character = self._take()
        if character in "AzbB":
            return _Point(_POINTS[character])
        return _Char(self._escaped(character))

    def _escaped(self, character: str) -> Test:
        if (known := _CLASSES.get(character.lower())) is not None:
            return known if character.islower() else _not(known)
        if character in _ESCAPES:
            return _only(_ESCAPES[character])
        if character.isascii() and character.isalnum():
            raise UnusablePattern(f"\\{character} is not known")
        return _only(character)

    def _class(self) -> Test:
        is_negated = self._skip("^")
        tests: list[Test] = []
        while self._next() != "]" or not tests:
            tests.append(self._class_part())
        self._take()
        return _not(_any_of(tests)) if is_negated else _any_of(tests)

    def _class_part(self) -> Test:
        first = self._take()
        if first == "[" and self._next() == ":":
            raise UnusablePattern("named classes are not known")
        if first == "\\":
            escaped = self._take()
            if escaped.lower() in _CLASSES:
                return self._escaped(escaped)
            self._escaped(escaped)
            first = _ESCAPES.get(escaped, escaped)
        ahead = self._text[self._at : self._at + 2]
        if len(ahead) < 2 or ahead[0] != "-" or ahead[1] == "]":
            return _only(first)
        self._take()
        last = self._take()
        if last == "\\":
            escaped = self._take()
            if escaped.lower() in _CLASSES:
                raise UnusablePattern("a range that ends with a class")
            self._escaped(escaped)
            last = _ESCAPES.get(escaped, escaped)
        if last < first:
            raise UnusablePattern("a range that goes backwards")
        return _between(first, last)

    def _repeated(self, inner: _Node) -> _Node:
        is_repeated = False
        while True:
            if (bounds := self._bounds()) is None:
                return inner
            if is_repeated:
                raise UnusablePattern("a repetition is repeated")
            is_repeated = True
            self._skip("?")
            inner = _Repeat(inner, *bounds)

    def _bounds(self) -> tuple[int, int] | None:
        for mark, bounds in (("*", (0, _ENDLESS)), ("+", (1, _ENDLESS)), ("?", (0, 1))):
            if self._skip(mark):
                return bounds
        if self._next() != "{":
            return None
        inside, brace, _ = self._text[self._at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not brace or not _is_number(low) or (high and not _is_number(high)):
            return None
        self._at += len(inside) + 2
        least = int(low)
        most = least if not comma else int(high) if high else _ENDLESS
        if max(least, most) > _REPEATS_MAX or (most != _ENDLESS and most < least):
            raise UnusablePattern("bounds of a repetition that make no sense")
        return least, most


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4
