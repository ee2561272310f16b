"""A mirror's table as the rows of an ObjectTable."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from swarm_tui.clusters.session import Session
from swarm_tui.clusters.tables import Table
from swarm_tui.resources.model import Cell, Column, ResourceKind, RowCells
from swarm_tui.resources.refs import ObjectRef


class TableRows:
    """Implements `widgets.table.RowSource` by the mirror's order and the kind's cells."""

    def __init__(self, table: Table[RowCells], kind: ResourceKind[Any], session: Session) -> None:
        self.table = table
        self._kind = kind
        self._session = session
        self.is_wide = False
        self.hidden: frozenset[str] = frozenset()
        self._has_usage = session.mirror.figures.is_told
        self._columns: Sequence[Column] = self._chosen()

    @property
    def columns(self) -> Sequence[Column]:
        return self._columns

    def set_columns(self, *, is_wide: bool, hidden: frozenset[str]) -> None:
        """Wide columns as good as the others, or only where there is room; without those hidden."""
        self.is_wide, self.hidden = is_wide, hidden
        self._columns = self._chosen()

    def look_for_usage(self) -> bool:
        """Show what is used where that is told now; whether the columns are others for it."""
        has_usage = self._session.mirror.figures.is_told
        if has_usage == self._has_usage:
            return False
        self._has_usage = has_usage
        self._columns = self._chosen()
        return any(column.is_of_usage for column in self._columns)

    def _chosen(self) -> tuple[Column, ...]:
        return tuple(
            replace(
                column,
                is_hidden=column.id in self.hidden or (column.is_of_usage and not self._has_usage),
                is_wide=column.is_wide and not self.is_wide,
            )
            for column in self._kind.columns
        )

    @property
    def sorted_by(self) -> tuple[str, bool]:
        return self.table.sort, self.table.is_reversed

    @property
    def sort_choices(self) -> list[tuple[str, str]]:
        """Columns that can order the rows: key and title."""
        titles = {column.id: column.title.lower() or column.id for column in self._kind.columns}
        return [(key, titles.get(key, key)) for key in self._kind.sort_keys]

    def __len__(self) -> int:
        return len(self.table)

    def id_at(self, index: int) -> ObjectRef:
        return self.table.id_at(index)

    def index_of(self, row_id: ObjectRef) -> int | None:
        return self.table.index_of(row_id)

    def cells(self, row_id: ObjectRef) -> tuple[Cell, ...]:
        return self.table.row(row_id, self._session.now_ns) or ()
