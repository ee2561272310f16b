"""Places that a key leads to from everywhere: the dashboard, and the lists of the kinds that have a key."""

from swarm_tui.resources import registry
from swarm_tui.resources.model import Link
from swarm_tui.verbs.model import Verb
from swarm_tui.views.dashboard import view as dashboard
from swarm_tui.views.view import Context


def to_view(view: str, key: str, help_text: str) -> Verb:
    """The verb that goes to a view which is about nothing in particular."""
    return Verb(
        f"global.{view}",
        (key,),
        view,
        help_text,
        Context.GLOBAL,
        lambda ports: ports.navigator.go(Link(view)),
    )


DASHBOARD = to_view(dashboard.NAME, "1", "the dashboard")


def to_lists() -> tuple[Verb, ...]:
    """The verbs that go to the lists of the kinds registered now."""
    return tuple(
        to_view(kind.plural, kind.list_key, f"the list of {kind.plural}")
        for kind in registry.kinds()
        if kind.list_key
    )
