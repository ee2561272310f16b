"""What a person types to find lines of a text: words as they stand, `/a regular expression/`, or either with `!` before it.

Rules: case is ignored. `!` finds the lines that do not hold it. A pattern that is none, or takes too long, finds nothing and says what is
wrong with it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from swarm_core.specs.patterns import BadPattern, Pattern, TooSlow, one_pass

Stretch = tuple[int, int]
_STRETCHES_MAX: Final = 1000


class Search:
    """One search, of what the person `typed`."""

    def __init__(self, typed: str) -> None:
        self.typed = typed
        self.problem = ""
        """Why it finds nothing, without a full stop; empty when it is fine. Once it is not, it stays so."""
        self._is_inverse = typed.startswith("!") and len(typed) > 1
        self._is_in, self._places = self._meant(typed[1:] if self._is_inverse else typed)

    def _meant(self, wanted: str) -> tuple[Callable[[str], bool], Callable[[str, int], list[Stretch]]]:
        """Whether a text holds it, and where."""
        is_expression = is_regex(wanted)
        body = wanted[1:].removesuffix("i").removesuffix("/") if is_expression else re.escape(wanted)
        try:
            pattern = Pattern(body, ignores_case=True)
        except BadPattern as error:
            self.problem = f"no pattern: {error}"
            return lambda _: False, lambda _, __: []
        if is_expression or not wanted.isascii():
            return pattern.is_in, pattern.stretches
        needle = wanted.lower()
        return lambda text: needle in text.lower(), pattern.stretches

    def found(self, text: str) -> bool:
        """Whether a line is found."""
        return bool(self.where([text]))

    def where(self, texts: Iterable[str]) -> list[int]:
        """Which of the lines are found, counted from 0. None of them when it takes too long."""
        if self.problem:
            return []
        is_in, wanted = self._is_in, not self._is_inverse
        try:
            with one_pass():
                return [index for index, text in enumerate(texts) if is_in(text) is wanted]
        except TooSlow as error:
            self.problem = str(error)
            return []

    def stretches(self, text: str) -> list[Stretch]:
        """What to highlight in a line: begin and end. Nothing where lines are found by what they do not hold."""
        if self.problem or self._is_inverse:
            return []
        try:
            return self._places(text, _STRETCHES_MAX)
        except TooSlow as error:
            self.problem = str(error)
            return []


def is_regex(typed: str) -> bool:
    """Whether a regular expression is meant: something between two slashes, perhaps an `i` behind them."""
    return (
        len(typed) > 2 and typed[0] == "/" and (typed[-1] == "/" or (len(typed) > 3 and typed.endswith("/i")))
    )
