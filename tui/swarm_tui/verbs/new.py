"""Go to where a new object is made: one of the kind that is listed, if its kind says where, else a service."""

from swarm_tui.resources.model import Link
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form import view as form
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


def run(ports: Ports) -> Work:
    pane = ports.part(ObjectPane)
    return ports.navigator.go(Link((pane.kind.create_view if pane is not None else "") or form.NAME))


VERB = Verb(
    "list.new",
    ("n",),
    "new",
    "create a service",
    Context.LIST,
    run,
    rank=5,
    changes=True,
)
