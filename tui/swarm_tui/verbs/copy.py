"""Put the ids of what is selected, or a whole text, on the clipboard."""

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.view import Context


def _copy_ids(ports: Ports) -> None:
    ports.desk.copy("\n".join(ports.ids), "id")


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
TEXT = Verb(
    "text.copy",
    ("c",),
    "copy",
    "copy the whole text to the clipboard",
    Context.TEXT,
    _copy_text,
    rank=4,
)
