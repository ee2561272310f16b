"""The program as a whole: list anew, the palette, suspend, quit."""

from swarm_tui.verbs.model import Verb
from swarm_tui.views.view import Context

RESYNC = Verb(
    "global.resync",
    ("ctrl+r",),
    "list anew",
    "list everything anew from the manager",
    Context.GLOBAL,
    lambda ports: ports.desk.list_anew(),
)
PALETTE = Verb(
    "global.palette",
    ("ctrl+p",),
    "palette",
    "find any object, verb or theme",
    Context.GLOBAL,
    lambda ports: ports.desk.open_palette(),
    rank=20,
    is_built_in=True,
    is_in_palette=False,
)
SUSPEND = Verb(
    "global.suspend",
    ("ctrl+z",),
    "suspend",
    "back to the shell; its fg comes back here",
    Context.GLOBAL,
    lambda ports: ports.desk.suspend(),
)
QUIT = Verb(
    "global.quit",
    ("ctrl+q",),
    "quit",
    "quit at once",
    Context.GLOBAL,
    lambda ports: ports.desk.quit(),
    is_built_in=True,
)
