"""Stop services and start them again, each with as many tasks as before (docs/design/plans.md 13.6); of containers, docker's own."""

from functools import partial

from swarm_tui.operations import park
from swarm_tui.resources.model import Realm
from swarm_tui.verbs import engine_containers
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def turn(ports: Ports) -> None:
    """Stop what is selected; start it where it is stopped."""
    is_stopped = park.is_stopped(ports.cluster, ports.ids)
    await carry_out(ports, ports.planned(park.start if is_stopped else park.stop))


async def start(ports: Ports) -> None:
    await carry_out(ports, ports.planned(park.start))


def _label(ports: Ports) -> str:
    if ports.operations.cluster.realm is not Realm.CLUSTER:
        return "stop"
    return "start" if park.is_stopped(ports.cluster, ports.ids) else "stop"


STOP = Verb(
    "list.stop",
    ("S",),
    "stop",
    "stop services, and start them with as many tasks as before; stop containers",
    Context.LIST,
    turn,
    is_on_objects=True,
    label_now=_label,
    changes=True,
    in_realm={Realm.ENGINES: partial(engine_containers.turn, word="stop")},
)
START = Verb(
    "list.start",
    (),
    "start",
    "start services that were stopped, or containers",
    Context.LIST,
    start,
    is_on_objects=True,
    changes=True,
    in_realm={Realm.ENGINES: partial(engine_containers.turn, word="start")},
)
