"""Node order, preference tree and placement (docs/design/scheduling.md 3.6, 3.7)."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto.types_pb2 import PlacementPreference
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.node_info import FAILURES_MAX, NodeInfo
from swarm_core.rules.placement.spread import spread_descriptors, tree
from swarm_testkit.factories import make_node, make_resources, make_service, make_task, make_task_spec

SERVICE = make_service("web")


def make_info(name: str, *, own: int = 0, others: int = 0, **labels: str) -> NodeInfo:
    info = NodeInfo(make_node(name, labels=labels))
    for _ in range(own):
        info.add(make_task(service=SERVICE))
    for _ in range(others):
        info.add(make_task(service=make_service()))
    return info


def place(nodes: Sequence[NodeInfo], count: int, *descriptors: str, service: object = None) -> Counter[str]:
    """How many of `count` tasks each node gets."""
    task = make_task(service=service or SERVICE)  # type: ignore[arg-type]
    pipeline = Pipeline(task)
    placement, placed = tree(nodes, pipeline, descriptors, now=0.0), Counter[str]()
    for number in range(count):
        info = placement.place()
        if info is None:
            break
        info.take(f"new-{number}", pipeline.demand, ())
        placed[info.id] += 1
    return placed


def test_even_spread() -> None:
    """3.7: equal nodes get equal shares, the remainder one each."""
    placed = place([make_info(name) for name in "abc"], 10)
    assert sorted(placed.values()) == [3, 3, 4]


def test_uneven_start_is_levelled() -> None:
    """9.3: scaling up from a skew fills the emptier nodes first."""
    assert place([make_info("a", own=4), make_info("b"), make_info("c", own=1)], 7) == {"b": 4, "c": 3}


def test_total_breaks_ties() -> None:
    """3.6: with equal tasks of the service the node with fewer tasks in total is better."""
    assert place([make_info("a", others=1), make_info("b")], 1) == {"b": 1}
    assert place([make_info("a", others=9), make_info("b", own=1)], 1) == {"a": 1}


def test_failing_node_is_last() -> None:
    """3.6: five recent failures of this version put a node behind all others; another version is not concerned."""
    bad = make_info("bad")
    for _ in range(FAILURES_MAX):
        bad.record_failure(("web", 0), 0.0)
    assert place([bad, make_info("good", own=9)], 2) == {"good": 2}
    newer = make_service("web", spec_version=1)
    assert place([bad, make_info("good", own=9)], 2, service=newer) == {"bad": 2}


def test_full_nodes_are_skipped() -> None:
    """3.7: a node that refuses after a placement is out, the rest share."""
    spec = make_task_spec(reservations=make_resources(cpus=2))
    placed = place([make_info("a"), make_info("b")], 9, service=make_service(task=spec))
    assert placed == {"a": 2, "b": 2}


def test_one_preference() -> None:
    """9.3: zones get equal shares however many nodes they have."""
    nodes = [make_info("a", zone="east"), make_info("b", zone="west"), make_info("c", zone="west")]
    assert place(nodes, 8, "node.labels.zone") == {"a": 4, "b": 2, "c": 2}


def test_missing_label_is_a_branch() -> None:
    """3.7.1: nodes without the label are a branch of their own."""
    nodes = [make_info("a", zone="east"), make_info("b"), make_info("c")]
    assert place(nodes, 4, "node.labels.zone") == {"a": 2, "b": 1, "c": 1}


def test_two_preferences() -> None:
    """9.3, 3.7.1: levels are kept even in the order of the preferences."""
    nodes = [
        make_info("a", zone="east", rack="1"),
        make_info("b", zone="east", rack="2"),
        make_info("c", zone="east", rack="2"),
        make_info("d", zone="west", rack="1"),
    ]
    assert place(nodes, 8, "node.labels.zone", "node.labels.rack") == {"a": 2, "b": 1, "c": 1, "d": 4}


def test_refusing_nodes_count_in_their_branch() -> None:
    """3.7.2: tasks on nodes that take no more count for their branch."""
    paused = NodeInfo(make_node("p", labels={"zone": "east"}, availability="PAUSE"))
    for _ in range(3):
        paused.add(make_task(service=SERVICE))
    nodes = [paused, make_info("a", zone="east"), make_info("b", zone="west")]
    assert place(nodes, 3, "node.labels.zone") == {"b": 3}


def test_full_branch_leaves_the_rest_to_others() -> None:
    """3.7.2: what a branch cannot take goes to the other branches."""
    spec = make_task_spec(max_replicas=1)
    nodes = [make_info("a", zone="east"), make_info("b", zone="west"), make_info("c", zone="west")]
    placed = place(nodes, 9, "node.labels.zone", service=make_service(task=spec))
    assert placed == {"a": 1, "b": 1, "c": 1}


def test_only_spreads_over_labels_are_levels() -> None:
    """3.7.1: other preferences are ignored."""
    spec = make_task_spec(spread=["Node.Labels.zone", "engine.labels.disk", "node.id", "node.labels."])
    preferences = [*spec.placement.preferences, PlacementPreference()]
    assert spread_descriptors(preferences) == ("Node.Labels.zone", "engine.labels.disk")


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["x", "y", "z"])), min_size=1, max_size=8),
    st.integers(0, 30),
    st.booleans(),
)
def test_levels_stay_even(shape: list[tuple[int, str]], count: int, by_zone: bool) -> None:
    """3.7.2, 3.14.1: nobody gets a task while another one had two fewer, in the branches and on the nodes of a branch."""
    nodes = [make_info(f"n{i}", own=own, zone=zone) for i, (own, zone) in enumerate(shape)]
    placed = place(nodes, count, *(["node.labels.zone"] if by_zone else []))
    assert placed.total() == count
    groups: dict[str, list[NodeInfo]] = {}
    for info, (_, zone) in zip(nodes, shape, strict=True):
        groups.setdefault(zone if by_zone else "", []).append(info)
    levels = [[info.active_of.get("web", 0) for info in members] for members in groups.values()]
    grown = [[placed[info.id] > 0 for info in members] for members in groups.values()]
    for level, has_grown in zip(levels, grown, strict=True):
        assert all(own <= min(level) + 1 for own, got in zip(level, has_grown, strict=True) if got)
    totals = [sum(level) for level in levels]
    assert all(total <= min(totals) + 1 for total, got in zip(totals, map(any, grown), strict=True) if got)
