"""What the drawer of events is about, wherever the person is."""

from typing import Any

import pytest
from swarm_core.api.names import STACK_LABEL
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.factories import make_network, make_node, make_service, make_task
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources.events import Event
from swarm_tui.resources.model import Link
from swarm_tui.resources.refs import ONLY_CLUSTER, ObjectRef
from swarm_tui.views.events_drawer import scope_of
from swarm_tui.views.place import Place


@pytest.fixture
def view() -> Mirror:
    label = {STACK_LABEL: "shop"}
    service, other = make_service("s", name="web", labels=label), make_service("o", name="other")
    network = make_network("net", name="front")
    network.spec.annotations.labels.update(label)
    items: tuple[Any, ...] = (
        service,
        other,
        network,
        make_node("n", hostname="w1"),
        make_task("t", service=service, slot=1, node_id="n"),
    )
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(items, 1))
    return mirror


EVENTS = {
    key: Event(key, ref=ObjectRef(ONLY_CLUSTER, *key.split("/")))
    for key in ("service/s", "service/o", "node/n", "network/net")
}


@pytest.mark.parametrize(
    ("about", "label", "expected"),
    [
        (("", ""), None, set(EVENTS)),
        (("service", "s"), "service web", {"service/s"}),
        (("task", "t"), "service web", {"service/s"}),
        (("node", "n"), "node w1", {"node/n"}),
        (("stack", "shop"), "stack shop", {"service/s", "network/net"}),
        (("service", "gone"), "service gone", set()),
    ],
)
def test_it_tells_what_happened_to_what_is_shown(
    view: Mirror, about: tuple[str, str], label: str | None, expected: set[str]
) -> None:
    """To the object of the place, to a task's service, to all that a stack holds; elsewhere to everything."""
    scope = scope_of(Place(ONLY_CLUSTER, Link("tasks", *about)), view)
    assert (scope and scope.label) == label
    assert {key for key, event in EVENTS.items() if scope is None or scope.admits(event)} == expected
