"""A drill's clock and score (docs/design/terminal.md 11.20)."""

from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_testkit.factories import make_node, make_resources, make_service, make_task, make_task_spec
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.operations import nodes as operation
from swarm_tui.operations.describe import describe
from swarm_tui.operations.drill import Drill, told

S = 1_000_000_000
Task = objects_pb2.Task


def _nodes() -> list[objects_pb2.Node]:
    return [
        make_node(name, hostname=name, state="READY", resources=make_resources(cpus=4, memory=8 << 30))
        for name in ("a", "b", "c")
    ]


WEB = make_service("s-web", name="web", replicas=4)
API = make_service("s-api", name="api", replicas=1)


def _task(
    service: objects_pb2.Service, slot: int, node: str, number: int = 0, state: str = "RUNNING"
) -> Task:
    return make_task(f"{service.id}-{slot}-{number}", service=service, slot=slot, node_id=node, state=state)


def _before() -> list[Any]:
    """Two tasks of "web" on a, one on b and on c each; one of "api" on b."""
    spread = [_task(WEB, slot, node) for slot, node in enumerate("aabc", 1)]
    return [*_nodes(), WEB, API, *spread, _task(API, 1, "b")]


def _drill(items: list[Any], node: str = "a") -> Drill:
    view = Snapshot(items)
    return Drill(view, [node], describe(operation.availability(view, [node], "drain"), view))


def _with(items: list[Any], *changed: Task) -> Snapshot:
    return Snapshot([*[one for one in items if one.id not in {task.id for task in changed}], *changed])


def _ended(task: Task) -> Task:
    gone = Task()
    gone.CopyFrom(task)
    gone.status.state = gone.desired_state = types_pb2.SHUTDOWN
    return gone


def test_the_clock_stops_at_full_strength() -> None:
    """It stops when each service that had tasks there runs as many elsewhere, not before, and not later."""
    items = _before()
    first, second = items[5], items[6]
    drill = _drill(items)
    drill.look(Snapshot(items), 1 * S)
    assert not drill.is_over, "what runs on the drained node does not count"
    drill.look(_with(items, _ended(first), _ended(second)), 2 * S)
    assert not drill.is_over
    drill.look(_with(items, _ended(first), _ended(second), _task(WEB, 1, "b", 1)), 3 * S)
    assert not drill.is_over
    drill.look(
        _with(items, _ended(first), _ended(second), _task(WEB, 1, "b", 1), _task(WEB, 2, "c", 1)), 5 * S
    )
    assert drill.is_over
    drill.look(Snapshot(items), 9 * S)
    score = drill.score(0)
    assert (score.seconds, score.moved) == (5.0, 2)
    assert [(one.name, one.before, one.lowest, one.end) for one in score.courses] == [("web", 4, 2, 4)]


def test_what_came_as_foretold() -> None:
    """Two tasks that went where the plan had said are as foretold; one that went elsewhere is not."""
    items = _before()
    gone = [_ended(items[5]), _ended(items[6])]
    drill = _drill(items)
    foretold = drill.score(0).foretold_landing
    assert (sum(foretold.values()), set(foretold) <= {"b", "c"}) == (2, True)
    hosts = [name for name, count in foretold.items() for _ in range(count)]
    drill.look(_with(items, *gone, *(_task(WEB, n, host, 1) for n, host in enumerate(hosts, 1))), 2 * S)
    assert drill.score(0).landing == foretold
    other = _drill(items)
    other.look(_with(items, *gone, *(_task(WEB, n, "b", 1) for n in (1, 2))), 2 * S)
    assert other.is_over
    assert other.score(0).is_as_foretold == (foretold == {"b": 2})
    assert (
        told(other.score(0))[-1] == ("As" if foretold == {"b": 2} else "Not as") + " the plan had foretold."
    )


def test_who_finds_no_node_is_not_waited_for() -> None:
    """A task that the plan foretold to find no node keeps nobody from full strength, and stands in the score."""
    bound = make_service("s-db", name="db", replicas=1, task=make_task_spec(constraints=["node.hostname==a"]))
    items: list[Any] = [*_nodes(), bound, WEB, _task(bound, 1, "a"), _task(WEB, 1, "a")]
    drill = _drill(items)
    after = [*_nodes(), bound, WEB, _ended(items[5]), _ended(items[6]), _task(WEB, 1, "b", 1)]
    drill.look(Snapshot(after), 1 * S)
    assert drill.is_over
    assert [(one.name, one.homeless, one.end) for one in drill.score(0).courses] == [
        ("db", 1, 0),
        ("web", 0, 1),
    ]
    assert any("1 were foretold to find no node" in line for line in told(drill.score(0)))


def test_a_drill_that_was_not_finished() -> None:
    """Where full strength was not reached there is no time, and it is not as foretold."""
    drill = _drill(_before())
    score = drill.score(0, "not reached in 1 s")
    assert (score.seconds, score.is_as_foretold) == (None, False)
    assert told(score)[0] == "Full strength without a: not reached in 1 s."
    assert drill.progress() == "2 of 4 tasks run on other nodes"


@pytest.mark.parametrize("node", ["b", "c"])
def test_other_services_are_not_looked_at(node: str) -> None:
    """Only services with a task on the node stand in the score."""
    names = {one.name for one in _drill(_before(), node).score(0).courses}
    assert names == ({"web", "api"} if node == "b" else {"web"})


def test_global_services_are_not_waited_for_elsewhere() -> None:
    """A task of a global service is of its node: the clock stops without another in its place."""
    everywhere = make_service("s-all", name="all", is_global=True)
    items: list[Any] = [*_nodes(), everywhere, WEB, _task(WEB, 1, "a")]
    items += [
        make_task(f"all-{node}", service=everywhere, slot=0, node_id=node, state="RUNNING") for node in "abc"
    ]
    drill = _drill(items)
    gone = [_ended(items[5]), _ended(items[6])]
    drill.look(_with(items, *gone), 1 * S)
    assert not drill.is_over, "web runs nowhere yet"
    drill.look(_with(items, *gone, _task(WEB, 1, "b", 1)), 2 * S)
    assert drill.is_over
    score = drill.score(0)
    assert [(one.name, one.before, one.end) for one in score.courses] == [("all", 3, 2), ("web", 1, 1)]
    assert (score.moved, score.foretold_moved) == (1, 1)
