"""Which rows of a table are marked: by the ids of their objects, so that marks go along when rows move."""

from collections.abc import Callable
from typing import Protocol

from swarm_tui.resources.refs import ObjectRef


class Ordered(Protocol):
    """Rows in their order."""

    def __len__(self) -> int: ...
    def id_at(self, index: int) -> ObjectRef: ...
    def index_of(self, row_id: ObjectRef) -> int | None: ...


class Marks:
    """See the module's text."""

    def __init__(self) -> None:
        self.ids: set[ObjectRef] = set()
        self._last: ObjectRef | None = None
        """The row that was last marked or unmarked by itself."""

    def toggle(self, row_id: ObjectRef) -> None:
        """Mark or unmark one row."""
        self._last = row_id
        self.ids.symmetric_difference_update({row_id})

    def mark_to(self, index: int, rows: Ordered) -> None:
        """Mark from the last row that was marked to the one at `index`; that one alone where there is none."""
        start = index if self._last is None else rows.index_of(self._last)
        start = index if start is None else start
        self.ids |= {rows.id_at(i) for i in range(min(start, index), max(start, index) + 1)}
        self._last = rows.id_at(index)

    def mark_all(self, rows: Ordered) -> None:
        """Mark every row."""
        self.ids = {rows.id_at(index) for index in range(len(rows))}

    def mark_those(self, rows: Ordered, wanted: Callable[[ObjectRef], bool]) -> None:
        """Mark every row that is wanted, and no other."""
        self.ids = {row_id for row_id in map(rows.id_at, range(len(rows))) if wanted(row_id)}

    def keep_listed(self, rows: Ordered) -> None:
        """Forget the marks of rows that are not listed any more."""
        self.ids = {row_id for row_id in self.ids if rows.index_of(row_id) is not None}

    def in_order(self, rows: Ordered) -> list[ObjectRef]:
        """The marked rows, from the top."""
        return sorted(self.ids, key=lambda row_id: (rows.index_of(row_id) or 0, row_id))

    def clear(self) -> bool:
        """Unmark every row; whether there was one."""
        had_marks = bool(self.ids)
        self.ids.clear()
        return had_marks
