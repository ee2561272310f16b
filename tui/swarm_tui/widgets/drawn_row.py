"""A row of a table as it was drawn last, cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.segment import Segment
from textual.strip import Strip

from swarm_tui.resources.model import Cell
from swarm_tui.widgets.columns import Placed


@dataclass(slots=True)
class DrawnRow:
    """A row as it was last asked for, and the strip drawn of it, if one was."""

    cells: tuple[Cell, ...]
    strip: Strip | None = None
    ground: str = ""
    is_marked: bool = False
    parts: dict[int, list[Segment]] = field(default_factory=dict)
    """What was drawn of single cells, by their place among all: few of a row's cells change at a time."""

    def renew(self, cells: tuple[Cell, ...], columns: Sequence[Placed]) -> bool:
        """The row's cells are these now; whether that is seen in one of the columns."""
        before, self.cells = self.cells, cells
        if len(before) != len(cells):
            self.parts.clear()
            self.strip = None
            return True
        if not cells:
            # It is gone since before, and stays where it was until rows may move.
            return False
        changed = [one.index for one in columns if cells[one.index] != before[one.index]]
        for index in changed:
            self.parts.pop(index, None)
        if changed:
            self.strip = None
        return bool(changed)
