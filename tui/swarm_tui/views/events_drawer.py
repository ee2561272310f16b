"""The drawer of events: the list of events cut down to what the place is about, over whatever is shown (docs/design/panes.md L.3)."""

from typing import Final

from swarm_tui.resources import registry
from swarm_tui.resources.events import KIND as EVENTS
from swarm_tui.resources.events import Event
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.stacks import Stack
from swarm_tui.views.lists.pane import Scope
from swarm_tui.views.lists.view import ListView
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, ViewKind


def scope_of(place: Place, view: ClusterView) -> Scope | None:
    """What happened to what the place is about: to a task's service, to all of a stack's objects; None for everything."""
    if not place.id:
        return None
    kind = registry.by_noun(place.kind)
    item = view.get(kind.message, place.id)
    if item is None:
        return _of(place.kind, place.id, place.id)
    if kind.noun == "stack":
        return Scope(f"stack {place.id}", lambda event: _is_member(event, place.id, view))
    if kind.noun in EVENTS.owners:
        return _of(kind.noun, place.id, kind.name(item, view))
    owner = kind.owner(item)
    if owner is None or owner[0] not in EVENTS.owners:
        return None
    held = registry.by_noun(owner[0])
    found = view.get(held.message, owner[1])
    return _of(*owner, held.name(found, view) if found is not None else owner[1])


def _of(noun: str, id_: str, name: str) -> Scope:
    return Scope(f"{noun} {name}", lambda event: (event.ref.kind, event.ref.id) == (noun, id_))


def _is_member(event: Event, name: str, view: ClusterView) -> bool:
    stack = view.get(Stack, name)
    return stack is not None and event.ref.id in getattr(stack, f"{event.ref.kind}s", ())


class EventsDrawer(ListView):
    """See the module's text. Its scope follows the place."""

    def scope(self, place: Place) -> Scope | None:
        return scope_of(place, self._session.mirror)


DRAWER: Final = ViewKind(
    EVENTS.plural, Context.LIST, EventsDrawer, lambda view, ports: view(ports.session, EVENTS)
)
