"""Where an engine stands: the states of our connection with it, and how they follow one another.

Rules
1. `TRANSITIONS` is the whole truth: what it does not name cannot happen.
2. Only what speaks against the engine counts as a failure: no answer, a broken one, garbage. An error that it answers does not.
3. A single failure of a live engine shows at once what is wrong; after `failures_max` in a row the engine is unhealthy.
4. A slow answer is no failure.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto

from swarm_core.engines.errors import (
    EngineAway,
    EngineDistrusted,
    EngineError,
    EngineGarbage,
    EngineRefused,
    EngineSilent,
    EngineUnfit,
)
from swarm_core.engines.records import EngineState, Trouble

SLOW_S = 2.0
FAILURES_MAX = 3


class Happening(Enum):
    """What the connection with an engine brings."""

    CONNECTED = auto()
    """It told what it is, and nobody else has its id."""
    ANSWERED = auto()
    """A live engine answered in time."""
    DRAGGED = auto()
    """A live engine answered, and took more than SLOW_S."""
    FAILED = auto()
    """It did not answer, or not as an engine does; fewer than `failures_max` times in a row."""
    GAVE_UP = auto()
    """The same, for the `failures_max`-th time in a row."""
    DOUBLED = auto()
    """Another address shows the same id."""
    CHANGED = auto()
    """It shows another id than before."""
    DROPPED = auto()
    """Nobody names it any more."""


class Effect(Enum):
    """What the cluster's handlers are told of a transition."""

    CONNECT = "engine_connect"
    RECONNECT = "engine_reconnect"
    DISCONNECT = "engine_disconnect"


_S, _H = EngineState, Happening
TRANSITIONS: dict[tuple[EngineState, Happening], EngineState] = {
    (_S.PENDING, _H.CONNECTED): _S.HEALTHY,
    (_S.PENDING, _H.FAILED): _S.PENDING,
    (_S.PENDING, _H.GAVE_UP): _S.PENDING,
    (_S.PENDING, _H.DOUBLED): _S.DUPLICATE,
    (_S.PENDING, _H.CHANGED): _S.PENDING,
    (_S.PENDING, _H.DROPPED): _S.DISCONNECTED,
    (_S.HEALTHY, _H.ANSWERED): _S.HEALTHY,
    (_S.HEALTHY, _H.DRAGGED): _S.SLOW,
    (_S.HEALTHY, _H.CONNECTED): _S.HEALTHY,
    (_S.HEALTHY, _H.FAILED): _S.HEALTHY,
    (_S.HEALTHY, _H.GAVE_UP): _S.UNHEALTHY,
    (_S.HEALTHY, _H.DOUBLED): _S.DUPLICATE,
    (_S.HEALTHY, _H.CHANGED): _S.PENDING,
    (_S.HEALTHY, _H.DROPPED): _S.DISCONNECTED,
    (_S.SLOW, _H.ANSWERED): _S.HEALTHY,
    (_S.SLOW, _H.DRAGGED): _S.SLOW,
    (_S.SLOW, _H.CONNECTED): _S.HEALTHY,
    (_S.SLOW, _H.FAILED): _S.SLOW,
    (_S.SLOW, _H.GAVE_UP): _S.UNHEALTHY,
    (_S.SLOW, _H.DOUBLED): _S.DUPLICATE,
    (_S.SLOW, _H.CHANGED): _S.PENDING,
    (_S.SLOW, _H.DROPPED): _S.DISCONNECTED,
    (_S.UNHEALTHY, _H.CONNECTED): _S.HEALTHY,
    (_S.UNHEALTHY, _H.FAILED): _S.UNHEALTHY,
    (_S.UNHEALTHY, _H.GAVE_UP): _S.UNHEALTHY,
    (_S.UNHEALTHY, _H.DOUBLED): _S.DUPLICATE,
    (_S.UNHEALTHY, _H.CHANGED): _S.PENDING,
    (_S.UNHEALTHY, _H.DROPPED): _S.DISCONNECTED,
    (_S.DUPLICATE, _H.CONNECTED): _S.HEALTHY,
    (_S.DUPLICATE, _H.FAILED): _S.DUPLICATE,
    (_S.DUPLICATE, _H.GAVE_UP): _S.PENDING,
    (_S.DUPLICATE, _H.DOUBLED): _S.DUPLICATE,
    (_S.DUPLICATE, _H.CHANGED): _S.PENDING,
    (_S.DUPLICATE, _H.DROPPED): _S.DISCONNECTED,
}
_FAILURES = frozenset({_H.FAILED, _H.GAVE_UP})


@dataclass(frozen=True, slots=True)
class Standing:
    """An engine's state, and why it is that."""

    state: EngineState = EngineState.PENDING
    failures: int = 0
    """In a row."""
    trouble: Trouble = Trouble.NONE
    error: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether nothing speaks against it."""
        return (self.state, self.failures, self.trouble) == (EngineState.HEALTHY, 0, Trouble.NONE)


def step(
    standing: Standing, happening: Happening, trouble: Trouble = Trouble.NONE, error: str = ""
) -> tuple[Standing, Effect | None]:
    """Where the engine stands after `happening`, and what is to be told. FAILED becomes GAVE_UP by `failed`."""
    state = TRANSITIONS[standing.state, happening]
    failures = standing.failures + 1 if happening in _FAILURES else 0
    if happening is Happening.DROPPED:
        return replace(standing, state=state), _effect(standing.state, state)
    return Standing(state, failures, trouble, error), _effect(standing.state, state)


def failed(
    standing: Standing, error: EngineError, failures_max: int = FAILURES_MAX
) -> tuple[Standing, Effect | None]:
    """As `step`, for a failure."""
    is_last = standing.failures + 1 >= failures_max
    happening = Happening.GAVE_UP if is_last else Happening.FAILED
    return step(standing, happening, trouble_of(error), str(error))


def trouble_of(error: EngineError) -> Trouble:
    """The one word for what went wrong."""
    match error:
        case EngineSilent():
            return Trouble.SILENT
        case EngineGarbage():
            return Trouble.GARBAGE
        case EngineDistrusted():
            return Trouble.CERTIFICATE
        case EngineAway():
            return Trouble.AWAY
        case EngineUnfit():
            return Trouble.VERSION
        case EngineRefused():
            return Trouble.REFUSED
        case _:
            raise AssertionError(f"no trouble of an engine: {error!r}")


def _effect(before: EngineState, after: EngineState) -> Effect | None:
    if before.is_live == after.is_live:
        return None
    if before.is_live:
        return Effect.DISCONNECT
    return Effect.RECONNECT if before is EngineState.UNHEALTHY else Effect.CONNECT
