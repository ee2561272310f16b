"""The tree: what hangs on what, in which order, and how a folded line tells of the worst below it."""

from typing import Any

import pytest
from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import types_pb2
from swarm_core.client.watch import Listed
from swarm_testkit.cluster_fake import START_NS, FakeCluster, lively_cluster
from swarm_testkit.factories import (
    make_network,
    make_node,
    make_secret,
    make_service,
    make_task,
    make_task_spec,
)
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import registry, tree
from swarm_tui.resources.model import Health


def mirror_of(*items: Any) -> Mirror:
    mirror = Mirror(FakeCluster())
    mirror.apply(Listed(tuple(items), 1))
    return mirror


def whole(cluster: FakeCluster) -> Mirror:
    return mirror_of(*(item for kind in registry.stored() for item in cluster.all(kind.message)))


def trail(view: Mirror, *steps: tuple[str, str]) -> tree.Trail:
    found = []
    for noun, id_ in steps:
        item = view.get(registry.by_noun(noun).message, id_)
        assert item is not None, (noun, id_)
        found.append((noun, item))
    return tuple(found)


def below(view: Mirror, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    return [(noun, item.id) for noun, item in tree.branches(trail(view, *steps), view)]


def texts(view: Mirror, *steps: tuple[str, str], is_unfolded: bool = False) -> list[str]:
    way = trail(view, *steps)
    has = bool(tree.branches(way, view))
    return [cell.text for cell in tree.cells(way, view, START_NS, is_unfolded=is_unfolded, has_branches=has)]


@pytest.fixture
def crashing() -> Mirror:
    """A service with two places: one runs, one runs again after two failures, the first of which was on another node."""
    service = make_service("s", name="web", replicas=2)
    first = make_task("t-first", service=service, slot=2, node_id="n2", state="FAILED", desired="SHUTDOWN")
    second = make_task("t-second", service=service, slot=2, node_id="n1", state="FAILED", desired="SHUTDOWN")
    first.meta.created_at.seconds, second.meta.created_at.seconds = 10, 20
    now = make_task("t-now", service=service, slot=2, node_id="n1", state="RUNNING")
    now.meta.created_at.seconds = 30
    return mirror_of(
        make_node("n1", hostname="one"),
        make_node("n2", hostname="two"),
        service,
        make_task("t-one", service=service, slot=1, node_id="n1", state="RUNNING"),
        now,
        first,
        second,
    )


def test_a_service_has_places_and_they_have_earlier_attempts(crashing: Mirror) -> None:
    """A place is its newest task; below it the attempts before, the newest first; below those nothing."""
    assert below(crashing, ("service", "s")) == [("task", "t-one"), ("task", "t-now")]
    assert below(crashing, ("service", "s"), ("task", "t-now")) == [("task", "t-second"), ("task", "t-first")]
    assert below(crashing, ("service", "s"), ("task", "t-now"), ("task", "t-second")) == []
    assert below(crashing, ("service", "s"), ("task", "t-one")) == []


def test_a_node_shows_what_is_there(crashing: Mirror) -> None:
    """Below a node stand services with their tasks on it alone; a failure whose place runs elsewhere by now is past."""
    assert below(crashing, ("node", "n1")) == [("service", "s")]
    assert below(crashing, ("node", "n1"), ("service", "s")) == [("task", "t-one"), ("task", "t-now")]
    assert below(crashing, ("node", "n1"), ("service", "s"), ("task", "t-now")) == [("task", "t-second")]
    assert below(crashing, ("node", "n2")) == []
    assert "2/2 here" in texts(crashing, ("node", "n1"), ("service", "s"))


def test_places_without_slots_are_in_the_order_of_their_nodes() -> None:
    """A global service's places are nodes, as people count them."""
    service = make_service("s", name="agent", is_global=True)
    nodes = [make_node(f"x{name}", hostname=name) for name in ("w10", "w2")]
    placed = [make_task(f"t-{node.id}", service=service, slot=0, node_id=node.id) for node in nodes]
    view = mirror_of(service, *nodes, *placed)
    assert below(view, ("service", "s")) == [("task", "t-xw2"), ("task", "t-xw10")]


def test_a_stack_holds_services_and_the_rest() -> None:
    """Services first, then networks, secrets and configs; a secret leads to the services that use it."""
    label = {STACK_LABEL: "shop"}
    spec = make_task_spec(secrets=[types_pb2.SecretReference(secret_id="sec", secret_name="key")])
    secret, network = make_secret("sec", name="key"), make_network("net", name="front")
    for item in (secret, network):
        item.spec.annotations.labels.update(label)
    view = mirror_of(secret, network, make_service("s", name="web", task=spec, labels=label))
    assert below(view, ("stack", "shop")) == [("service", "s"), ("network", "net"), ("secret", "sec")]
    assert below(view, ("secret", "sec")) == [("service", "s")]
    assert texts(view, ("stack", "shop"), ("secret", "sec"))[0].endswith("secret key")


def test_a_folded_line_tells_of_the_worst_below_it() -> None:
    """A node that is fine is shown with the sign of its crashing task, and its cause; unfolded it is fine again."""
    view = whole(lively_cluster())
    node = ("node", "n04-w2")
    folded = texts(view, node)
    assert folded[0].startswith("▸ ✖ w2")
    assert folded[-1] == "mailer: exit 1"
    assert texts(view, node, is_unfolded=True)[0].startswith("▾ ● w2")


def test_a_past_attempt_makes_nothing_above_it_look_ill(crashing: Mirror) -> None:
    """Its failures are shown where they were, and nowhere else."""
    assert texts(crashing, ("node", "n1"))[0].startswith("▸ ●")
    way = trail(crashing, ("service", "s"), ("task", "t-now"), ("task", "t-first"))
    assert tree.is_past(way)
    assert tree.own(way, crashing, START_NS)[0] is Health.FAILED


@pytest.mark.parametrize(
    ("root", "ref", "expected"),
    [
        ("service", ("task", "t-second"), ["s", "t-now", "t-second"]),
        ("node", ("task", "t-second"), ["n1", "s", "t-now", "t-second"]),
        ("node", ("service", "s"), ["n1", "s"]),
        ("service", ("node", "n1"), None),
    ],
)
def test_the_way_to_an_object(
    crashing: Mirror, root: str, ref: tuple[str, str], expected: list[str] | None
) -> None:
    """From the roots of a kind, as far as they are admitted."""
    found = tree.trail_to(root, *ref, crashing, admits=lambda id_: True)
    assert (found and [item.id for _, item in found]) == expected
    assert tree.trail_to(root, *ref, crashing, admits=lambda id_: False) is None


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.noun)
def test_the_headings_of_the_tree_are_columns_of_the_kind(kind: Any) -> None:
    """What a kind shows in the tree it shows in its own list as well."""
    assert set(kind.tree_cells) <= {column.id for column in tree.COLUMNS}
    assert set(kind.tree_cells.values()) <= {column.id for column in kind.columns}
    assert bool(kind.tree_cells) == (kind.noun in (*tree.ROOTS, tree.TASK))
