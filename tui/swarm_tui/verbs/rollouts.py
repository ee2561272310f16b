"""Update services, restart them, and take them back to the spec before: each after its plan was read."""

from functools import partial

from swarm_core.api.proto import objects_pb2

from swarm_tui.dialogs.service_update import ServiceUpdate, refusal_of
from swarm_tui.operations import update
from swarm_tui.operations.model import Plan
from swarm_tui.resources.model import Realm
from swarm_tui.verbs import engine_containers
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


def _services(ports: Ports) -> list[objects_pb2.Service]:
    cluster = ports.cluster
    found = (cluster.get(objects_pb2.Service, id_) for id_ in ports.ids)
    return [service for service in found if service is not None]


async def change(ports: Ports) -> None:
    """One service at a time: what several have in common is their number (scale) and their tasks (restart)."""
    services = _services(ports)
    if not services:
        return
    service, *more = services
    refusal = "Could not update several services at once." if more else refusal_of(service.spec)
    if refusal:
        await ports.operations.apply(Plan("Update", refusals=(refusal,)))
        return
    cluster = ports.cluster
    edit = await ports.desk.ask(ServiceUpdate(service, lambda edit: update.plan(cluster, [service.id], edit)))
    if edit is not None:
        await carry_out(ports, update.plan(cluster, [service.id], edit))


async def restart(ports: Ports) -> None:
    await carry_out(ports, ports.planned(update.restart))


async def rollback(ports: Ports) -> None:
    services = _services(ports)
    without = [one.spec.annotations.name for one in services if not one.HasField("previous_spec")]
    if without:
        texts = tuple(f"Could not roll back {name}: it has no spec before this one." for name in without)
        await ports.operations.apply(Plan("Roll back", refusals=texts))
        return
    await carry_out(ports, ports.planned(update.rollback))


UPDATE = Verb(
    "list.update",
    ("u",),
    "update",
    "change what a service runs: image, command, environment",
    Context.LIST,
    change,
    is_on_objects=True,
    changes=True,
)
RESTART = Verb(
    "list.restart",
    ("R",),
    "restart",
    "give services new tasks, as many at a time as they say",
    Context.LIST,
    restart,
    is_on_objects=True,
    changes=True,
    in_realm={Realm.ENGINES: partial(engine_containers.turn, word="restart")},
)
ROLLBACK = Verb(
    "list.rollback",
    ("b",),
    "roll back",
    "take services back to the spec before this one",
    Context.LIST,
    rollback,
    is_on_objects=True,
    changes=True,
)
