"""A service that is moved off nodes with its replacements first: what its spec says meanwhile, and how it says what it said before.

The spec keeps the tasks off the nodes by a constraint, lets its update start first, and lets failures pause it; what the update settings were
stands in a label of the service itself, which every operator and every later leader sees (docs/design/plans.md 13.9). So whoever finds the label can
put the spec back. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import specs_pb2
from swarm_core.api.proto.types_pb2 import UpdateConfig
from swarm_core.specs import notation
from swarm_core.specs.defaults import update_config
from swarm_core.specs.errors import InvalidValue

MOVING: Final = "swarmtui.surge"
"""The label: the nodes, and what the settings were, as in "nodes=abc,def order=stop-first failure=rollback placement=yes"."""
MOVED: Final = "done"
"""What the label says of a service whose spec is as it was: under a Docker leader it is the spec before, to which a rollback goes, that keeps it."""
_ORDERS: Final = notation.words_of(UpdateConfig.UpdateOrder)
_ACTIONS: Final = notation.words_of(UpdateConfig.FailureAction)
_NONE: Final = "none"
UNREADABLE: Final = f"its label {MOVING} cannot be read: take the label and the constraint away by hand"


@dataclass(frozen=True, slots=True)
class Mark:
    """What the label says. `order` and `failure` are words, or "none" where the service had no update settings; `has_placement` is
    whether it said anything of placement."""

    nodes: tuple[str, ...]
    order: str
    failure: str
    has_placement: bool

    def __str__(self) -> str:
        placement = "yes" if self.has_placement else "no"
        return f"nodes={','.join(self.nodes)} order={self.order} failure={self.failure} placement={placement}"


def constraint(node_id: str) -> str:
    """What keeps a service's tasks off a node."""
    return f"node.id!={node_id}"


def is_marked(spec: specs_pb2.ServiceSpec) -> bool:
    """Whether the service is moved off nodes, by its label."""
    return spec.annotations.labels.get(MOVING, MOVED) != MOVED


def mark_of(spec: specs_pb2.ServiceSpec) -> Mark | None:
    """What the label says; None of a service that is not moved, or whose label cannot be read."""
    words = dict(
        word.partition("=")[::2] for word in spec.annotations.labels.get(MOVING, "").split() if "=" in word
    )
    nodes = tuple(filter(None, words.get("nodes", "").split(",")))
    order, failure = words.get("order", ""), words.get("failure", "")
    is_known = (order in _ORDERS and failure in _ACTIONS) or order == failure == _NONE
    if not nodes or not is_known or words.get("placement") not in ("yes", "no"):
        return None
    return Mark(nodes, order, failure, words["placement"] == "yes")


def mark(spec: specs_pb2.ServiceSpec, node_ids: Sequence[str]) -> None:
    """Move its tasks off these nodes from now on. It must not be marked."""
    assert not is_marked(spec)
    order = failure = _NONE
    if spec.HasField("update"):
        order = _word(_ORDERS, spec.update.order)
        failure = _word(_ACTIONS, spec.update.failure_action)
    else:
        spec.update.CopyFrom(update_config())
    made = Mark(tuple(sorted(node_ids)), order, failure, spec.task.HasField("placement"))
    spec.annotations.labels[MOVING] = str(made)
    spec.task.placement.constraints.extend(map(constraint, made.nodes))
    spec.update.order = UpdateConfig.START_FIRST
    spec.update.failure_action = UpdateConfig.PAUSE


def _word(words: Mapping[str, int], value: int) -> str:
    return next(word for word, known in words.items() if known == value)


def unmark(spec: specs_pb2.ServiceSpec) -> None:
    """The spec as it was, with the label saying so. One that is not marked stays as it is. Raises InvalidValue where the label
    cannot be read."""
    if not is_marked(spec):
        return
    made = mark_of(spec)
    if made is None:
        raise InvalidValue(UNREADABLE)
    gone = set(map(constraint, made.nodes))
    kept = [one for one in spec.task.placement.constraints if one not in gone]
    spec.task.placement.constraints[:] = kept
    if not made.has_placement and not spec.task.placement.ByteSize():
        spec.task.ClearField("placement")
    if made.order == _NONE:
        spec.ClearField("update")
    else:
        spec.update.order = _ORDERS[made.order]  # type: ignore[assignment]
        spec.update.failure_action = _ACTIONS[made.failure]  # type: ignore[assignment]
    spec.annotations.labels[MOVING] = MOVED


def forget(spec: specs_pb2.ServiceSpec) -> None:
    """Take the label away from a service whose spec is as it was."""
    if not is_marked(spec):
        spec.annotations.labels.pop(MOVING, None)


def is_move(before: specs_pb2.ServiceSpec, after: specs_pb2.ServiceSpec) -> bool:
    """Whether the change from one to the other begins, goes on with or ends a move off nodes, and does nothing else."""
    if MOVING not in before.annotations.labels and MOVING not in after.annotations.labels:
        return False
    return without_mark(before) == without_mark(after)


def without_mark(spec: specs_pb2.ServiceSpec) -> specs_pb2.ServiceSpec:
    """The same as it is when it is not moved; with a label that cannot be read as it is."""
    same = specs_pb2.ServiceSpec()
    same.CopyFrom(spec)
    if not is_marked(same) or mark_of(same) is not None:
        unmark(same)
        forget(same)
    return same
