"""How far changes may go: shown, and set for as long as the program runs."""

import logging
from typing import Final

from swarm_tui.clusters.allowance import MEANINGS, Level, parse, word
from swarm_tui.dialogs.choose import Choose
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_log: Final = logging.getLogger(__name__)


async def ask(ports: Ports) -> None:
    options = [(str(int(one)), f"{int(one)} {MEANINGS[one]}") for one in Level]
    taken = await ports.desk.ask(Choose("Level", options, str(int(ports.operations.allowance.level))))
    if taken is not None:
        told(ports, taken)


def told(ports: Ports, text: str) -> None:
    level = parse(text)
    if level is None:
        ports.desk.tell_failure("A level is 0 look, 1 operate, 2 configure or 3 impact.")
        return
    allowance = ports.operations.allowance
    _log.info("level %d → %d", allowance.level, level)
    allowance.level = level
    ports.desk.say(f"Level {int(level)} ({word(level)}) from now on.")


VERB = Verb(
    "global.level",
    (),
    "level",
    "how far changes may go: 0 look, 1 operate, 2 configure, 3 impact",
    Context.GLOBAL,
    ask,
    told=told,
)
