"""Why something is not as it is wanted, and a fix of it after its plan was read."""

from swarm_tui.dialogs.choose import Choose
from swarm_tui.resources.model import Link
from swarm_tui.resources.printable import printable
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context
from swarm_tui.views.why.view import NAME, WhyView


def _ask(ports: Ports) -> Work:
    ref = ports.selection.refs[0]
    return ports.navigator.go(Link(NAME, ref.kind, ref.id))


def _has_fix(ports: Ports) -> bool:
    view = ports.part(WhyView)
    return view is not None and bool(view.fixes)


async def _fix(ports: Ports) -> None:
    view = ports.part(WhyView)
    if view is None or not view.fixes:
        return
    found = view.fixes
    number = "0"
    if len(found) > 1:
        options = [(str(index), f"[{index + 1}] {printable(fix.text)}") for index, fix in enumerate(found)]
        number = await ports.desk.ask(Choose("Nearest fixes", options)) or ""
    if number:
        await carry_out(ports, found[int(number)].plan)


WHY = Verb(
    "list.why",
    ("w",),
    "why",
    "why it is not as it is wanted: every node beside every filter, and the nearest fixes",
    Context.LIST,
    _ask,
    is_on_objects=True,
    rank=18,
)
FIX = Verb(
    "text.fix",
    ("enter",),
    "fix",
    "on the page of why: the plan of one of the nearest fixes",
    Context.TEXT,
    _fix,
    _has_fix,
    rank=1,
    changes=True,
)
