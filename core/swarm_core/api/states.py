"""States of tasks: predicates on them, and the table of moves that are allowed.

The numbers of TaskState are an order and act as a logical clock: of two reports the larger wins.
`TRANSITIONS` names for each actor the moves of an observed state it may make (docs/design/tasks.md 1.3). Who writes an observed
state asks `may_move` first: a state that only a newer member knows is in no row, so nobody here moves it.
Predicates take the plain numbers of `types_pb2.TaskState`.
"""

from collections.abc import Mapping
from enum import Enum
from itertools import pairwise

from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import (
    ACCEPTED,
    ASSIGNED,
    COMPLETE,
    FAILED,
    NEW,
    ORPHANED,
    PENDING,
    PREPARING,
    READY,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STARTING,
    NodeStatus,
)

OBSERVED = (
    NEW,
    PENDING,
    ASSIGNED,
    ACCEPTED,
    PREPARING,
    READY,
    STARTING,
    RUNNING,
    COMPLETE,
    SHUTDOWN,
    FAILED,
    REJECTED,
    ORPHANED,
)
"""Every state that can be observed, in order; REMOVE is only ever desired."""

DESIRED = (READY, RUNNING, COMPLETE, SHUTDOWN, REMOVE)
"""Every state that can be desired, in order; a desired state is never lowered."""

_AGENT_OWNED = (ASSIGNED, ACCEPTED, PREPARING, READY, STARTING, RUNNING)
_BEFORE_STARTING = (ASSIGNED, ACCEPTED, PREPARING, READY)


def _agent_moves() -> dict[int, frozenset[int]]:
    chain = (*_AGENT_OWNED, COMPLETE)
    return {
        state: frozenset(
            {following, SHUTDOWN, REJECTED if state in _BEFORE_STARTING else FAILED}  # 1.3, row "agent"
        )
        for state, following in pairwise(chain)
    }


class Actor(Enum):
    """Who moves observed states."""

    ALLOCATOR = "allocator"
    SCHEDULER = "scheduler"
    AGENT = "agent"
    DISPATCHER = "dispatcher"
    ENFORCER = "enforcer"
    REMOVAL = "removal of a node"


TRANSITIONS: Mapping[Actor, Mapping[int, frozenset[int]]] = {
    Actor.ALLOCATOR: {NEW: frozenset({PENDING})},
    Actor.SCHEDULER: {PENDING: frozenset({ASSIGNED, SHUTDOWN})},
    Actor.AGENT: _agent_moves(),
    Actor.DISPATCHER: {state: frozenset({ORPHANED}) for state in _AGENT_OWNED},
    Actor.ENFORCER: {state: frozenset({REJECTED}) for state in (NEW, PENDING, *_AGENT_OWNED)},
    Actor.REMOVAL: {state: frozenset({ORPHANED}) for state in (NEW, PENDING, *_AGENT_OWNED)},
}
"""Actor → observed state → states it may move to in one step."""


def _reachable(actor: Actor) -> frozenset[tuple[int, int]]:
    """All moves of an actor as (from, to). An agent may skip states of its chain in one report."""
    moves = {(before, after) for before, targets in TRANSITIONS[actor].items() for after in targets}
    while actor is Actor.AGENT:
        longer = {(before, last) for before, after in moves for middle, last in moves if after == middle}
        if longer <= moves:
            break
        moves |= longer
    return frozenset(moves)


_MOVES = {actor: _reachable(actor) for actor in Actor}


def may_move(state: int, to: int, actor: Actor) -> bool:
    """Whether `actor` may take an observed state from `state` to `to`."""
    return (state, to) in _MOVES[actor]


def is_terminal(state: int) -> bool:
    """The task has ended and will not run again."""
    return state > RUNNING


def is_agent_owned(state: int) -> bool:
    """An agent may be running the task: only its report, or the dispatcher giving up on it, ends this."""
    return ASSIGNED <= state <= RUNNING


def is_active(desired: int) -> bool:
    """The task is meant to do work, now or later; others are history or on their way out."""
    return desired <= COMPLETE


def will_never_run(task: Task) -> bool:
    """No node has the task and none will get it."""
    return task.status.state < ASSIGNED and task.desired_state > COMPLETE


def is_reapable(task: Task) -> bool:
    """No agent runs the task, so deleting it leaves nothing behind (docs/design/tasks.md 9.2, removal safety)."""
    return is_terminal(task.status.state) or task.status.state < ASSIGNED


def is_node_invalid(node: Node | None) -> bool:
    """Tasks there must be replaced: the node is gone, down or drained (docs/design/orchestration.md 2.1)."""
    return (
        node is None
        or node.status.state == NodeStatus.DOWN
        or node.spec.availability == NodeSpec.Availability.DRAIN
    )
