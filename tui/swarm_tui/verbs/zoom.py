"""Give one pane of the dashboard the whole screen, or take it back."""

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.dashboard.view import DashboardView
from swarm_tui.views.view import Context


def run(ports: Ports) -> None:
    view = ports.part(DashboardView)
    if view is not None:
        view.toggle_zoom()


VERB = Verb(
    "global.zoom",
    ("f",),
    "full screen",
    "give one pane the whole screen, or take it back",
    Context.GLOBAL,
    run,
    lambda ports: ports.part(DashboardView) is not None,
)
