"""What a change means to a person: who it befell, what became different, and whether it is trouble. Pure.

Rules (docs/design/journal.md 4)
1. Each kind tells its own changes (`ResourceKind.changes`). Tasks come and go by the thousand, and tell nothing there;
   here a task tells when its state becomes another.
2. An incident is what an operator would want to find again: a task that failed or was refused, a node that is lost, an update
   that paused or was taken back. Of the failures of one service one within `SAME_INCIDENT_NS` is told.
3. The owner of a task's change is its service, or its node where it has none: what happens to one cause stands together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2, types_pb2

from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView, Role
from swarm_tui.resources.states import short_cause, state_health, state_word, wanted_word

SAME_INCIDENT_NS: Final = 10 * 1_000_000_000
_TEXT_MAX: Final = 200
_FAILED: Final = (types_pb2.FAILED, types_pb2.REJECTED)
_LOST: Final = (types_pb2.NodeStatus.DOWN, types_pb2.NodeStatus.DISCONNECTED)
_Update = types_pb2.UpdateStatus
_HALTED: Final = {
    _Update.PAUSED: "update paused",
    _Update.ROLLBACK_STARTED: "update failed, rolling back",
    _Update.ROLLBACK_PAUSED: "rollback paused",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One change of one object, in a few words."""

    at_ns: int
    noun: str
    id: str
    name: str
    text: str
    role: Role = Role.TEXT
    is_incident: bool = False
    owner: str = ""
    """The object that it is about in the end: a task's service."""
    node_id: str = ""
    """Where a task is."""


def owner_of(item: Any) -> str:
    """The object that a change is about in the end."""
    return (item.service_id or item.node_id or item.id) if isinstance(item, objects_pb2.Task) else item.id


def is_incident(old: Any, new: Any) -> bool:
    """Whether this change is trouble that was not there before."""
    if new is None:
        return False
    kind = type(new)
    if kind is objects_pb2.Task:
        return new.status.state in _FAILED and (old is None or old.status.state not in _FAILED)
    if kind is objects_pb2.Node:
        return (
            new.status.state in _LOST and old is not None and old.status.state == types_pb2.NodeStatus.READY
        )
    return kind is objects_pb2.Service and bool(_halted(old, new))


def told(at_ns: int, kind: type[Message], old: Any, new: Any, view: ClusterView) -> Iterator[Told]:
    """What this change tells; `old` or `new` is None where the object was not there."""
    item = new if new is not None else old
    known = next((one for one in registry.kinds() if one.message is kind), None)
    if known is None or item is None:
        return
    is_bad = is_incident(old, new)
    for text, role in _texts(kind, old, new, view):
        yield Told(
            at_ns,
            known.noun,
            item.id,
            known.name(item, view),
            " ".join(text.split())[:_TEXT_MAX],
            Role.ERROR if is_bad else role,
            is_bad,
            owner_of(item),
            item.node_id if kind is objects_pb2.Task else "",
        )


def _texts(kind: type[Message], old: Any, new: Any, view: ClusterView) -> Iterator[tuple[str, Role]]:
    if kind is objects_pb2.Task:
        yield from _of_task(old, new, view)
        return
    changes = registry.by_message(kind).changes
    if changes is not None:
        yield from ((text, Role.TEXT) for text in changes(old, new, view))
    if kind is objects_pb2.Service and new is not None:
        if text := _halted(old, new):
            yield text, Role.ERROR
        elif old is not None and (text := _update(old, new)):
            yield text, Role.MOTION


def _of_task(old: Any, new: Any, view: ClusterView) -> Iterator[tuple[str, Role]]:
    if new is None:
        yield "forgotten", Role.MUTED
        return
    state = new.status.state
    if old is not None and old.status.state == state:
        if old.desired_state != new.desired_state:
            yield f"to be {wanted_word(new.desired_state)}", Role.MUTED
        return
    words = state_word(state)
    node = view.get(objects_pb2.Node, new.node_id) if new.node_id else None
    if node is not None and (old is None or old.node_id != new.node_id or state == types_pb2.RUNNING):
        words += f" on {node.description.hostname or node.id}"
    if (cause := short_cause(new)) and state > types_pb2.RUNNING:
        words += f": {cause}"
    yield words, state_health(state).role


def _halted(old: Any, new: Any) -> str:
    before = old.update_status.state if old is not None else _Update.UNKNOWN
    return _HALTED.get(new.update_status.state, "") if new.update_status.state != before else ""


def _update(old: Any, new: Any) -> str:
    before, now = old.update_status.state, new.update_status.state
    if before == now:
        return ""
    return {
        _Update.UPDATING: "update begins",
        _Update.COMPLETED: "update done",
        _Update.ROLLBACK_COMPLETED: "rolled back",
    }.get(now, "")
