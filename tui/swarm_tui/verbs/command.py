"""Type a command."""

from swarm_tui.verbs.model import Verb
from swarm_tui.views.view import Context

VERB = Verb(
    "global.command",
    ("colon",),
    "command",
    "type a command: a list and its filter, or a verb and what it works on",
    Context.GLOBAL,
    lambda ports: ports.desk.open_command(),
    is_in_palette=False,
)
