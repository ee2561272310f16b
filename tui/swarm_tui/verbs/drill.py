"""Try out what happens without a node: drain it, stop the clock at full strength, give it back (docs/design/terminal.md 11.20)."""

from dataclasses import replace

from swarm_tui.operations import nodes
from swarm_tui.operations.drill_course import TIMEOUT_S, objection
from swarm_tui.resources.format import short_duration
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.confirming import confirmed
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_GIVEN_BACK = (
    "What is drained takes tasks again once everything runs elsewhere, and after {} in any case."
    " :score tells how it stands."
)


async def run(ports: Ports) -> None:
    cluster, ids = ports.operations.cluster, ports.ids
    if problem := ports.desk.drill_under_way or objection(cluster, ids):
        ports.desk.say(problem)
        return
    plan = nodes.availability(cluster, ids, "drain")
    note = _GIVEN_BACK.format(short_duration(TIMEOUT_S))
    plan = replace(plan, title=f"Drill: {plan.title[:1].lower()}{plan.title[1:]}", notes=(note,))
    description = await confirmed(ports, plan)
    if description is not None:
        ports.desk.begin_drill(ids, description)


def _score(ports: Ports) -> None:
    lines = ports.desk.drill_lines
    if not lines:
        ports.desk.say("There was no drill yet: :drill NODE begins one.")
        return
    ports.desk.read("Drill", [[(line, "text")] for line in lines])


VERB = Verb(
    "list.drill",
    (),
    "drill",
    "drain a node, stop the clock when everything runs elsewhere, give it back, and tell the score beside the plan",
    Context.LIST,
    run,
    is_on_objects=True,
    changes=True,
    is_of_one=True,
)
SCORE = Verb(
    "global.score",
    (),
    "score",
    "how the drill stands that goes on, or the score of the last one",
    Context.GLOBAL,
    _score,
    realm=Realm.CLUSTER,
)
