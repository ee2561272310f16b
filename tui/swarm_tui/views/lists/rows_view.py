"""A view that is one pane of rows over the whole screen: a list, or the tree. What it is told and asked goes to the pane."""

from collections.abc import Iterable
from typing import Generic, TypeVar

from textual.app import ComposeResult

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.lists.rows_pane import RowsPane
from swarm_tui.views.view import View

P = TypeVar("P", bound=RowsPane)


class RowsView(View, Generic[P]):
    """See the module's text. Whoever derives from it says in `arrive` what the rows are of."""

    def __init__(self, session: Session, pane: P, name: str) -> None:
        super().__init__(id=name)
        self._session = session
        self.pane = pane

    def compose(self) -> ComposeResult:
        yield self.pane

    def apply(self, changes: Changes) -> None:
        self.pane.apply(changes)

    def tick(self) -> None:
        self.pane.tick()

    def set_stale(self, is_stale: bool) -> None:
        self.pane.set_stale(is_stale)

    @property
    def parts(self) -> Iterable[object]:
        return self, self.pane

    @property
    def selected_kind(self) -> str:
        return self.pane.selected_kind

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        return self.pane.selected

    @property
    def cursor(self) -> ObjectRef | None:
        return self.pane.table.cursor_id

    @property
    def can_clear(self) -> bool:
        return self.pane.can_clear

    def clear_one(self) -> bool:
        return self.pane.clear_one()
