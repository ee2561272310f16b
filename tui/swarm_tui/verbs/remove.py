"""Ask for the name (or, for several, their number) and remove what is selected."""

from swarm_tui.operations import remove
from swarm_tui.resources import registry, stacks
from swarm_tui.resources.model import Realm
from swarm_tui.verbs import engine_objects, stack_removal
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    kind = registry.by_noun(ports.selection.kind)
    if kind is stacks.KIND:
        await stack_removal.run(ports)
        return
    plan = ports.planned(lambda view, own: remove.plan(view, kind, own))
    if not plan.steps:
        return
    await carry_out(ports, plan)


VERB = Verb(
    "list.remove",
    ("ctrl+d",),
    "remove",
    "remove what is selected or marked, after its plan was read",
    Context.LIST,
    run,
    is_on_objects=True,
    rank=10,
    aliases=("rm", "delete"),
    changes=True,
    in_realm={Realm.ENGINES: engine_objects.remove},
)
