"""The tree over the whole screen: of all objects of a kind, of some of them, or of what a list was cut down to."""

from collections.abc import Iterable
from typing import Final

from textual.app import ComposeResult

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry, tree
from swarm_tui.resources.format import plural
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.place import Place
from swarm_tui.views.tree.pane import TreePane
from swarm_tui.views.view import Context, View, ViewKind

NAME: Final = "tree"


class TreeView(View):
    """A single TreePane."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=NAME)
        self._session = session
        self.pane = TreePane(session)

    def compose(self) -> ComposeResult:
        yield self.pane

    def arrive(self, place: Place) -> None:
        root = place.kind or tree.SERVICE
        only = (place.id, *place.link.others) if place.id else ()
        self.pane.begin_with(root, only, self._label(root, only))
        if place.cursor is not None:
            self.pane.go_to(place.cursor)
        self.pane.table.focus()

    def _label(self, root: str, only: tuple[str, ...]) -> str:
        kind, mirror = registry.by_noun(root), self._session.mirror
        if not only:
            return kind.plural
        if len(only) > 1:
            return plural(len(only), root)
        item = mirror.get(kind.message, only[0])
        return f"{root} {kind.name(item, mirror) if item is not None else only[0]}"

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


VIEW: Final = ViewKind(NAME, Context.LIST, TreeView, lambda view, ports: view(ports.session))
