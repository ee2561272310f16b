"""Take back what was changed last from here, after its plan was read."""

from swarm_tui.operations.undo import inverse
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    deeds = ports.operations.deeds
    deed = deeds.last
    if deed is None:
        ports.desk.say("Nothing was changed from here that could be undone.")
        return
    if not ports.operations.shows(deed):
        ports.desk.say(f"“{deed.title}” is not on this screen yet: nothing was undone.")
        return
    plan = inverse(deed, ports.operations.cluster)
    outcomes = await carry_out(ports, plan)
    if plan.refusals:
        deeds.forget(deed)
    else:
        deeds.taken_back(deed, outcomes)


VERB = Verb(
    "global.undo",
    ("z",),
    "undo",
    "take back what was changed last from here",
    Context.GLOBAL,
    run,
    changes=True,
    realm=Realm.CLUSTER,
)
