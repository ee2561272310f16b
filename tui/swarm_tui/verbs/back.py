"""Back: first what was narrowed down or marked, then the place before; where there is none, perhaps out."""

from swarm_tui.dialogs.leave import Leave
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def back(ports: Ports) -> None:
    if not ports.navigator.view.clear_one():
        await ports.navigator.go_back()


async def leave(ports: Ports) -> None:
    if ports.navigator.view.clear_one() or await ports.navigator.go_back():
        return
    if ports.desk.past is not None:
        ports.desk.toggle_past()
        return
    if await ports.desk.ask(Leave(ports.desk.leaving)):
        ports.desk.quit()


BACK = Verb(
    "global.back",
    ("escape",),
    "back",
    "back: filter, marks, then the view before",
    Context.GLOBAL,
    back,
    lambda ports: not ports.navigator.is_root or ports.navigator.view.can_clear,
    rank=12,
)
LEAVE = Verb(
    "global.leave",
    ("q",),
    "back or quit",
    "back; on the dashboard, ask whether to quit; from the past to now",
    Context.GLOBAL,
    leave,
    aliases=("q",),
)
