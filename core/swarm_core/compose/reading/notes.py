"""What is worth telling about a file that is accepted.

A note's level says who tells it: `stack deploy` tells warnings, as docker does; `stack lint --explain` tells all of them; for
`stack lint --strict` a refusal of docker's is an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from swarm_core.compose.reading.values import Mark


class Level(IntEnum):
    WARNING = 0
    """docker says so too."""
    IGNORED = 1
    """docker drops it without a word, and so does this product."""
    DIFFERENT = 2
    """docker reads the same text as something else."""
    REFUSED = 3
    """docker refuses the file for it."""


@dataclass(frozen=True, slots=True)
class Note:
    level: Level
    text: str
    mark: Mark

    def __str__(self) -> str:
        return f"{self.mark}: {self.text}" if self.mark.file else self.text


class Notes:
    """Notes as they come, each once."""

    def __init__(self) -> None:
        self._found: dict[Note, None] = {}

    def __iter__(self) -> Iterator[Note]:
        return iter(self._found)

    def of(self, level: Level) -> list[Note]:
        """Those of one level, in the order of files and lines."""
        chosen = [note for note in self._found if note.level is level]
        return sorted(chosen, key=lambda note: (note.mark.file, note.mark.line, note.mark.column))

    def add(self, level: Level, text: str, mark: Mark) -> None:
        """Keep a note."""
        self._found[Note(level, text, mark)] = None

    def warning(self, text: str, mark: Mark) -> None:
        self.add(Level.WARNING, text, mark)

    def ignored(self, text: str, mark: Mark) -> None:
        self.add(Level.IGNORED, text, mark)

    def different(self, text: str, mark: Mark) -> None:
        self.add(Level.DIFFERENT, text, mark)

    def refused(self, text: str, mark: Mark) -> None:
        self.add(Level.REFUSED, text, mark)
