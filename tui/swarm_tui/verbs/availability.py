"""Ask which, and set the availability of the selected nodes."""

from swarm_core.api.proto import objects_pb2

from swarm_tui.dialogs.choose import Choose
from swarm_tui.operations import nodes, surge
from swarm_tui.resources.model import Realm
from swarm_tui.resources.nodes import availability, name
from swarm_tui.verbs import engine_containers
from swarm_tui.verbs.confirming import carry_out, confirmed
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_STOP = "stop"


async def run(ports: Ports) -> None:
    cluster, ids = ports.cluster, ports.ids
    found = [node for id_ in ids if (node := cluster.get(objects_pb2.Node, id_)) is not None]
    if not found:
        return
    options = [(word, f"{word.ljust(8)} {means}") for word, means in (*nodes.AVAILABILITIES, *_surges(ports))]
    title = f"Availability of {nodes.subject_of(cluster, ids)}"
    word = await ports.desk.ask(Choose(title, options, availability(found[0])))
    if word is None:
        return
    if word == surge.WORD:
        await _surge(ports)
    elif word == _STOP and ports.desk.surges is not None:
        ports.desk.surges.stop()
    else:
        await carry_out(ports, ports.planned(lambda view, own: nodes.availability(view, own, word)))


def _surges(ports: Ports) -> list[tuple[str, str]]:
    """The drain with the replacements first, or the way out of the one that goes on. It is about one cluster."""
    surges = ports.desk.surges
    if ports.desk.is_of_several or surges is None:
        return []
    if surges.is_of(ports.ids):
        return [(_STOP, "ends this surge; what moved stays")]
    return [(surge.WORD, surge.MEANS)]


async def _surge(ports: Ports) -> None:
    cluster, ids = ports.operations.cluster, ports.ids
    if ports.desk.surges is not None and ports.desk.surges.under_way:
        ports.desk.say(ports.desk.surges.under_way)
        return
    # Whoever reads the plan reads what cannot be moved first.
    made = surge.prepared(cluster, ids, rest_plainly=True)
    if made.shown.refusals:
        ports.desk.say(" ".join(made.shown.refusals))
        return
    description = await confirmed(ports, made.shown, lambda found: surge.told(made, cluster, found))
    if description is not None:
        names = [
            name(node, cluster) for id_ in ids if (node := cluster.get(objects_pb2.Node, id_)) is not None
        ]
        rest = ["--rest-plainly"] if made.shown.warnings else []
        ports.desk.begin_surge(made, ports.operations.deeds, ["node", "drain", "--surge", *rest, *names])


def _label(ports: Ports) -> str:
    return "availability" if ports.operations.cluster.realm is Realm.CLUSTER else "state"


VERB = Verb(
    "list.availability",
    ("a",),
    "availability",
    "set a node active, paused or draining, with its replacements first (surge) or not; the state of a container or an engine",
    Context.LIST,
    run,
    is_on_objects=True,
    rank=4,
    label_now=_label,
    changes=True,
    in_realm={Realm.ENGINES: engine_containers.state},
)
