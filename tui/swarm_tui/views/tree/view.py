"""The tree over the whole screen: of all objects of a kind, of some of them, or of what a list was cut down to."""

from typing import Final

from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry, tree
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import Realm
from swarm_tui.views.lists.rows_view import RowsView
from swarm_tui.views.place import Place
from swarm_tui.views.tree.pane import TreePane
from swarm_tui.views.view import Context, ViewKind

NAME: Final = "tree"


class TreeView(RowsView[TreePane]):
    """A single TreePane."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, TreePane(session), NAME)

    def arrive(self, place: Place) -> None:
        root = place.kind or tree.FIRST[self._session.mirror.realm]
        only = (place.id, *place.link.others) if place.id else ()
        self.pane.begin_with(root, only, self._label(root, only))
        if place.cursor is not None:
            self.pane.go_to(place.cursor)
        self.pane.table.focus()

    def _label(self, root: str, only: tuple[str, ...]) -> str:
        kind, mirror = registry.by_noun(root), self._session.mirror
        if not only:
            return tree.word(kind.plural)
        if len(only) > 1:
            return plural(len(only), tree.word(root))
        item = mirror.get(kind.message, only[0])
        return f"{tree.word(root)} {kind.name(item, mirror) if item is not None else only[0]}"


VIEW: Final = ViewKind(
    NAME, Context.LIST, TreeView, lambda view, ports: view(ports.session), realms=frozenset(Realm)
)
