"""What a container asks of its place, in classic Swarm's words: `storage==ssd`, `node!=west*`, `zone==~/a|b/`.

Rules
1. `KEY==VALUE` or `KEY!=VALUE`. A `~` behind the operator makes it soft: it counts as long as it can be met.
2. A value between slashes is a regular expression that may match anywhere. Otherwise `*` stands for any text, and everything else for itself.
3. `!=` holds when nothing of what is looked at matches.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]+")
_VALUE: Final = re.compile(r"[=!/]?[A-Za-z0-9:\-_.*/()?+\[\]\\^$| ]+")


class BadExpression(ValueError):
    """It cannot be read; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One of them."""

    key: str
    is_equal: bool
    value: str
    is_soft: bool = False
    _matcher: re.Pattern[str] = field(default=re.compile(""), repr=False, compare=False)
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
        return Expression(
            key, True, "|".join(listed), is_soft, re.compile(f"^(?:{'|'.join(map(re.escape, listed))})$")
        )

    def holds(self, values: Iterable[str]) -> bool:
        """Whether it holds where these are found."""
        if self._literal is not None:
            return (self._literal in values) == self.is_equal
        return any(self._matcher.search(value) is not None for value in values) == self.is_equal

    def __str__(self) -> str:
        return f"{self.key}{'==' if self.is_equal else '!='}{'~' if self.is_soft else ''}{self.value}"


def _is_regex(value: str) -> bool:
    return len(value) > 1 and value.startswith("/") and value.endswith("/")


def _matcher_of(value: str) -> re.Pattern[str]:
    if _is_regex(value):
        try:
            return re.compile(value[1:-1])
        except re.error as error:
            raise BadExpression(f"Value '{value}' is no regular expression: {error}") from None
    return re.compile(f"^{'.*'.join(map(re.escape, value.split('*')))}$", re.DOTALL)


def whitelist(text: str) -> Expression:
    """As `Expression.parse`, for a value that lists what may be, split at vertical bars. Raises BadExpression."""
    one = Expression.parse(text)
    matcher = re.compile("|".join(_matcher_of(part).pattern for part in one.value.split("|")))
    return Expression(one.key, one.is_equal, one.value, one.is_soft, matcher)
