"""List only what has a problem, or everything again."""

from swarm_tui.verbs import on_list
from swarm_tui.verbs.model import Verb
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


def _toggle(pane: ObjectPane) -> None:
    pane.set_problems_only(not pane.is_problems_only)


VERB = Verb(
    "global.problems",
    ("exclamation_mark",),
    "problems",
    "list only what has a problem",
    Context.GLOBAL,
    on_list.doing(_toggle),
    on_list.is_there,
    rank=7,
)
