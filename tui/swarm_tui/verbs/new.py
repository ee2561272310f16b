"""Go to where an object is made or changed: a new one of the kind that is listed, if its kind says where, else a service."""

from swarm_tui.resources.engines.engines import NOUN as ENGINE
from swarm_tui.resources.model import Link, Realm
from swarm_tui.verbs import engine_objects
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form import view as form
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


def _view(ports: Ports) -> str:
    pane = ports.part(ObjectPane)
    return (pane.kind.create_view if pane is not None else "") or form.NAME


def _applies(ports: Ports) -> bool:
    pane = ports.part(ObjectPane)
    return ports.navigator.has(_view(ports)) or (pane is not None and pane.kind.noun == ENGINE)


def on_engines(ports: Ports) -> Work:
    """An engine is asked for in one line; the rest has forms."""
    pane = ports.part(ObjectPane)
    return engine_objects.add(ports) if pane is not None and pane.kind.noun == ENGINE else run(ports)


def run(ports: Ports) -> Work:
    return ports.navigator.go(Link(_view(ports)))


def edit(ports: Ports) -> Work:
    ref = ports.selection.refs[0]
    return ports.navigator.go(Link(form.NAME, ref.kind, ref.id))


VERB = Verb(
    "list.new",
    ("n",),
    "new",
    "make a new one of what is listed, else a service",
    Context.LIST,
    run,
    _applies,
    rank=5,
    changes=True,
    in_realm={Realm.ENGINES: on_engines},
)
EDIT = Verb(
    "list.edit",
    ("e",),
    "edit",
    "change anything about a service, in the form in which it is made",
    Context.LIST,
    edit,
    is_on_objects=True,
    changes=True,
)
