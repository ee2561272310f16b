"""To a view from everywhere: the views that have a key make these verbs, one each."""

from typing import Any

from swarm_tui.resources.model import Link
from swarm_tui.verbs.model import Verb
from swarm_tui.views import registry
from swarm_tui.views.view import Context, ViewKind


def to_views() -> tuple[Verb, ...]:
    """The verbs that go to the views registered now."""
    return tuple(_to_view(kind) for kind in registry.views() if kind.key)


def _to_view(kind: ViewKind[Any]) -> Verb:
    return Verb(
        f"global.{kind.name}",
        (kind.key,),
        kind.name,
        kind.help,
        Context.GLOBAL,
        lambda ports: ports.navigator.go(Link(kind.name)),
        rank=kind.rank,
    )
