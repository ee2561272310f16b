"""Task states: order, predicates, table of moves (docs/design/tasks.md 1.1, 1.3)."""

import pytest
from swarm_core.api.proto.types_pb2 import TaskState
from swarm_core.api.states import (
    DESIRED,
    OBSERVED,
    TRANSITIONS,
    Actor,
    is_active,
    is_agent_owned,
    is_node_invalid,
    is_reapable,
    is_terminal,
    may_move,
    will_never_run,
)
from swarm_testkit.factories import make_node, make_task

NAME, NUMBER = TaskState.Name, TaskState.Value


def test_every_state_is_placed() -> None:
    """1.1.1, 1.1.2: all states but REMOVE can be observed, in the order of their numbers."""
    assert [*OBSERVED] == sorted(set(TaskState.values()) - {NUMBER("REMOVE")})
    assert [*DESIRED] == sorted(DESIRED)


def test_numbers_are_the_contract() -> None:
    """1.1.1: the numbers on the wire."""
    numbers = [0, 64, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832]
    assert [int(state) for state in OBSERVED] == numbers


@pytest.mark.parametrize("actor", Actor)
def test_moves_only_go_up(actor: Actor) -> None:
    """1.1.1, 1.1.2: no actor may lower an observed state, and none leaves a terminal one."""
    for before, targets in TRANSITIONS[actor].items():
        assert all(after > before and after in OBSERVED for after in targets)
        assert not is_terminal(before)


def test_the_table() -> None:
    """1.3.1 to 1.3.4: who may move a task from where to where, state by state."""

    def moves(actor: Actor) -> dict[str, set[str]]:
        return {
            NAME(before): {NAME(after) for after in OBSERVED if may_move(before, after, actor)}
            for before in OBSERVED
            if any(may_move(before, after, actor) for after in OBSERVED)
        }

    assert moves(Actor.ALLOCATOR) == {"NEW": {"PENDING"}}
    assert moves(Actor.SCHEDULER) == {"PENDING": {"ASSIGNED", "SHUTDOWN"}}
    owned = ["ASSIGNED", "ACCEPTED", "PREPARING", "READY", "STARTING", "RUNNING"]
    assert moves(Actor.DISPATCHER) == {state: {"ORPHANED"} for state in owned}
    assert moves(Actor.ENFORCER) == {state: {"REJECTED"} for state in ["NEW", "PENDING", *owned]}
    assert moves(Actor.REMOVAL) == {state: {"ORPHANED"} for state in ["NEW", "PENDING", *owned]}
    ends = {"COMPLETE", "SHUTDOWN", "FAILED"}
    assert moves(Actor.AGENT) == {
        state: {*owned[place + 1 :], *ends, *({"REJECTED"} if place < 4 else ())}
        for place, state in enumerate(owned)
    }


def test_a_task_is_owned_or_reapable() -> None:
    """9.2.3: each observed state belongs to an agent, or the task may be deleted."""
    for state in OBSERVED:
        assert is_agent_owned(state) != is_reapable(make_task(state=NAME(state)))


def test_active() -> None:
    """docs/design/scheduling.md 3.2.2: a task is active while its desired state is at most COMPLETE."""
    assert [NAME(state) for state in DESIRED if is_active(state)] == ["READY", "RUNNING", "COMPLETE"]


def test_will_never_run() -> None:
    """1.7: called off before it was assigned."""
    assert will_never_run(make_task(state="PENDING", desired="SHUTDOWN"))
    assert not will_never_run(make_task(state="PENDING"))
    assert not will_never_run(make_task(state="ASSIGNED", desired="SHUTDOWN"))


def test_invalid_nodes() -> None:
    """2.1: missing, DOWN and DRAIN are invalid; UNKNOWN, DISCONNECTED and PAUSE are not."""
    assert is_node_invalid(None)
    assert is_node_invalid(make_node(state="DOWN"))
    assert is_node_invalid(make_node(availability="DRAIN"))
    for state, availability in (("UNKNOWN", "ACTIVE"), ("DISCONNECTED", "ACTIVE"), ("READY", "PAUSE")):
        assert not is_node_invalid(make_node(state=state, availability=availability))
