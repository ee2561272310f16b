"""Moves that spread anew (docs/design/scheduling.md 3.13)."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st
from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.rules.placement.balance import Balancer, Movable, Move
from swarm_core.rules.placement.filters import Pipeline
from swarm_core.rules.placement.node_info import survey
from swarm_core.rules.placement.spread import spread_descriptors, tree
from swarm_testkit.factories import make_node, make_resources, make_service, make_task, make_task_spec


def running(service: Service, **on: int) -> list[Task]:
    """So many tasks on each node, numbered on; later ones are newer."""
    places = [node for node, count in on.items() for _ in range(count)]
    return [
        make_task(
            f"{service.id}-{number}",
            service=service,
            slot=number,
            node_id=node,
            state="RUNNING",
            created_ns=number,
        )
        for number, node in enumerate(places, 1)
    ]


def planned(nodes: list[Node], *services: tuple[Service, list[Task]], moves_max: int = 1000) -> list[Move]:
    infos = survey(nodes, [task for _, tasks in services for task in tasks])
    movable = [Movable(make_task(service=service), tasks) for service, tasks in services]
    return Balancer(infos).moves(movable, moves_max)


def told(moves: list[Move]) -> list[tuple[str, str, str, int, int]]:
    return [(m.task.id, m.source.id, m.target.id, m.why.source_tasks, m.why.target_tasks) for m in moves]


def test_a_new_node_gets_its_share() -> None:
    """3.13.1: from the most crowded nodes, the newest tasks first, until nothing differs by two."""
    service = make_service("s")
    moves = planned([make_node(name) for name in "abc"], (service, running(service, a=3, b=3)))
    assert told(moves) == [("s-3", "a", "c", 3, 0), ("s-6", "b", "c", 3, 1)]


def test_even_is_left_alone() -> None:
    """3.13.1: within one of each other nothing moves."""
    service = make_service("s")
    assert planned([make_node(name) for name in "abc"], (service, running(service, a=2, b=2, c=1))) == []


def test_only_where_the_scheduler_would_go() -> None:
    """3.13.3: a node that does not take the task gets none: drained, without the label, without room."""
    spec = make_task_spec(constraints=["node.labels.disk==ssd"], reservations=make_resources(cpus=2))
    service = make_service("s", task=spec)
    nodes = [
        make_node("a", labels={"disk": "ssd"}, resources=make_resources(cpus=20)),
        make_node("drained", labels={"disk": "ssd"}, availability="DRAIN"),
        make_node("plain"),
        make_node("small", labels={"disk": "ssd"}, resources=make_resources(cpus=3)),
    ]
    moves = planned(nodes, (service, running(service, a=6)))
    assert told(moves) == [("s-6", "a", "small", 6, 0)]


def test_preferences_come_first() -> None:
    """3.13.1: zones are levelled before nodes, and the reason names the label."""
    service = make_service("s", task=make_task_spec(spread=["node.labels.zone"]))
    nodes = [
        make_node("a", labels={"zone": "east"}),
        make_node("b", labels={"zone": "east"}),
        make_node("c", labels={"zone": "west"}),
    ]
    moves = planned(nodes, (service, running(service, a=2, b=2)))
    assert [(move.target.id, move.why.of, move.why.source, move.why.target) for move in moves] == [
        ("c", "node.labels.zone", "east", "west")
    ] * 2
    assert Counter(move.source.id for move in moves) == {"a": 1, "b": 1}


def test_nodes_are_levelled_by_all_their_tasks() -> None:
    """3.13.2: many services of one task each move to an empty node until the nodes are within one of each other."""
    services = [make_service(f"s{number}") for number in range(6)]
    moves = planned([make_node("a"), make_node("b")], *((one, running(one, a=1)) for one in services))
    assert len(moves) == 3
    assert all(move.why.is_in_all for move in moves)
    assert [(move.why.source_tasks, move.why.target_tasks) for move in moves] == [(6, 0), (5, 1), (4, 2)]


def test_no_more_than_asked() -> None:
    """The plan ends at the number of moves that is allowed."""
    service = make_service("s")
    assert len(planned([make_node("a"), make_node("b")], (service, running(service, a=9)), moves_max=2)) == 2


@given(
    st.lists(st.sampled_from(["east", "west", ""]), min_size=1, max_size=5),
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 4), max_size=7)), max_size=3),
)
@example(
    ["east", "east", "east", "west", "west"], [(False, [2, 2]), (True, [3, 3]), (False, [0, 0, 0, 0, 0])]
)
def test_moves_follow_the_scheduler_and_end(zones: list[str], wanted: list[tuple[bool, list[int]]]) -> None:
    """3.13: for any cluster each move is what the scheduler does with the task taken away, every move makes the places more even,
    no task moves twice, and a second plan after the first finds nothing among the tasks that did not move."""
    nodes = [
        make_node(f"n{number}", labels={"zone": zone} if zone else {}) for number, zone in enumerate(zones)
    ]
    services = []
    for number, (is_spread, places) in enumerate(wanted):
        spec = make_task_spec(spread=["node.labels.zone"] if is_spread else [])
        service = make_service(f"s{number}", task=spec)
        on = Counter(f"n{place % len(nodes)}" for place in places)
        services.append((service, running(service, **on)))
    moves = planned(nodes, *services)
    assert len({move.task.id for move in moves}) == len(moves)
    infos = survey(nodes, [task for _, tasks in services for task in tasks])
    for move in moves:
        info = infos[move.task.node_id]
        info.remove(move.task.id)
        pipeline = Pipeline(move.task)
        descriptors = spread_descriptors(move.task.spec.placement.preferences)
        target = tree(list(infos.values()), pipeline, descriptors, 0.0).place()
        assert target is not None and target.id == move.target.id != info.id
        target.take(f"new-{move.task.id}", pipeline.demand, ())
        assert move.why.source_tasks >= move.why.target_tasks + 2
    moved = {move.task.id for move in moves}
    stayed = [
        Movable(make_task(service=service), [task for task in tasks if task.id not in moved])
        for service, tasks in services
    ]
    assert Balancer(infos).moves(stayed, 1000) == []
