"""Keep an object beside whatever is shown, and the drawer of events below it (docs/design/panes.md L.2, L.3)."""

from swarm_tui.resources.model import DESCRIBE, TEXT_VIEW, Link, Realm
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.logs import view as logs
from swarm_tui.views.view import Context


async def _toggle(ports: Ports, link: Link) -> None:
    """Pin it instead of what is pinned; what is pinned already, not any more."""
    if ports.panes.pinned == link:
        ports.panes.unpin()
    else:
        await ports.panes.pin(link)


async def pin(ports: Ports) -> None:
    ref = ports.selection.refs[0]
    await _toggle(ports, Link(TEXT_VIEW, ref.kind, ref.id, DESCRIBE))


async def pin_logs(ports: Ports) -> None:
    first, *others = ports.selection.refs
    await _toggle(ports, Link(logs.NAME, first.kind, first.id, others=tuple(one.id for one in others)))


PIN = Verb(
    "list.pin",
    ("equals_sign",),
    "pin",
    "keep it in words beside whatever is shown; again: not any more",
    Context.LIST,
    pin,
    is_on_objects=True,
)
PIN_LOGS = Verb(
    "list.pin_logs",
    ("plus",),
    "pin logs",
    "keep its logs beside whatever is shown; again: not any more",
    Context.LIST,
    pin_logs,
    is_on_objects=True,
    is_of_one=True,
)
UNPIN = Verb(
    "global.unpin",
    (),
    "unpin",
    "keep nothing beside what is shown",
    Context.GLOBAL,
    lambda ports: ports.panes.unpin(),
    lambda ports: ports.panes.pinned is not None,
)
DRAWER = Verb(
    "global.drawer",
    ("grave_accent",),
    "changes",
    "what happened lately to what is shown, in a drawer below it; tab enters it",
    Context.GLOBAL,
    lambda ports: ports.panes.toggle_drawer(),
    aliases=("drawer",),
    realm=Realm.CLUSTER,
)
