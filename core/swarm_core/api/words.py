"""Words for the numbers of enums."""

from typing import Any, Protocol


class Enum(Protocol):
    """An enum of a generated module."""

    def Name(self, number: Any) -> str:
        """Raises ValueError."""


def enum_word(enum: Enum, number: int, noun: str = "") -> str:
    """The name of a value in lower case, with spaces; `noun` and the number where only a newer member has a name for it."""
    try:
        return enum.Name(number).lower().replace("_", " ")
    except ValueError:
        return f"{noun} {number}".lstrip()
