"""To a view from everywhere: the views that have a key make these verbs, one each; views with the same key take turns."""

from collections.abc import Sequence
from typing import Any

from swarm_tui.resources.model import Link
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views import registry
from swarm_tui.views.view import Context, ViewKind


def to_views() -> tuple[Verb, ...]:
    """The verbs that go to the views registered now."""
    by_key: dict[str, list[ViewKind[Any]]] = {}
    for kind in registry.everywhere():
        if kind.key:
            by_key.setdefault(kind.key, []).append(kind)
    return tuple(_to_view(sharing) for sharing in by_key.values())


def _to_view(sharing: Sequence[ViewKind[Any]]) -> Verb:
    names = [kind.name for kind in sharing]

    def run(ports: Ports) -> Work:
        """To the first; from one of them to the next."""
        here = ports.navigator.here
        turn = names.index(here.view) + 1 if here.view in names and not here.id else 0
        return ports.navigator.go(Link(names[turn % len(names)]))

    first, *more = sharing
    help_ = first.help if not more else f"{first.help}, and again: {', '.join(names[1:])}"
    return Verb(
        f"global.{first.name}",
        (first.key,),
        first.name,
        help_,
        Context.GLOBAL,
        run,
        rank=first.rank,
    )
