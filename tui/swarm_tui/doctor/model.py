"""What the doctor finds. Each finding says what it is about, what was found, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Grade(IntEnum):
    """How bad it is; the worst is told first."""

    ERROR = 0
    WARNING = 1
    ADVICE = 2
    FINE = 3


GLYPHS: Final = {Grade.ERROR: "✖", Grade.WARNING: "▲", Grade.ADVICE: "○", Grade.FINE: "●"}
ROLES: Final = {
    Grade.ERROR: "error",
    Grade.WARNING: "warning",
    Grade.ADVICE: "accent",
    Grade.FINE: "ok",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` is a word or two, `text` a clause, `remedy` a sentence; what is fine needs no remedy."""

    grade: Grade
    what: str
    text: str
    remedy: str = ""

    def __post_init__(self) -> None:
        assert self.remedy or self.grade is Grade.FINE, "what is not fine says what to do"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """In the order in which they are told."""
    return sorted(findings, key=lambda one: one.grade)


def names(words: Sequence[str], most: int = 4) -> str:
    """The first of them, and how many more there are."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
