"""One kind of object over the whole screen; cut down to what belongs to another object where the place names one."""

from typing import Any

from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry
from swarm_tui.resources.model import ResourceKind
from swarm_tui.views.lists.pane import ObjectPane, Scope
from swarm_tui.views.lists.rows_view import RowsView
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, ViewKind


class ListView(RowsView[ObjectPane]):
    """A single ObjectPane."""

    def __init__(self, session: Session, kind: ResourceKind[Any]) -> None:
        super().__init__(session, ObjectPane(session, kind, id=f"list-{kind.plural}"), kind.plural)

    def arrive(self, place: Place) -> None:
        self.show(place)
        if place.cursor is not None:
            self.pane.table.move_to(place.cursor)
        self.pane.table.focus()

    def show(self, place: Place) -> None:
        self.pane.set_scope(self.scope(place))
        self.pane.catch_up()

    def scope(self, place: Place) -> Scope | None:
        """What the list is cut down to there."""
        if not place.id:
            return None
        owner, mirror = registry.by_noun(place.kind), self._session.mirror
        item = mirror.get(owner.message, place.id)
        label = owner.name(item, mirror) if item is not None else place.id
        called = owner.called(item) if item is not None else (place.id,)
        return Scope(f"{place.kind} {label}", lambda one: self.pane.kind.belongs_to(one, place.kind, *called))


def list_of(kind: ResourceKind[Any]) -> ViewKind[ListView]:
    """The view that lists objects of this kind."""
    return ViewKind(
        kind.plural,
        Context.LIST,
        ListView,
        lambda view, ports: view(ports.session, kind),
        key=kind.list_key,
        help=f"the list of {kind.plural}",
        realms=frozenset((kind.realm,)),
    )
