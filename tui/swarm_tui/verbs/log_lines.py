"""How logs are shown: at their newest line, and with the time of each."""

from collections.abc import Callable

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.logs.view import LogsView
from swarm_tui.views.view import Context


def _on_logs(work: Callable[[LogsView], object]) -> Callable[[Ports], None]:
    def run(ports: Ports) -> None:
        view = ports.part(LogsView)
        if view is not None:
            work(view)

    return run


FOLLOW = Verb(
    "log.follow",
    ("s",),
    "follow",
    "stay at the newest line, or stop doing so",
    Context.LOG,
    _on_logs(LogsView.toggle_follow),
    rank=1,
)
TIMES = Verb(
    "log.times",
    ("t",),
    "times",
    "show or hide the time of each line",
    Context.LOG,
    _on_logs(LogsView.toggle_times),
    rank=5,
)
