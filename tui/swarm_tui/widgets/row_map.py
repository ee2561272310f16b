"""Which row each line begins on, where lines take several rows: wrapped, or indented. Pure.

Adding at the end and leaving at the front cost no more than what is added or leaves; a change in between costs what stands behind it.
"""

from bisect import bisect_right
from collections.abc import Iterable


class RowMap:
    """See the module's text. Every line has at least one row."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._base = 0

    def __len__(self) -> int:
        """How many rows there are."""
        return self._ends[-1] - self._base if self._ends else 0

    @property
    def line_count(self) -> int:
        """How many lines it knows."""
        return len(self._ends)

    def replace_from(self, line: int, heights: Iterable[int]) -> None:
        """The lines from `line` on are others, with these numbers of rows."""
        del self._ends[line:]
        end = self._ends[-1] if self._ends else self._base
        for height in heights:
            end += height
            self._ends.append(end)

    def drop(self, lines: int) -> None:
        """The first lines are gone."""
        lines = min(lines, len(self._ends))
        if lines:
            self._base = self._ends[lines - 1]
            del self._ends[:lines]

    def start(self, line: int) -> int:
        """The first row of a line; of the one behind the last, the number of rows."""
        return self._ends[line - 1] - self._base if line else 0

    def at(self, row: int) -> tuple[int, int]:
        """The line that `row` belongs to, and which of its rows it is."""
        line = bisect_right(self._ends, row + self._base)
        return line, row - self.start(line)
