"""Changes of the cluster's objects as events of an engine (docs/design/engine-api-json.md 14.12)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Node, Service
from swarm_core.api.proto.specs_pb2 import NodeSpec
from swarm_core.api.proto.types_pb2 import NodeRole, NodeStatus, RaftMemberStatus, UpdateStatus
from swarm_core.api.proto.watch_pb2 import (
    WATCH_ACTION_CREATE,
    WATCH_ACTION_REMOVE,
    WATCH_ACTION_UPDATE,
    WatchMessage,
)
from swarm_core.api.timestamps import NS_PER_S, timestamp_ns
from swarm_core.engine_json.shape import Words
from swarm_core.specs.notation import words_of

KINDS: Final = ("node", "service", "network", "secret", "config")
"""Of what events are told."""
ACTIONS: Final = {
    WATCH_ACTION_CREATE: "create",
    WATCH_ACTION_UPDATE: "update",
    WATCH_ACTION_REMOVE: "remove",
}
_AVAILABILITY: Final = Words(words_of(NodeSpec.Availability))
_ROLE: Final = Words(words_of(NodeRole))
_STATE: Final = Words(words_of(NodeStatus.State))
_REACHABILITY: Final = Words(words_of(RaftMemberStatus.Reachability))
_UPDATE: Final = Words({name.lower(): number for name, number in UpdateStatus.UpdateState.items()})


def to_json(event: WatchMessage.Event, now_ns: int) -> dict[str, Any] | None:
    """The event; None for what an engine tells nobody. `now_ns` is the time of a removal, which no object has."""
    kind, action = event.object.WhichOneof("Object") or "", ACTIONS.get(event.action)
    if kind not in KINDS or action is None:
        return None
    item = getattr(event.object, kind)
    attributes = {"name": _name(item)}
    if action == "update" and event.old_object.WhichOneof("Object") == kind:
        attributes |= _changes(getattr(event.old_object, kind), item)
    at_ns = _time(item, action, now_ns)
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": item.id, "Attributes": attributes},
        "scope": "swarm",
        "time": at_ns // NS_PER_S,
        "timeNano": at_ns,
    }


def _name(item: Any) -> str:
    name = str(item.spec.annotations.name)
    return name or (item.description.hostname if isinstance(item, Node) else "")


def _time(item: Any, action: str, now_ns: int) -> int:
    match action:
        case "create":
            return timestamp_ns(item.meta.created_at)
        case "update":
            return timestamp_ns(item.meta.updated_at)
    return now_ns


def _changes(old: Any, new: Any) -> dict[str, str]:
    match new:
        case Node():
            return _node_changes(old, new)
        case Service():
            return _service_changes(old, new)
    return {}


def _node_changes(old: Node, new: Node) -> dict[str, str]:
    found = {
        **_pair("availability", *(_AVAILABILITY.show(each.spec.availability) for each in (old, new))),
        **_pair("role", *(_ROLE.show(each.role) for each in (old, new))),
        **_pair("state", *(_STATE.show(each.status.state) for each in (old, new))),
    }
    if old.HasField("manager_status") and new.HasField("manager_status"):
        found |= _pair("leader", *(str(each.manager_status.leader).lower() for each in (old, new)))
        found |= _pair(
            "reachability", *(_REACHABILITY.show(each.manager_status.reachability) for each in (old, new))
        )
    return found


def _service_changes(old: Service, new: Service) -> dict[str, str]:
    found = _pair("image", *(each.spec.task.container.image for each in (old, new)))
    if all(each.spec.HasField("replicated") for each in (old, new)):
        found |= _pair("replicas", *(str(each.spec.replicated.replicas) for each in (old, new)))
    if new.HasField("update_status"):
        before = _UPDATE.show(old.update_status.state) if old.HasField("update_status") else ""
        after = _UPDATE.show(new.update_status.state)
        if before != after:
            found |= {"updatestate.new": after} | ({"updatestate.old": before} if before else {})
    return found


def _pair(name: str, old: str, new: str) -> dict[str, str]:
    """Both sides of what changed."""
    return {f"{name}.old": old, f"{name}.new": new} if old != new else {}
