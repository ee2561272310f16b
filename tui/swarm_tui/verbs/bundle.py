"""An incident as one file: a stretch of what was recorded, which another copy of the program opens."""

from pathlib import Path
from typing import Final

from swarm_core.specs.errors import InvalidValue

from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.operations.save_text import objection, proposed
from swarm_tui.resources.model import Realm
from swarm_tui.resources.time_ranges import TimeRange, range_of
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.view import Context

_BEFORE_NS: Final = 1800 * 1_000_000_000
_AFTER_NS: Final = 600 * 1_000_000_000
_NAME: Final = "swarm.incident"


def _judge(path: str) -> Judged:
    problem = objection(path)
    return Judged(f"✖ {problem}" if problem else "a new file that only you can read", not problem)


def _around(ports: Ports) -> TimeRange:
    """Half an hour until now; of a moment of the past ten minutes after it as well."""
    now_ns = ports.desk.now_ns
    return TimeRange(now_ns - _BEFORE_NS, now_ns if ports.desk.past is None else now_ns + _AFTER_NS)


async def _ask(ports: Ports, asked: TimeRange) -> None:
    here = Path.cwd()
    question = (
        "What was recorded goes into this file, without secrets, values of variables and contents of configs."
        f" A name alone is a file in {here}:"
    )
    answer = await ports.desk.ask(AskLine("Incident", question, _judge, text=proposed(_NAME, here)))
    if answer is not None:
        ports.desk.bundle(answer, asked)


def _told(ports: Ports, argument: str) -> Work | None:
    try:
        asked = range_of(argument, ports.desk.now_ns)
    except InvalidValue as error:
        ports.desk.say(f"{error}: 2h is from two hours ago on, 13:50..14:10 a stretch, all everything.")
        return None
    return _ask(ports, asked)


VERB = Verb(
    "global.bundle",
    ("B",),
    "bundle",
    "write an incident into one file that another copy opens: the last half hour, or what is typed after :bundle (2h, 13:50..14:10)",
    Context.GLOBAL,
    lambda ports: _ask(ports, _around(ports)),
    told=_told,
    realm=Realm.CLUSTER,
    is_of_one=True,
)
