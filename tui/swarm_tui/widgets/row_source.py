"""Where a table has its rows from."""

from collections.abc import Sequence
from typing import Protocol

from swarm_tui.resources.model import Cell, Column
from swarm_tui.resources.refs import ObjectRef


class RowSource(Protocol):
    """What the table shows: ids in an order, and the cells of each."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, left to right."""

    @property
    def sorted_by(self) -> tuple[str, bool]:
        """Key of the column that orders the rows, and whether downwards."""

    def __len__(self) -> int:
        """How many rows there are."""

    def id_at(self, index: int) -> ObjectRef:
        """The id of the row at `index`. Raises IndexError."""

    def index_of(self, row_id: ObjectRef) -> int | None:
        """Where the row is, or None when it is gone (or filtered out)."""

    def cells(self, row_id: ObjectRef) -> tuple[Cell, ...]:
        """The row's cells as of now, one per column; none when the row has just gone."""
