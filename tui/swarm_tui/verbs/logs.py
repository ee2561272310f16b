"""Follow the logs of what is selected."""

from swarm_tui.resources.model import Link
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.logs import view as logs
from swarm_tui.views.view import Context


def run(ports: Ports) -> Work:
    ref = ports.selection.refs[0]
    return ports.navigator.go(Link(logs.NAME, ref.kind, ref.id))


VERB = Verb(
    "list.logs",
    ("l",),
    "logs",
    "follow the logs of a service or task, in time order",
    Context.LIST,
    run,
    is_on_objects=True,
    rank=2,
)
