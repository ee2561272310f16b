"""Filter a list while typing, or search a text."""

from typing import Final

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context, Findable

_LABEL: Final = "filter"


def run(ports: Ports) -> None:
    target = ports.part(Findable)
    if target is not None:
        ports.desk.find(target)


def label_now(ports: Ports) -> str:
    """A list is filtered, a text is searched."""
    target = ports.part(Findable)
    return target.find_label if target is not None else _LABEL


VERB = Verb(
    "global.filter",
    ("slash",),
    _LABEL,
    "filter the list while typing, or search the text",
    Context.GLOBAL,
    run,
    lambda ports: ports.part(Findable) is not None,
    rank=6,
    label_now=label_now,
)
