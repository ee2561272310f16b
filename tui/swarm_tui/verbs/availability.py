"""Ask which, and set the availability of the selected nodes."""

from swarm_core.api.proto import objects_pb2

from swarm_tui.dialogs.choose import Choose
from swarm_tui.operations import nodes
from swarm_tui.resources.model import Realm
from swarm_tui.resources.nodes import availability
from swarm_tui.verbs import engine_containers
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    cluster, ids = ports.cluster, ports.ids
    found = [node for id_ in ids if (node := cluster.get(objects_pb2.Node, id_)) is not None]
    if not found:
        return
    options = [(word, f"{word.ljust(8)} {means}") for word, means in nodes.AVAILABILITIES]
    title = f"Availability of {nodes.subject_of(cluster, ids)}"
    word = await ports.desk.ask(Choose(title, options, availability(found[0])))
    if word is None:
        return
    await carry_out(ports, ports.planned(lambda view, own: nodes.availability(view, own, word)))


def _label(ports: Ports) -> str:
    return "availability" if ports.operations.cluster.realm is Realm.CLUSTER else "state"


VERB = Verb(
    "list.availability",
    ("a",),
    "availability",
    "set a node active, paused or draining",
    Context.LIST,
    run,
    is_on_objects=True,
    rank=4,
    label_now=_label,
    changes=True,
    in_realm={Realm.ENGINES: engine_containers.state},
)
