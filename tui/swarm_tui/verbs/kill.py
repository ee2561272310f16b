"""Kill tasks, after a plan that says what takes their places (docs/design/plans.md 13.7)."""

from functools import partial

from swarm_tui.operations import kill
from swarm_tui.resources.model import Realm
from swarm_tui.verbs import engine_containers
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    await carry_out(ports, ports.planned(kill.plan))


VERB = Verb(
    "list.kill",
    ("ctrl+k",),
    "kill",
    "kill tasks or containers; the plan says what takes a task's place",
    Context.LIST,
    run,
    is_on_objects=True,
    changes=True,
    in_realm={Realm.ENGINES: partial(engine_containers.turn, word="kill")},
)
