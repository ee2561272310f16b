"""Rewinding: into the past and back, and through it."""

from collections.abc import Callable
from typing import Final

from swarm_tui.dialogs.ask_line import AskLine, Judged
from swarm_tui.resources.model import Realm
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Moving, Past, Ports
from swarm_tui.views.view import Context


def is_past(ports: Ports) -> bool:
    """Whether a moment of the past is shown."""
    return ports.desk.past is not None


def _moving(move: Callable[[Past], Moving], end: str) -> Callable[[Ports], Work | None]:
    async def run(ports: Ports, past: Past) -> None:
        if not await move(past):
            ports.desk.say(end)

    return lambda ports: None if ports.desk.past is None else run(ports, ports.desk.past)


def _play(ports: Ports) -> None:
    if ports.desk.past is not None:
        ports.desk.past.toggle_play()


REWIND = Verb(
    "global.rewind",
    ("ctrl+t",),
    "rewind",
    "show everything as it was at a moment; again: back to now",
    Context.GLOBAL,
    lambda ports: ports.desk.toggle_past(),
    lambda ports: ports.desk.past is None or ports.desk.past.has_now,
    label_now=lambda ports: "live" if is_past(ports) else "rewind",
    realm=Realm.CLUSTER,
    is_of_one=True,
)
_AT_HELP: Final = "14:02, 10m ago as 10m, -30s or +30s from the moment shown, or what happened: w7 lost"


async def _go(ports: Ports, text: str) -> None:
    past = ports.desk.past
    if past is None:
        ports.desk.show_past(text)
    elif problem := await past.go(text):
        ports.desk.say(problem)


async def _ask_moment(ports: Ports) -> None:
    def judge(text: str) -> Judged:
        return Judged(_AT_HELP, bool(text.strip()))

    answer = await ports.desk.ask(AskLine("Rewind", "To which moment?", judge, hint="10m"))
    if answer is not None:
        await _go(ports, answer)


AT = Verb(
    "global.at",
    ("T",),
    "at",
    "show everything as it was at a time, or at something that happened: " + _AT_HELP,
    Context.GLOBAL,
    _ask_moment,
    told=_go,
    realm=Realm.CLUSTER,
    is_of_one=True,
)
STEP_BACK = Verb(
    "global.step-back",
    ("comma",),
    "step back",
    "rewound: to what came in before",
    Context.GLOBAL,
    _moving(lambda past: past.step(-1), "This is the first moment that is known."),
    is_past,
    rank=13,
    realm=Realm.CLUSTER,
)
STEP_ON = Verb(
    "global.step-on",
    ("full_stop",),
    "step on",
    "rewound: to what came in next",
    Context.GLOBAL,
    _moving(lambda past: past.step(1), "Nothing came in after this moment."),
    is_past,
    rank=14,
    realm=Realm.CLUSTER,
)
INCIDENT_BACK = Verb(
    "global.incident-back",
    ("less_than_sign",),
    "incident before",
    "rewound: to the incident before",
    Context.GLOBAL,
    _moving(lambda past: past.incident(-1), "No incident before this moment is known."),
    is_past,
    rank=15,
    realm=Realm.CLUSTER,
)
INCIDENT_ON = Verb(
    "global.incident-on",
    ("greater_than_sign",),
    "next incident",
    "rewound: to the next incident",
    Context.GLOBAL,
    _moving(lambda past: past.incident(1), "No incident after this moment is known."),
    is_past,
    rank=16,
    realm=Realm.CLUSTER,
)
PLAY = Verb(
    "global.play",
    ("semicolon",),
    "play",
    "rewound: let time go on eight times as fast, or stop it",
    Context.GLOBAL,
    _play,
    is_past,
    rank=17,
    realm=Realm.CLUSTER,
)
