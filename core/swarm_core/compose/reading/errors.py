"""What is wrong with a compose file.

ComposeError            the text is for the person who wrote the file, and begins with file, line and column where they are known
├── Unreadable          no YAML, or larger than a compose file may be
├── WrongVariable       a substitution that cannot be read, or a required variable that is missing
├── WrongShape          a key or a value that does not belong where it stands
└── Unsound             each part is in order, and they do not fit together: an undefined network, a cycle
"""

from collections.abc import Sequence
from typing import TypeVar

from swarm_core.compose.reading.values import Mark

E = TypeVar("E", bound="ComposeError")


class ComposeError(ValueError):
    """Root of the tree."""

    def __init__(self, text: str, mark: Mark | None = None) -> None:
        super().__init__(f"{mark}: {text}" if mark is not None else text)
        self.text = text
        self.mark = mark


class Unreadable(ComposeError):
    """The file cannot be read."""


class WrongVariable(ComposeError):
    """A substitution fails."""


class WrongShape(ComposeError):
    """A key or a value does not belong where it stands."""


class Unsound(ComposeError):
    """The parts do not fit together."""


def joined(errors: Sequence[E]) -> E:
    """Several errors of one kind as one, a line each, in the order of the file."""
    assert errors
    if len(errors) == 1:
        return errors[0]
    return type(errors[0])("\n".join(str(error) for error in errors))
