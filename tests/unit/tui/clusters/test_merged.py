"""Several mirrors as one: whose an object is, what is told, and what a lost stream leaves (docs/design/contexts.md 17.2)."""

from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Action, Change, Changed, Listed, Lost, Resumed
from swarm_testkit.cluster_fake import START_NS
from swarm_testkit.factories import make_node, make_service
from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.filters import parse
from swarm_tui.clusters.merged import Merged, homes, named, with_cluster
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.tables import Table
from swarm_tui.operations import nodes as node_operations
from swarm_tui.operations import scale
from swarm_tui.operations.across import described, parts_of, planned
from swarm_tui.operations.model import Create, Done, Plan, Step
from swarm_tui.operations.scale import Amount
from swarm_tui.resources import services, stacks
from swarm_tui.resources.refs import ClusterId, ObjectRef
from swarm_tui.resources.stacks import Stack
from swarm_tui.shell.merged_header import quorum_part

Node, Service = objects_pb2.Node, objects_pb2.Service
STACK = {"com.docker.stack.namespace": "shop"}


class Clock:
    now_ns = START_NS

    def wall_ns(self) -> int:
        return self.now_ns


def mirror_of(clock: Clock, name: str, *items: Any) -> Mirror:
    mirror = Mirror(clock, cluster=ClusterId(name))
    mirror.apply(Listed(items, 1))
    mirror.flush()
    return mirror


def manager(id_: str, *, reachable: bool = True) -> Node:
    node = make_node(id_, hostname=id_, role="MANAGER")
    node.manager_status.raft_id = 1
    node.manager_status.reachability = 2 if reachable else 1
    return node


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def merged(clock: Clock) -> Merged:
    eu = mirror_of(clock, "eu", make_service("e1", name="api", replicas=2, labels=STACK), manager("em1"))
    us = mirror_of(
        clock,
        "us",
        make_service("u1", name="api", replicas=3, labels=STACK),
        make_node("un1"),
        manager("um1"),
    )
    return Merged(clock, [eu, us])


def heard(merged: Merged, feed: Any) -> Changes:
    told: list[Changes] = []
    leave = merged.listen(told.append)
    feed()
    leave()
    return told[-1]


def test_an_object_is_its_clusters(merged: Merged) -> None:
    """By its id; what is derived, and has the same id in all, has the cluster's name before it."""
    eu, us = merged.parts
    assert merged.home(Service, "u1") is us and merged.home(Service, "gone") is merged
    assert sorted(merged.ids(Stack)) == ["eu/shop", "us/shop"]
    assert merged.get(Stack, "us/shop") == us.get(Stack, "shop")
    assert homes(merged, Service, ["u1", "gone", "e1"]) == [(us, ["u1"]), (eu, ["e1"])]
    assert homes(eu, Service, ["e1", "x"]) == [(eu, ["e1", "x"])]
    assert [called for _, called, _ in named(merged, services.KIND)] == ["eu/api", "us/api"]
    assert [ref for ref, _, _ in named(merged, stacks.KIND)][1] == ObjectRef(
        ClusterId("us"), "stack", "us/shop"
    )


def test_a_change_of_one_is_told(merged: Merged) -> None:
    """With the ids that they have among all."""
    us = merged.parts[1]

    def feed() -> None:
        changed = make_service("u1", name="api", replicas=9, labels=STACK)
        us.apply(Changed((Change(Action.UPDATED, changed),), 2))
        merged.flush()

    told = heard(merged, feed)
    assert told.of(Service) == {"u1"} and told.of(Stack) == {"us/shop"} and not told.is_reset


def test_rows_of_both_in_one_order(merged: Merged) -> None:
    """Sorted together, filtered by cluster, and each its cluster's after its object is gone."""
    kind = with_cluster(services.KIND)
    table = Table(merged, kind, START_NS)
    assert [ref.cluster for ref in table.ids(0, 9)] == ["eu", "us"]
    table.set_sort("cluster", START_NS, is_reversed=True)
    assert [ref.cluster for ref in table.ids(0, 9)] == ["us", "eu"]
    table.set_filter(parse("cluster:us", kind.fields), START_NS)
    ref = table.id_at(0)
    us = merged.parts[1]
    us.apply(Changed((Change(Action.REMOVED, make_service("u1", name="api")),), 2))
    assert table.id_at(0) == ref and table.row(ref, START_NS) is None
    us.flush()
    table.apply(Changes({Service: frozenset({"u1"})}), START_NS)
    assert len(table) == 0


def test_one_that_is_lost_stands_still(merged: Merged, clock: Clock) -> None:
    """Its rows are grey, with how old they are in front; the whole is live until none is, and again with the first."""
    eu, us = merged.parts
    kind = with_cluster(services.KIND)
    before = kind.row(us.get(Service, "u1"), us, START_NS)
    told = heard(merged, lambda: (us.apply(Lost("gone")), us.flush()))
    assert told.is_reset and merged.stream.phase is Phase.LIVE
    later = START_NS + 90 * 10**9
    grey = kind.row(us.get(Service, "u1"), us, later)
    assert grey[0].text == "◌ 1m us"
    assert [cell.text for cell in grey[1:]] == [cell.text for cell in before[1:]]
    assert {span.role for cell in grey[1:] for span in cell.spans} == {"muted"}
    eu.apply(Lost("gone"))
    eu.flush()
    assert merged.stream.phase is Phase.STALE
    us.apply(Resumed(2))
    us.flush()
    assert merged.stream.phase is Phase.LIVE


def test_a_plan_in_parts(merged: Merged) -> None:
    """Each part is made and foretold by its own cluster; with one refused none is done; what would be made is of none."""
    amount = Amount("+", 1)
    both = planned(merged, Service, ["e1", "u1"], lambda view, own: scale.plan(view, own, amount))
    assert both.title == "Scale api in eu; Scale api in us"
    assert [(part.view.cluster, len(part.plan.steps)) for part in parts_of(both, merged)] == [
        ("eu", 1),
        ("us", 1),
    ]
    told = described(both, merged)
    assert told.changes == (("eu/api", "scaled 2 → 3"), ("us/api", "scaled 3 → 4"))
    assert any(text.startswith("us: New tasks land on") for text in told.effects)
    one = planned(merged, Service, ["u1"], lambda view, own: scale.plan(view, own, amount))
    assert described(one, merged).title == "Scale api in us"

    def refused(view: Any, own: list[str]) -> Plan:
        return Plan("Scale", refusals=("no.",)) if view.cluster == "us" else scale.plan(view, own, amount)

    assert planned(merged, Service, ["e1", "u1"], refused).refusals == ("us: no.",)
    assert planned(merged, Service, ["e1", "u1"], refused).steps == ()
    made = Plan("Create", (Step("x", "create x", Create(Service, objects_pb2.Service().spec), Done("x")),))
    with pytest.raises(ValueError, match="go to that one first"):
        parts_of(made, merged)


def test_managers_of_another_cluster_are_no_quorum(merged: Merged) -> None:
    """A drain or a demotion counts the managers of its own cluster alone."""
    plan = planned(merged, Node, ["em1"], lambda view, own: node_operations.role(view, own, "worker"))
    managers = described(plan, merged).forecast.managers
    assert managers is not None and (managers.before, managers.after) == (1, 0), "those of us are none of eu"


def test_the_header_names_who_lost_its_quorum(clock: Clock) -> None:
    """Which is worse than managers that are missing."""
    eu = mirror_of(clock, "eu", manager("a"), manager("b", reachable=False))
    us = mirror_of(clock, "us", manager("c"))
    assert "".join(text for text, _ in quorum_part((eu, us)).spans) == "   2 clusters · 1 lost its quorum: eu"
    short = mirror_of(clock, "ap", manager("a"), manager("b"), manager("c", reachable=False))
    assert "managers missing in ap" in "".join(text for text, _ in quorum_part((short, us)).spans)
    assert "each has its quorum" in "".join(text for text, _ in quorum_part((us, us)).spans)
