"""Rewinding: into the past and back, and through it."""

from collections.abc import Callable

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
    label_now=lambda ports: "live" if is_past(ports) else "rewind",
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
)
