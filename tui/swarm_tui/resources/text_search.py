"""What a person types to find lines of a text: words as they stand, `/a regular expression/`, or either with `!` before it. Pure.

Rules: case is ignored. `!` finds the lines that do not hold it. A pattern that is none finds nothing and says what is wrong with it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

Stretch = tuple[int, int]
_STRETCHES_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Search:
    """One search. `typed` is what the person typed."""

    typed: str
    found: Callable[[str], bool]
    """Whether a line is found."""
    pattern: re.Pattern[str] | None
    """What to highlight in it; None when lines are found by what they do not hold."""
    problem: str = ""

    def stretches(self, text: str) -> list[Stretch]:
        """Where in `text` it is found: begin and end."""
        if self.pattern is None:
            return []
        out = []
        for match in self.pattern.finditer(text):
            if match.end() > match.start():
                out.append(match.span())
                if len(out) == _STRETCHES_MAX:
                    break
        return out


@lru_cache(maxsize=64)
def search_for(typed: str) -> Search:
    """What `typed` means."""
    is_inverse = typed.startswith("!") and len(typed) > 1
    wanted = typed[1:] if is_inverse else typed
    if is_regex(wanted):
        try:
            pattern = re.compile(wanted[1:].removesuffix("i").removesuffix("/"), re.IGNORECASE)
        except (re.error, RecursionError, OverflowError) as error:
            return Search(typed, lambda _: False, None, f"no pattern: {error}")
        held = _by_pattern(pattern)
    else:
        pattern = re.compile(re.escape(wanted), re.IGNORECASE)
        held = _by_words(wanted) if wanted.isascii() else _by_pattern(pattern)
    if is_inverse:
        return Search(typed, lambda text: not held(text), None)
    return Search(typed, held, pattern)


def is_regex(typed: str) -> bool:
    """Whether a regular expression is meant: something between two slashes, perhaps an `i` behind them."""
    return (
        len(typed) > 2 and typed[0] == "/" and (typed[-1] == "/" or (len(typed) > 3 and typed.endswith("/i")))
    )


def _by_pattern(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


def _by_words(wanted: str) -> Callable[[str], bool]:
    needle = wanted.lower()
    return lambda text: needle in text.lower()
