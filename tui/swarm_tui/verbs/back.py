"""Back: first what was narrowed down or marked, then out of a pane beside, then the place before; where there is none, what stands
beside is closed, and then perhaps out."""

from swarm_tui.dialogs.leave import Leave
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def _went_back(ports: Ports) -> bool:
    return (
        ports.navigator.view.clear_one()
        or ports.panes.step_out()
        or await ports.navigator.go_back()
        or ports.panes.close_one()
    )


async def back(ports: Ports) -> None:
    if not await _went_back(ports) and ports.desk.is_inside:
        ports.desk.go_to_all()


async def leave(ports: Ports) -> None:
    if await _went_back(ports):
        return
    if ports.desk.past is not None:
        ports.desk.toggle_past()
        return
    if ports.desk.is_inside:
        ports.desk.go_to_all()
        return
    if await ports.desk.ask(Leave(ports.desk.leaving)):
        ports.desk.quit()


BACK = Verb(
    "global.back",
    ("escape",),
    "back",
    "back: filter, marks, then the view before, then pinned pane and drawer",
    Context.GLOBAL,
    back,
    lambda ports: (
        not ports.navigator.is_root
        or ports.navigator.view.can_clear
        or ports.panes.is_open
        or ports.desk.is_inside
    ),
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
