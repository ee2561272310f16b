"""Which columns a list has."""

from swarm_tui.dialogs.pick import Pick
from swarm_tui.verbs import on_list
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


def _toggle_wide(pane: ObjectPane) -> None:
    pane.set_columns(is_wide=not pane.is_wide, hidden=pane.hidden)


async def choose(ports: Ports) -> None:
    pane = ports.part(ObjectPane)
    if pane is None:
        return
    options = [(column.id, column.title.lower() or column.id) for column in pane.kind.columns]
    every = {id_ for id_, _ in options}
    shown = await ports.desk.ask(Pick("Columns", options, every - pane.hidden))
    if shown is not None:
        pane.set_columns(is_wide=pane.is_wide, hidden=frozenset(every - shown))


WIDE = Verb(
    "list.wide",
    ("ctrl+w",),
    "wide",
    "show every column that finds room, or the usual ones",
    Context.LIST,
    on_list.doing(_toggle_wide),
    on_list.is_there,
)
COLUMNS = Verb(
    "list.columns",
    ("number_sign",),
    "columns",
    "choose the columns of the list",
    Context.LIST,
    choose,
    on_list.is_there,
)
