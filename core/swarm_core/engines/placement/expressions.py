"""What a container asks of its place, in classic Swarm's words: `storage==ssd`, `node!=west*`, `zone==~/a|b/`.

Rules
1. `KEY==VALUE` or `KEY!=VALUE`. A `~` behind the operator makes it soft: it counts as long as it can be met.
2. A value between slashes is a regular expression that may match anywhere. Otherwise `*` stands for any text, and everything else for itself.
3. `!=` holds when nothing of what is looked at matches.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from swarm_core.specs.patterns import BadPattern, Pattern

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]+")
_VALUE: Final = re.compile(r"[=!/]?[A-Za-z0-9:\-_.*/()?+\[\]\\^$| ]+")


Matcher = Callable[[str], bool]
"""Whether a text is what is asked for. Raises TooSlow."""


class BadExpression(ValueError):
    """It cannot be read; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One of them."""

    key: str
    is_equal: bool
    value: str
    is_soft: bool = False
    _matches: Matcher = field(default=lambda _: True, repr=False, compare=False)
    _literal: str | None = field(default=None, repr=False, compare=False)
    """The one text that matches, where there is one: most are so, and an engine may have thousands of names."""

    @staticmethod
    def parse(text: str) -> "Expression":
        """Raises BadExpression."""
        found = re.search(r"[!=]=", text)
        if found is None:
            raise BadExpression(f"One of operator ==, != is expected in {text!r}")
        key, value = text[: found.start()].strip(), text[found.end() :]
        is_soft = value.startswith("~")
        value = value.removeprefix("~").strip()
        if _KEY.fullmatch(key) is None:
            raise BadExpression(f"Key '{key}' is invalid")
        if _VALUE.fullmatch(value) is None:
            raise BadExpression(f"Value '{value}' is invalid")
        literal = None if "*" in value or _is_regex(value) else value
        return Expression(key, found[0] == "==", value, is_soft, _matcher_of(value), literal)

    @staticmethod
    def exact(key: str, values: Iterable[str], *, is_soft: bool = False) -> "Expression":
        """That `key` is one of `values`, whatever signs these have."""
        listed = list(values)
        return Expression(key, True, "|".join(listed), is_soft, frozenset(listed).__contains__)

    def holds(self, values: Iterable[str]) -> bool:
        """Whether it holds where these are found. Raises TooSlow."""
        if self._literal is not None:
            return (self._literal in values) == self.is_equal
        return any(map(self._matches, values)) == self.is_equal

    def __str__(self) -> str:
        return f"{self.key}{'==' if self.is_equal else '!='}{'~' if self.is_soft else ''}{self.value}"


def _is_regex(value: str) -> bool:
    return len(value) > 1 and value.startswith("/") and value.endswith("/")


def _matcher_of(value: str) -> Matcher:
    if _is_regex(value):
        try:
            return Pattern(value[1:-1]).is_in
        except BadPattern as error:
            raise BadExpression(f"Value '{value}' is no regular expression: {error}") from None
    first, *others = value.split("*")
    return lambda text: _fits(text, first, others)


def _fits(text: str, first: str, others: list[str]) -> bool:
    """Whether the text begins with `first` and goes on with the others, anything before each of them. The first place of each will do: no
    other leaves more of the text to those that follow."""
    if not others:
        return text == first
    if not text.startswith(first):
        return False
    place = len(first)
    for one in others[:-1]:
        place = text.find(one, place) + len(one)
        if place < len(one):
            return False
    return len(text) - place >= len(others[-1]) and text.endswith(others[-1])


def whitelist(text: str) -> Expression:
    """As `Expression.parse`, for a value that lists what may be, split at vertical bars. Raises BadExpression."""
    one = Expression.parse(text)
    matchers = [_matcher_of(part) for part in one.value.split("|")]
    return Expression(
        one.key, one.is_equal, one.value, one.is_soft, lambda text: any(matches(text) for matches in matchers)
    )
