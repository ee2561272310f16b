"""Say what would fit what services use, as a plan that can be carried out (docs/design/plans.md 13.11)."""

from functools import partial

from swarm_tui.operations import suggest
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_SCALE = "scale"


async def _run(ports: Ports, *, number_only: bool = False) -> None:
    plan = ports.planned(partial(suggest.plan, number_only=number_only))
    if plan.steps:
        await carry_out(ports, plan)
    else:
        ports.desk.read(plan.title, [[(text, "text")] for text in plan.notes])


def _told(ports: Ports, text: str) -> Work | None:
    if text.strip() == _SCALE:
        return _run(ports, number_only=True)
    ports.desk.say(
        f"{text.strip()!r} is not known here: :suggest, or :suggest {_SCALE} for the number of tasks alone."
    )
    return None


VERB = Verb(
    "list.suggest",
    (),
    "suggest",
    "the number of tasks and the reservations that would fit what services used over ten minutes, and why",
    Context.LIST,
    _run,
    is_on_objects=True,
    told=_told,
    changes=True,
    realm=Realm.CLUSTER,
)
