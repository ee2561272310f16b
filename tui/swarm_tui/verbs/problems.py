"""List only what has a problem, or everything again, of whatever it belongs to; of logs show only errors."""

from swarm_tui.resources.model import Link
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.rows_pane import RowsPane
from swarm_tui.views.logs.view import LogsView
from swarm_tui.views.view import Context

_LABEL = "problems"


def run(ports: Ports) -> None:
    pane, logs = ports.part(RowsPane), ports.part(LogsView)
    if pane is not None:
        pane.set_problems_only(not pane.is_problems_only)
    elif logs is not None:
        logs.toggle_errors_only()


def _is_narrowed(ports: Ports) -> bool:
    pane, here = ports.part(RowsPane), ports.navigator.here
    return pane is not None and bool(here.id or pane.found_text or pane.is_problems_only)


async def show_all(ports: Ports) -> None:
    pane, here = ports.part(RowsPane), ports.navigator.here
    if pane is not None:
        pane.clear_all()
    if here.id:
        await ports.navigator.go(Link(here.view))


ALL = Verb(
    "global.all",
    ("0",),
    "all",
    "list all there is: no filter, no owner",
    Context.GLOBAL,
    show_all,
    _is_narrowed,
)
VERB = Verb(
    "global.problems",
    ("exclamation_mark",),
    _LABEL,
    "list only what has a problem; of logs show only errors",
    Context.GLOBAL,
    run,
    lambda ports: ports.part(RowsPane) is not None or ports.part(LogsView) is not None,
    rank=7,
    label_now=lambda ports: _LABEL if ports.part(LogsView) is None else "errors",
)
