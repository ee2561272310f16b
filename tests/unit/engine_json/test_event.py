"""Changes of the cluster's objects as events (docs/design/engine-api-json.md 14.12)."""

from typing import Any

import pytest
from google.protobuf.message import Message
from swarm_core.api.proto import types_pb2, watch_pb2
from swarm_core.engine_json import event
from swarm_testkit.factories import make_network, make_node, make_service, make_task

NOW_NS = 5_000_000_007


def told(action: str, item: Message, old: Message | None = None) -> dict[str, Any] | None:
    """The event of a change."""
    made = watch_pb2.WatchMessage.Event(action=watch_pb2.WatchActionKind.Value(f"WATCH_ACTION_{action}"))
    name = item.DESCRIPTOR.name.lower()
    getattr(made.object, name).CopyFrom(item)
    if old is not None:
        getattr(made.old_object, name).CopyFrom(old)
    return event.to_json(made, NOW_NS)


def changes(item: Message, old: Message) -> dict[str, str]:
    """What an update says beside the name."""
    found = told("UPDATE", item, old)
    assert found is not None
    attributes: dict[str, str] = found["Actor"]["Attributes"]
    return {key: value for key, value in attributes.items() if key != "name"}


def test_an_event() -> None:
    """Rule 14.12.1: what came is told with its time of creation, what changed with that of its update, what went with now."""
    network = make_network("n1", name="lan")
    network.meta.created_at.seconds, network.meta.updated_at.seconds = 3, 4
    for action, at_ns in (("CREATE", 3_000_000_000), ("UPDATE", 4_000_000_000), ("REMOVE", NOW_NS)):
        assert told(action, network) == {
            "Type": "network",
            "Action": action.lower(),
            "Actor": {"ID": "n1", "Attributes": {"name": "lan"}},
            "scope": "swarm",
            "time": at_ns // 1_000_000_000,
            "timeNano": at_ns,
        }


def test_what_nobody_is_told() -> None:
    """Rule 14.12.1: tasks have no events."""
    assert told("CREATE", make_task()) is None
    assert event.to_json(watch_pb2.WatchMessage.Event(), NOW_NS) is None


def test_changes_of_a_node() -> None:
    """Rule 14.12.2: only what changed; who leads and who is reached where both sides know it. Without a name the host's counts."""
    old, new = make_node(hostname="host"), make_node(hostname="host", role="MANAGER")
    new.spec.availability, new.status.state = 2, types_pb2.NodeStatus.DOWN  # type: ignore[assignment]
    new.manager_status.leader = True
    assert changes(old, old) == {}
    assert changes(new, old) == {
        "availability.old": "active", "availability.new": "drain",
        "role.old": "worker", "role.new": "manager",
        "state.old": "ready", "state.new": "down",
    }  # fmt: skip
    old.manager_status.reachability = types_pb2.RaftMemberStatus.REACHABLE
    found = changes(new, old)
    assert (found["leader.old"], found["leader.new"]) == ("false", "true")
    assert (found["reachability.old"], found["reachability.new"]) == ("reachable", "unknown")
    made = told("UPDATE", new)
    assert made is not None and made["Actor"]["Attributes"] == {"name": "host"}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (None, "UPDATING", {"updatestate.new": "updating"}),
        ("UPDATING", "COMPLETED", {"updatestate.old": "updating", "updatestate.new": "completed"}),
        ("COMPLETED", "COMPLETED", {}),
        ("COMPLETED", None, {}),
    ],
)
def test_the_update_of_a_service(before: str | None, after: str | None, found: dict[str, str]) -> None:
    """Rule 14.12.3: the state of an update, and the one before if there was one."""
    old, new = make_service(), make_service()
    for each, state in ((old, before), (new, after)):
        if state is not None:
            each.update_status.state = types_pb2.UpdateStatus.UpdateState.Value(state)
    assert changes(new, old) == found


def test_changes_of_a_service() -> None:
    """Rule 14.12.3: image and replicas; these only where both sides are replicated."""
    old, new = make_service(replicas=1), make_service(replicas=3)
    new.spec.task.container.image = "other"
    found = changes(new, old)
    assert (found["replicas.old"], found["replicas.new"], found["image.new"]) == ("1", "3", "other")
    assert changes(make_service(is_global=True), old) == {}
