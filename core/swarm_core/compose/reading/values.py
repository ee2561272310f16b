"""The values of a compose file, each with the place where it was written.

Rules
1. A mapping is a `Map`, a list a `Seq`, everything else a plain Python value. Both know the mark of each of their entries, so that
   every later step can name file, line and column; a `Map` or `Seq` that a later step makes takes the marks of what it was made from.
2. A number that does not read back as it was written is a `WrittenInt` or `WrittenFloat`, which keeps its text: `012` is 10.
3. Nothing changes a value in place once the reader has returned it. Two aliases of one anchor share their value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple


class Mark(NamedTuple):
    """A place in a file; line and column begin with 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE: Final = Mark("", 0, 0)


class Map(dict[str, Any]):
    """A mapping; `mark` is where it stands, `marks` where each key does."""

    __slots__ = ("is_override", "mark", "marks")

    def __init__(self, mark: Mark = NOWHERE) -> None:
        super().__init__()
        self.mark = mark
        self.marks: dict[str, Mark] = {}
        self.is_override = False
        """Written with `!override`: it replaces what an earlier file says, where others are merged."""

    def put(self, key: str, value: Any, mark: Mark | None = None) -> None:
        """Set an entry; it stands where the mapping does unless a place is given."""
        self[key] = value
        self.marks[key] = mark if mark is not None else self.marks.get(key, self.mark)

    def at(self, key: str) -> Mark:
        """Where the entry of this key stands; where the mapping does, if it has none."""
        return self.marks.get(key, self.mark)

    def like(self) -> "Map":
        """An empty mapping at the same place."""
        empty = Map(self.mark)
        empty.marks = self.marks
        empty.is_override = self.is_override
        return empty


class Seq(list[Any]):
    """A list; `mark` is where it stands, `marks` where each item does."""

    __slots__ = ("is_override", "mark", "marks")

    def __init__(self, mark: Mark = NOWHERE) -> None:
        super().__init__()
        self.mark = mark
        self.marks: list[Mark] = []
        self.is_override = False

    def add(self, value: Any, mark: Mark | None = None) -> None:
        """Append an item."""
        self.append(value)
        self.marks.append(mark if mark is not None else self.mark)

    def at(self, index: int) -> Mark:
        """Where the item of this number stands."""
        return self.marks[index] if index < len(self.marks) else self.mark

    def like(self) -> "Seq":
        """An empty list at the same place."""
        empty = Seq(self.mark)
        empty.is_override = self.is_override
        return empty

    def marked(self) -> Iterator[tuple[Any, Mark]]:
        """Each item with its place."""
        for index, item in enumerate(self):
            yield item, self.at(index)


class WrittenInt(int):
    """A whole number that was written otherwise than it prints."""

    text: str


class WrittenFloat(float):
    """A number that was written otherwise than it prints."""

    text: str


@dataclass(frozen=True, slots=True)
class Reset:
    """`!reset`: takes away what an earlier file says."""

    mark: Mark


def plain(value: Any) -> Any:
    """The value without its places, of dict, list and scalars alone."""
    match value:
        case dict():
            return {key: plain(entry) for key, entry in value.items()}
        case list():
            return [plain(item) for item in value]
        case WrittenInt():
            return int(value)
        case WrittenFloat():
            return float(value)
        case _:
            return value


def marked(value: Any, mark: Mark) -> Any:
    """A plain value as the reader would have returned it; all of it stands at one place."""
    match value:
        case dict():
            mapping = Map(mark)
            for key, entry in value.items():
                mapping.put(key, marked(entry, mark))
            return mapping
        case list():
            sequence = Seq(mark)
            for item in value:
                sequence.add(marked(item, mark))
            return sequence
        case _:
            return value
