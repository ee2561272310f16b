"""What is selected as a text: in words, or as YAML."""

from swarm_tui.resources import model
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.detail import view as detail
from swarm_tui.views.view import Context


def _show(ports: Ports, mode: str) -> Work:
    ref = ports.selection.refs[0]
    return ports.navigator.go(model.Link(model.TEXT_VIEW, ref.kind, ref.id, mode))


DESCRIBE = Verb(
    "list.describe",
    ("d",),
    "describe",
    "describe the object in words",
    Context.LIST,
    lambda ports: _show(ports, model.DESCRIBE),
    is_on_objects=True,
    rank=3,
)
JSON = Verb(
    "list.json",
    ("i",),
    "json",
    "the object as JSON, whole",
    Context.LIST,
    lambda ports: _show(ports, detail.JSON),
    is_on_objects=True,
)
YAML = Verb(
    "list.yaml",
    ("y",),
    "yaml",
    "the object as YAML",
    Context.LIST,
    lambda ports: _show(ports, detail.YAML),
    is_on_objects=True,
    rank=19,
)
