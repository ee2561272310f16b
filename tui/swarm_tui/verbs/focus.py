"""Give the focus to the next field or pane."""

from swarm_tui.verbs.model import Verb
from swarm_tui.views.view import Context

NEXT_FIELD = Verb(
    "form.next_field",
    ("tab",),
    "next field",
    "go to the next field",
    Context.FORM,
    lambda ports: ports.desk.focus_next(),
    rank=1,
    is_built_in=True,
    is_in_palette=False,
)
NEXT_PANE = Verb(
    "global.next_pane",
    ("tab",),
    "next pane",
    "go to the next pane",
    Context.GLOBAL,
    lambda ports: ports.desk.focus_next(),
    is_built_in=True,
    is_in_palette=False,
)
