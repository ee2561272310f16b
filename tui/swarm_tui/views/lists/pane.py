"""A bordered list of one kind of object: the table, with its filter, scope, order and counts.

The order of rows is held while the cursor is being moved, so that nothing slips away under a finger; it is
brought up to date as soon as the keys have rested for `HOLD_S`. Cells are always of now.
"""

from asyncio import TimerHandle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from textual.app import ComposeResult

from swarm_tui.clusters import filters
from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.session import Session
from swarm_tui.clusters.tables import Table
from swarm_tui.resources.model import ResourceKind
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.lists.rows import TableRows
from swarm_tui.views.lists.rows_pane import RowsPane
from swarm_tui.views.view import Verdict, View
from swarm_tui.widgets.once import once
from swarm_tui.widgets.table import ObjectTable

HOLD_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Scope:
    """Only objects that belong to one other object; `label` says to which."""

    label: str
    admits: Callable[[Any], bool]


class ObjectPane(RowsPane):
    """See the module's text."""

    find_label = "filter"
    find_hint = "name  /regex/  state:failed  node:w3  age<5m  !term"

    def __init__(self, session: Session, kind: ResourceKind[Any], *, id: str, sort: str = "") -> None:  # noqa: A002
        super().__init__(id=id, classes="holder")
        self.kind = kind = session.mirror.shown(kind)
        self._session = session
        table = Table(session.mirror, kind, session.now_ns)
        if sort:
            table.set_sort(sort, session.now_ns)
        self._rows = TableRows(table, kind, session)
        self._table = ObjectTable(self._rows, empty="connecting …")
        self._table.add_class("pane")
        self._scope: Scope | None = None
        self._held: frozenset[str] = frozenset()
        """Ids whose change waits: until the cursor rests, or until the pane comes on screen."""
        self._is_listed = False
        self._revision = 0
        """Of the figures by which the rows were ordered last."""
        self._release: TimerHandle | None = None

    def compose(self) -> ComposeResult:
        yield self._table

    def on_mount(self) -> None:
        self.describe_border()

    # -- asked by the view and by verbs ------------------------------------------------------------

    @property
    def selected_kind(self) -> str:
        """The noun of what is selected; empty when nothing is."""
        return self.kind.noun if self._table.marks or self._table.cursor_id is not None else ""

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        return tuple(self._table.selected_ids)

    @property
    def find_topic(self) -> str:
        return self.kind.plural

    @property
    def found_text(self) -> str:
        return self._rows.table.filter.text if self._rows.table.filter else ""

    def find(self, text: str) -> Verdict:
        try:
            parsed = filters.parse(text, self.kind.fields) if text.strip() else None
        except filters.FilterError as error:
            return Verdict(f"✖ {error}", "error")
        self._rows.table.set_filter(parsed, self._session.now_ns)
        self._rows_replaced()
        if self._rows.table.filter_problem:
            return Verdict(f"✖ {self._rows.table.filter_problem}", "error")
        return Verdict(f"{len(self._rows)} of {self._rows.table.total}")

    def complete(self, text: str) -> tuple[str, str]:
        return filters.completed(text, self.kind.fields)

    @property
    def is_problems_only(self) -> bool:
        """Whether only objects with a problem are listed."""
        return self._rows.table.is_problems_only

    def set_problems_only(self, wanted: bool) -> None:
        """List only objects with a problem, or all."""
        self._rows.table.set_problems_only(wanted, self._session.now_ns)
        self._rows_replaced()

    def set_scope(self, scope: Scope | None) -> None:
        """List only what `scope` admits, from the top."""
        if scope is None and self._scope is None:
            return
        self._scope = scope
        self._held = frozenset()
        self._is_listed = True
        self._rows.table.set_scope(scope.admits if scope else None, self._session.now_ns)
        self._table.set_empty(self._empty_text())
        self._table.show(self._rows)
        self.describe_border()

    def sort_by(self, key: str) -> None:
        """Order the rows by a column; by the same column again: reverse."""
        table = self._rows.table
        is_reversed = not table.is_reversed if key == table.sort else False
        table.set_sort(key, self._session.now_ns, is_reversed=is_reversed)
        self._table.heading_changed()
        self._rows_replaced()

    def reverse(self) -> None:
        """Reverse the order."""
        self.sort_by(self._rows.table.sort)

    @property
    def sort_choices(self) -> list[tuple[str, str]]:
        """Columns that can order the rows: key and title."""
        return self._rows.sort_choices

    @property
    def sorted_by(self) -> str:
        """The key of the column that orders the rows."""
        return self._rows.table.sort

    @property
    def is_wide(self) -> bool:
        """Whether wide columns are shown before room is given to others."""
        return self._rows.is_wide

    @property
    def hidden(self) -> frozenset[str]:
        """The ids of the columns that are chosen away."""
        return self._rows.hidden

    def set_columns(self, *, is_wide: bool, hidden: frozenset[str]) -> None:
        """Show wide columns too; leave out those hidden."""
        self._rows.set_columns(is_wide=is_wide, hidden=hidden)
        self._table.heading_changed()
        self.describe_border()

    def await_object(self, object_id: str) -> None:
        """Put the cursor on a new object as soon as it is listed."""
        self._table.await_row(self._rows.table.ref(object_id))

    # -- told by the view --------------------------------------------------------------------------

    def apply(self, changes: Changes) -> None:
        if changes.is_reset:
            self._drop_hold()
            self._is_listed = False
        if not self.is_shown:
            self._held |= changes.of(self.kind.message)
        elif not self._is_listed:
            self._list_anew()
        else:
            self._apply_ids(changes.of(self.kind.message), is_before_tick=changes.is_before_tick)

    def catch_up(self) -> None:
        """Come on screen: take in what was told meanwhile."""
        if not self._is_listed:
            if self._session.mirror.stream.phase is not Phase.CONNECTING:
                self._list_anew()
        elif self._held:
            self._take(frozenset())

    @property
    def is_shown(self) -> bool:
        """Whether the pane and all it stands in are displayed."""
        return all(node.display for node in self.ancestors_with_self)

    def _apply_ids(self, ids: frozenset[str], *, is_before_tick: bool) -> None:
        if ids and self._table.is_cursor_moving:
            self._held |= ids
            self._table.objects_changed(ids)
            if self._release is None:
                self._release = once(self, HOLD_S, self._let_go)
        elif ids or self._held:
            self._take(ids, is_before_tick=is_before_tick)

    def _list_anew(self) -> None:
        self._is_listed = True
        self._held = frozenset()
        self._rows.table.rebuild(self._session.now_ns)
        self._rows_replaced()

    def tick(self) -> None:
        if not self.is_shown:
            return
        if self._rows.look_for_usage():
            self._table.heading_changed()
        table = self._rows.table
        revision = self._session.mirror.figures.revision
        is_told_anew = table.is_live and revision != self._revision and not self._table.is_cursor_moving
        if (table.filter is not None and table.filter.is_timed) or is_told_anew:
            self._revision = revision
            self._rows.table.rebuild(self._session.now_ns)
            self._rows_replaced()
        else:
            self._table.time_passed()

    def set_stale(self, is_stale: bool) -> None:
        """Draw everything grey while what is known is old; say why while nothing is known."""
        self._table.set_dimmed(is_stale)
        self._table.set_empty(self._empty_text())

    # -- inside ------------------------------------------------------------------------------------

    def _take(self, ids: frozenset[str], *, is_before_tick: bool = False) -> None:
        ids, self._held = ids | self._held, frozenset()
        change = self._rows.table.apply(Changes({self.kind.message: ids}), self._session.now_ns)
        if change.is_reordered:
            self._table.order_changed()
        if change.touched and is_before_tick:
            self._table.unseen_changed(change.touched)
        elif change.touched:
            self._table.objects_changed(change.touched)
        if change:
            self.describe_border()
            if change.is_reordered or any(ref.id in change.touched for ref in self._table.selected_ids):
                self.post_message(View.KeysChanged())

    def _let_go(self) -> None:
        self._release = None
        if self._table.is_cursor_moving:
            self._release = once(self, HOLD_S, self._let_go)
            return
        self._take(frozenset())

    def _drop_hold(self) -> None:
        self._held = frozenset()
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def _rows_replaced(self) -> None:
        self._table.set_empty(self._empty_text())
        self._table.order_changed()
        self._table.rows_changed(self._table.visible_ids())
        self.describe_border()
        self.post_message(View.KeysChanged())

    def _empty_text(self) -> str:
        if not self._is_listed:
            return self._session.mirror.stream.waiting_text
        if self.found_text or self.is_problems_only:
            return f"{self._rows.table.filter_problem.rstrip('.') or 'nothing matches'} · esc shows all"
        return " · ".join(filter(None, [f"no {self.kind.title.lower()} yet", self.kind.empty_hint]))

    def describe_border(self) -> None:
        heading = self.kind.title + (f" · {self._scope.label}" if self._scope else "")
        if not self._is_listed:
            self._table.label(heading)
            return
        parts = [f"{len(self._rows)} of {self._rows.table.total}" if self._is_cut else str(len(self._rows))]
        if self.is_problems_only:
            parts.append("! problems only")
        if self.found_text:
            parts.append(f"/{self.found_text}")
        if self.is_wide:
            parts.append("wide")
        if marks := len(self._table.marks):
            parts.append(f"{marks} marked")
        self._table.label(heading, " · ".join(parts))

    @property
    def _is_cut(self) -> bool:
        return bool(self.found_text) or self.is_problems_only or self._scope is not None

    def on_object_table_shown(self, event: ObjectTable.Shown) -> None:
        event.stop()
        self.catch_up()

    def on_object_table_heading_clicked(self, event: ObjectTable.HeadingClicked) -> None:
        event.stop()
        if event.key in self.kind.sort_keys:
            self.sort_by(event.key)
