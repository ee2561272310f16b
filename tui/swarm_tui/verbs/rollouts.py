"""Update services, restart them, hold their rollouts, and take them back to earlier specs: each after its plan was read."""

from collections.abc import Sequence
from functools import partial

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.client.errors import CallFailed, Unreachable

from swarm_tui.dialogs.choose import Choose
from swarm_tui.dialogs.service_update import ServiceUpdate, refusal_of
from swarm_tui.operations import hold as holding
from swarm_tui.operations import update
from swarm_tui.operations.model import Plan
from swarm_tui.resources.model import Realm
from swarm_tui.resources.service_history import choices
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


async def rollback(ports: Ports, typed: str = "") -> None:
    """To the spec before; of one service with several earlier specs to the one that is chosen, or whose number is told."""
    services = _services(ports)
    if len(services) == 1:
        try:
            earlier = await ports.operations.earlier_specs(services[0].id)
        except (CallFailed, Unreachable) as error:
            name = services[0].spec.annotations.name
            ports.desk.tell_failure(f"Could not read the earlier specs of {name}: {error}.")
            return
        if typed or len(earlier) > 1:
            await _to_one(ports, services[0], earlier, typed)
            return
    if typed:
        ports.desk.tell_failure("Could not roll back several services to one revision: name one service.")
        return
    without = [one.spec.annotations.name for one in services if not one.HasField("previous_spec")]
    if without:
        texts = tuple(f"Could not roll back {name}: it has no spec before this one." for name in without)
        await ports.operations.apply(Plan("Roll back", refusals=texts))
        return
    await carry_out(ports, ports.planned(update.rollback))


async def _to_one(
    ports: Ports, service: objects_pb2.Service, earlier: Sequence[ServiceRevision], typed: str
) -> None:
    """Back to the earlier spec with the number that is told, or that is chosen of all of them."""
    name = service.spec.annotations.name
    number = typed or await ports.desk.ask(
        Choose(f"Roll back {name} to", choices(service, earlier, ports.desk.now_ns))
    )
    if number is None:
        return
    found = next((one for one in earlier if str(one.number) == number), None)
    if found is None:
        has = ", ".join(str(one.number) for one in earlier) or "none"
        ports.desk.tell_failure(
            f"Could not roll back {name}: it has no revision {number} to go back to, but {has}."
        )
        return
    revision = found
    if revision.spec == service.previous_spec:
        # The manager's own rollback, with its settings and at its level.
        await carry_out(ports, ports.planned(update.rollback))
        return
    await carry_out(ports, ports.planned(lambda view, ids: update.to_revision(view, ids[0], revision)))


async def hold(ports: Ports) -> None:
    """Hold what is rolled out; what is paused goes on."""
    is_on = holding.turns_on(ports.cluster, ports.ids)
    await carry_out(ports, ports.planned(lambda view, ids: holding.plan(view, ids, is_on=is_on)))


async def resume(ports: Ports) -> None:
    await carry_out(ports, ports.planned(lambda view, ids: holding.plan(view, ids, is_on=False)))


def _hold_label(ports: Ports) -> str:
    return "hold" if holding.turns_on(ports.cluster, ports.ids) else "go on"


UPDATE = Verb(
    "list.update",
    ("u",),
    "update",
    "change what a service runs: image, command, environment",
    Context.LIST,
    change,
    is_on_objects=True,
    rank=4.5,
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
    "take a service back to one of its earlier specs, or several to the one before",
    Context.LIST,
    rollback,
    is_on_objects=True,
    rank=9.5,
    told=rollback,
    changes=True,
)
HOLD = Verb(
    "list.hold",
    ("h",),
    "hold",
    "hold a rollout where it is, or go on with one that is paused",
    Context.LIST,
    hold,
    is_on_objects=True,
    label_now=_hold_label,
    changes=True,
)
RESUME = Verb(
    "list.resume",
    (),
    "go on",
    "go on with a rollout that is paused",
    Context.LIST,
    resume,
    is_on_objects=True,
    changes=True,
)
