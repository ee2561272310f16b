"""All views. A new view is one module and one line here; the first is the one that the program begins with.

The program asks for them when it is built. Each kind of object has a list, without a line.
"""

from collections.abc import Callable
from typing import Any

from swarm_tui.resources import registry
from swarm_tui.resources.model import Realm
from swarm_tui.views.dashboard import view as dashboard
from swarm_tui.views.detail import view as detail
from swarm_tui.views.form import object_view, rotate_view, run_view, stack_view
from swarm_tui.views.form import view as form
from swarm_tui.views.lists.view import list_of
from swarm_tui.views.logs import view as logs
from swarm_tui.views.tree import view as tree
from swarm_tui.views.view import ViewKind
from swarm_tui.views.why import view as why

_kinds: list[ViewKind[Any]] = []


def register(kind: ViewKind[Any]) -> Callable[[], None]:
    """Make a view known; the returned call takes it out again. No two have the same name."""
    assert all(kind.name != other.name for other in _kinds), kind.name
    _kinds.append(kind)
    return lambda: _kinds.remove(kind)


def views(realm: Realm = Realm.CLUSTER) -> tuple[ViewKind[Any], ...]:
    """Every view of a realm's screen, its home first: the dashboard of a cluster, the first list elsewhere."""
    own = tuple(kind for kind in _kinds if realm in kind.realms)
    lists = tuple(list_of(kind) for kind in registry.kinds(realm))
    return (*own, *lists) if realm is Realm.CLUSTER else (*lists, *own)


def everywhere() -> tuple[ViewKind[Any], ...]:
    """Every view of every realm, each once."""
    found = {kind.name: kind for realm in Realm for kind in views(realm)}
    return tuple(found.values())


register(dashboard.VIEW)
register(detail.VIEW)
register(logs.VIEW)
register(tree.VIEW)
register(form.VIEW)
register(why.VIEW)
for _form in object_view.VIEWS:
    register(_form)
register(stack_view.VIEW)
register(run_view.VIEW)
for _rotation in rotate_view.VIEWS:
    register(_rotation)
