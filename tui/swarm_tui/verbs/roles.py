"""Ask which role, and promote or demote the selected nodes, after the plan was read."""

from swarm_tui.dialogs.choose import Choose
from swarm_tui.operations import nodes
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_OPTIONS = (("manager", "manager  takes part in decisions"), ("worker", "worker   runs tasks alone"))


async def run(ports: Ports) -> None:
    cluster, ids = ports.cluster, ports.ids
    title = f"Role of {nodes.subject_of(cluster, ids)}"
    word = await ports.desk.ask(Choose(title, _OPTIONS))
    if word is not None:
        await carry_out(ports, ports.planned(lambda view, own: nodes.role(view, own, word)))


VERB = Verb(
    "list.role",
    ("P",),
    "role",
    "promote nodes to managers, or demote them to workers",
    Context.LIST,
    run,
    is_on_objects=True,
    changes=True,
)
