"""The order of a list: by which column, and reversed."""

from swarm_tui.dialogs.choose import Choose
from swarm_tui.verbs import on_list
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


async def choose(ports: Ports) -> None:
    pane = ports.part(ObjectPane)
    if pane is not None:
        key = await ports.desk.ask(Choose("Sort by", pane.sort_choices, pane.sorted_by))
        if key is not None and key != pane.sorted_by:
            pane.sort_by(key)


SORT = Verb(
    "list.sort",
    ("o",),
    "sort",
    "choose the column that orders the list",
    Context.LIST,
    choose,
    on_list.is_there,
    rank=8,
)
REVERSE = Verb(
    "list.reverse",
    ("O",),
    "reverse",
    "reverse the order of the list",
    Context.LIST,
    on_list.doing(ObjectPane.reverse),
    on_list.is_there,
)
