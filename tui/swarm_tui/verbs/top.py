"""Which tasks use most: the list of tasks by the processors they use, of the selected node or service or of all."""

from swarm_tui.resources.model import Link
from swarm_tui.resources.nodes import KIND as NODES
from swarm_tui.resources.services import KIND as SERVICES
from swarm_tui.resources.tasks import KIND as TASKS
from swarm_tui.verbs import on_list
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context

_BY = "cpu"


async def show(ports: Ports) -> None:
    """Of a cluster."""
    refs = ports.selection.refs
    if ports.selection.kind in (NODES.noun, SERVICES.noun) and refs:
        await ports.navigator.go(Link(TASKS.plural, refs[0].kind, refs[0].id))
    elif ports.selection.kind != TASKS.noun:
        await ports.navigator.go(Link(TASKS.plural))
    pane = ports.part(ObjectPane)
    if pane is not None and pane.kind.noun == TASKS.noun and pane.sorted_by != _BY:
        pane.sort_by(_BY)


VERB = Verb(
    "list.top",
    ("t",),
    "top",
    "the tasks that use most processors: of the selected node or service, or of all",
    Context.LIST,
    show,
    on_list.is_there,
)
