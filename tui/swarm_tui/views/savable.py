"""What can be saved into a file: a view, or a part of one, that has a text."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Saved:
    """The text as it is now; `name` is what a file of it may be called."""

    name: str
    lines: Iterable[str]


class Savable:
    """A part of a view that verbs can save."""

    @property
    def saved(self) -> Saved:
        """Its text."""
        raise NotImplementedError
