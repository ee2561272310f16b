"""Drill into what is selected."""

from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


def run(ports: Ports) -> Work:
    return ports.navigator.open(ports.selection.refs[0])


VERB = Verb(
    "list.open",
    ("enter",),
    "open",
    "drill in: what belongs to it, or the object in words",
    Context.LIST,
    run,
    is_on_objects=True,
    rank=1,
    is_built_in=True,
)
