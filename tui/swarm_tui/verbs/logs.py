"""The logs of what is selected: of all attempts and followed, or of those that have ended."""

from dataclasses import replace

from swarm_tui.resources.model import PREVIOUS, Link
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.logs import view as logs
from swarm_tui.views.view import Context


def _go(ports: Ports, mode: str = "") -> Work:
    first, *others = ports.selection.refs
    return ports.navigator.go(Link(logs.NAME, first.kind, first.id, mode, tuple(one.id for one in others)))


VERB = Verb(
    "list.logs",
    ("l",),
    "logs",
    "follow the logs of what is selected or marked, in time order",
    Context.LIST,
    _go,
    is_on_objects=True,
    rank=2,
)
PREVIOUS_LOGS = Verb(
    "list.previous_logs",
    ("p",),
    "ended attempts",
    "the logs of attempts that have ended, the failed ones among them",
    Context.LIST,
    lambda ports: _go(ports, PREVIOUS),
    is_on_objects=True,
)
OF_TEXT = replace(VERB, id="text.logs", context=Context.TEXT, rank=6.5)
"""The same of what a text is about: whoever reads why it failed reads next what it wrote."""
PREVIOUS_OF_TEXT = replace(PREVIOUS_LOGS, id="text.previous_logs", context=Context.TEXT, rank=6.7)
