"""Put the ids of what is selected, or a whole text, on the clipboard."""

import shlex

from swarm_tui.resources import registry
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.view import Context


def _copy_ids(ports: Ports) -> None:
    ports.desk.copy("\n".join(ports.ids), "id")


def _copy_command(ports: Ports) -> None:
    kind, cluster = registry.by_noun(ports.selection.kind), ports.cluster
    found = (cluster.get(kind.message, id_) for id_ in ports.ids)
    names = [kind.name(item, cluster) for item in found if item is not None]
    words = ["find", kind.noun] if kind.is_derived else [kind.noun, "inspect"]
    ports.desk.copy(shlex.join(["swarm-tui", *words, *names]), "command")


def _copy_text(ports: Ports) -> None:
    page = ports.part(LinesPage)
    if page is not None:
        ports.desk.copy(page.plain_text, "text")


IDS = Verb(
    "list.copy",
    ("c",),
    "copy",
    "copy the object's id to the clipboard",
    Context.LIST,
    _copy_ids,
    is_on_objects=True,
)
COMMAND = Verb(
    "list.copy_command",
    ("C",),
    "copy command",
    "copy the command that shows the selected objects",
    Context.LIST,
    _copy_command,
    is_on_objects=True,
)
TEXT = Verb(
    "text.copy",
    ("c",),
    "copy",
    "copy the whole text to the clipboard",
    Context.TEXT,
    _copy_text,
    rank=4,
)
