"""List only what has a problem, or everything again, of whatever it belongs to."""

from swarm_tui.resources.model import Link
from swarm_tui.verbs import on_list
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


def _toggle(pane: ObjectPane) -> None:
    pane.set_problems_only(not pane.is_problems_only)


def _is_narrowed(ports: Ports) -> bool:
    pane, here = ports.part(ObjectPane), ports.navigator.here
    return pane is not None and bool(here.id or pane.found_text or pane.is_problems_only)


async def show_all(ports: Ports) -> None:
    pane, here = ports.part(ObjectPane), ports.navigator.here
    if pane is not None:
        pane.clear_all()
    if here.id:
        await ports.navigator.go(Link(here.view))


ALL = Verb(
    "global.all",
    ("0",),
    "all",
    "list all there is: no filter, no owner",
    Context.GLOBAL,
    show_all,
    _is_narrowed,
)
VERB = Verb(
    "global.problems",
    ("exclamation_mark",),
    "problems",
    "list only what has a problem",
    Context.GLOBAL,
    on_list.doing(_toggle),
    on_list.is_there,
    rank=7,
)
