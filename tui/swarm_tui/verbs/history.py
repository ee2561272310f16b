"""Through the places visited, in the order of time; and between the last two."""

from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context


async def _step(ports: Ports, steps: int) -> None:
    await ports.navigator.step(steps)


async def _swap(ports: Ports) -> None:
    await ports.navigator.swap()


EARLIER = Verb(
    "global.earlier",
    ("left_square_bracket",),
    "earlier view",
    "the place visited before this one",
    Context.GLOBAL,
    lambda ports: _step(ports, -1),
)
LATER = Verb(
    "global.later",
    ("right_square_bracket",),
    "later view",
    "forward again, after going back",
    Context.GLOBAL,
    lambda ports: _step(ports, 1),
)
LAST = Verb(
    "global.last",
    ("minus",),
    "last view",
    "to and fro between the last two places",
    Context.GLOBAL,
    _swap,
)
