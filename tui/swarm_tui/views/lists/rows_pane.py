"""What panes of rows have in common, lists and the tree alike: a table whose rows can be marked and narrowed down to problems."""

from textual.containers import Vertical

from swarm_tui.clusters.changes import Changes
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.view import Findable, View
from swarm_tui.widgets.table import ObjectTable


class RowsPane(Vertical, Findable):
    """See the module's text. Whoever derives from it makes the table before it is composed."""

    _table: ObjectTable

    @property
    def table(self) -> ObjectTable:
        """The table inside."""
        return self._table

    @property
    def selected_kind(self) -> str:
        """The noun of what is selected; empty when nothing is."""
        raise NotImplementedError

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        """What a verb works on now."""
        raise NotImplementedError

    def apply(self, changes: Changes) -> None:
        """Take in what the mirror told; what is not on screen waits until it is."""
        raise NotImplementedError

    def tick(self) -> None:
        """A second passed: ages read differently, and timed filters may admit others."""
        raise NotImplementedError

    def set_stale(self, is_stale: bool) -> None:
        """Draw everything grey while what is known is old."""
        raise NotImplementedError

    @property
    def is_problems_only(self) -> bool:
        """Whether only objects with a problem are shown."""
        raise NotImplementedError

    def set_problems_only(self, wanted: bool) -> None:
        """Show only objects with a problem, or all."""
        raise NotImplementedError

    def describe_border(self) -> None:
        """What the border says may be different."""
        raise NotImplementedError

    def take_focus(self) -> None:
        self._table.focus()

    @property
    def can_clear(self) -> bool:
        """Whether there is a filter or a mark to take back."""
        return bool(self.found_text or self.is_problems_only or self._table.marks)

    def clear_one(self) -> bool:
        """Take back the filter, or the cut to problems, or the marks; False when there is none of them."""
        if self.found_text:
            self.find("")
        elif self.is_problems_only:
            self.set_problems_only(False)
        elif self._table.marks:
            self.clear_marks()
        else:
            return False
        return True

    def clear_all(self) -> None:
        """Show everything: without filter, and with what has no problem."""
        self.find("")
        if self.is_problems_only:
            self.set_problems_only(False)

    def mark(self) -> None:
        """Mark or unmark the row under the cursor, and go on to the next."""
        if self._table.cursor_id is not None:
            self._table.toggle_mark(self._table.cursor_id)
            self._table.action_move(1)
        self.marks_changed()

    def mark_range(self) -> None:
        """Mark every row from the last one that was marked to the cursor."""
        self._table.mark_range()
        self.marks_changed()

    def mark_all(self) -> None:
        """Mark every row shown."""
        self._table.mark_all()
        self.marks_changed()

    def clear_marks(self) -> None:
        """Unmark every row."""
        self._table.clear_marks()
        self.marks_changed()

    def marks_changed(self) -> None:
        """Others are marked: verbs work on others."""
        self.describe_border()
        self.post_message(View.KeysChanged())

    def on_object_table_highlighted(self, event: ObjectTable.Highlighted) -> None:
        event.stop()
        self.post_message(View.KeysChanged())
