"""Which tasks use most: the list of tasks by the processors they use, of the selected node or service or of all."""

from functools import partial

from swarm_tui.resources.engines.containers import KIND as CONTAINERS
from swarm_tui.resources.engines.engines import KIND as ENGINES
from swarm_tui.resources.model import Link, Realm
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
    refs = ports.selection.refs
    if ports.selection.kind in (NODES.noun, SERVICES.noun) and refs:
        await ports.navigator.go(Link(TASKS.plural, refs[0].kind, refs[0].id))
    elif ports.selection.kind != TASKS.noun:
        await ports.navigator.go(Link(TASKS.plural))
    pane = ports.part(ObjectPane)
    if pane is not None and pane.kind.noun == TASKS.noun and pane.sorted_by != _BY:
        pane.sort_by(_BY)


async def of_containers(ports: Ports) -> None:
    """Of engines: ask for the figures of the containers on screen, and list them by it; where they are listed so, ask no more."""
    hands, pane = ports.operations.engines, ports.part(ObjectPane)
    assert hands is not None and hands.stats is not None, "figures are looked at on the engines' screen"
    stats = hands.stats
    if stats.is_on and pane is not None and pane.kind is CONTAINERS and pane.sorted_by == _BY:
        stats.watch(None)
        pane.sort_by(CONTAINERS.default_sort)
        return
    refs = ports.selection.refs
    if refs and ports.selection.kind == ENGINES.noun:
        await ports.navigator.go(Link(CONTAINERS.plural, refs[0].kind, refs[0].id))
    elif ports.selection.kind != CONTAINERS.noun:
        await ports.navigator.go(Link(CONTAINERS.plural))
    stats.watch(partial(_looked_at, ports))
    pane = ports.part(ObjectPane)
    if pane is not None and pane.kind is CONTAINERS and pane.sorted_by != _BY:
        pane.sort_by(_BY)


def _looked_at(ports: Ports) -> list[str]:
    """The containers on screen."""
    pane = ports.part(ObjectPane)
    if pane is None or pane.kind is not CONTAINERS or not pane.is_shown:
        return []
    return [ref.id for ref in pane.table.visible_ids()]


VERB = Verb(
    "list.top",
    ("t",),
    "top",
    "the tasks that use most processors: of the selected node or service, or of all",
    Context.LIST,
    show,
    on_list.is_there,
    in_realm={Realm.ENGINES: of_containers},
)
