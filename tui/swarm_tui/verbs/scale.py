"""Ask for an amount and scale the selected services to it."""

from functools import partial

from swarm_core.api.proto import objects_pb2

from swarm_tui.dialogs.scale import Scale
from swarm_tui.operations import scale
from swarm_tui.operations.model import Plan
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def run(ports: Ports, typed: str = "") -> None:
    cluster = ports.cluster
    ids = [id_ for id_ in ports.ids if cluster.get(objects_pb2.Service, id_) is not None]
    if not ids:
        return
    subject = scale.subject_of(cluster, ids)
    if refusals := scale.refusals(cluster, ids):
        await ports.operations.apply(Plan(f"Scale {subject}", refusals=tuple(refusals)))
        return
    dialog = Scale(subject, scale.present(cluster, ids), partial(scale.judge, cluster, ids), typed)
    amount = await ports.desk.ask(dialog)
    if amount is not None:
        await carry_out(ports, ports.planned(lambda view, own: scale.plan(view, own, amount)))


VERB = Verb(
    "list.scale",
    ("s",),
    "scale",
    "scale a service: 5, =5, +3, -1 or x2",
    Context.LIST,
    run,
    is_on_objects=True,
    rank=4,
    told=run,
    changes=True,
)
