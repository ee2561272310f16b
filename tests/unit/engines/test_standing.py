"""Where an engine stands (docs/design/engines.md N4)."""

import pytest
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
from swarm_core.engines.standing import TRANSITIONS, Effect, Happening, Standing, failed, step, trouble_of


def test_every_state_is_reached_and_one_is_final() -> None:
    """From pending each state can be reached; nothing leads out of disconnected (N4.9)."""
    reached = {EngineState.PENDING}
    while more := {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached:
        reached |= more
    assert reached == set(EngineState)
    assert not [before for before, _ in TRANSITIONS if before is EngineState.DISCONNECTED]


@pytest.mark.parametrize("state", [state for state in EngineState if state is not EngineState.DISCONNECTED])
def test_what_can_happen_in_each_state(state: EngineState) -> None:
    """An engine may connect, fail, double another one, change and be dropped in any state; only a live one answers (N4.9)."""
    known = {happening for before, happening in TRANSITIONS if before is state}
    answers = {Happening.ANSWERED, Happening.DRAGGED}
    assert known - answers == set(Happening) - answers
    assert bool(known & answers) == state.is_live


@pytest.mark.parametrize(("before", "happening"), list(TRANSITIONS))
def test_effects(before: EngineState, happening: Happening) -> None:
    """Whoever becomes live, or live no more, is told of; nothing else is (N4.9)."""
    after, effect = step(Standing(before), happening)
    assert after.state is TRANSITIONS[before, happening]
    if before.is_live and not after.state.is_live:
        assert effect is Effect.DISCONNECT
    elif after.state.is_live and not before.is_live:
        assert effect is (Effect.RECONNECT if before is EngineState.UNHEALTHY else Effect.CONNECT)
    else:
        assert effect is None


def test_three_failures_in_a_row() -> None:
    """The first shows what is wrong, the third makes it unhealthy, an answer starts anew (N4.2)."""
    error = EngineSilent("nothing", 10)
    one, effect = failed(Standing(EngineState.HEALTHY), error)
    assert (one, effect) == (Standing(EngineState.HEALTHY, 1, Trouble.SILENT, "nothing"), None)
    two, _ = failed(one, error)
    again, _ = step(two, Happening.ANSWERED)
    assert again == Standing(EngineState.HEALTHY)
    three, effect = failed(two, error)
    assert (three.state, three.failures, effect) == (EngineState.UNHEALTHY, 3, Effect.DISCONNECT)
    four, effect = failed(three, error)
    assert (four.state, four.failures, effect) == (EngineState.UNHEALTHY, 4, None)


def test_a_dropped_engine_keeps_its_reason() -> None:
    """What was wrong with it stands in its last record (N4.7)."""
    ill = Standing(EngineState.UNHEALTHY, 3, Trouble.AWAY, "gone")
    after, _ = step(ill, Happening.DROPPED)
    assert after == Standing(EngineState.DISCONNECTED, 3, Trouble.AWAY, "gone")


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (EngineSilent("", 10), Trouble.SILENT),
        (EngineGarbage(""), Trouble.GARBAGE),
        (EngineDistrusted(""), Trouble.CERTIFICATE),
        (EngineAway(""), Trouble.AWAY),
        (EngineUnfit(""), Trouble.VERSION),
        (EngineRefused(500, ""), Trouble.REFUSED),
    ],
)
def test_one_word_for_each_error(error: EngineError, trouble: Trouble) -> None:
    """Each way in which an engine fails has its own word (N1.7)."""
    assert trouble_of(error) is trouble
