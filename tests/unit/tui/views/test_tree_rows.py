"""The lines of the tree: folding, filters that keep the ways, and changes that touch no more than they must."""

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import START_NS, lively_cluster
from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.filters import parse
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry
from swarm_tui.resources.refs import ONLY_CLUSTER, ObjectRef
from swarm_tui.views.tree.rows import TreeRows, trail_of


class Clock:
    def monotonic(self) -> float:
        return 0.0

    def wall_ns(self) -> int:
        return START_NS

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


@pytest.fixture
def mirror() -> Mirror:
    cluster, mirror = lively_cluster(), Mirror(Clock())
    mirror.apply(Listed(tuple(item for kind in registry.stored() for item in cluster.all(kind.message)), 1))
    mirror.flush()
    return mirror


@pytest.fixture
def rows(mirror: Mirror) -> TreeRows:
    made = TreeRows(Session("", mirror, Control(lively_cluster()), None, Clock()))  # type: ignore[arg-type]
    made.begin_with("service", ())
    return made


def shown(rows: TreeRows) -> list[str]:
    """The last id of each line, indented by its depth."""
    ways = [trail_of(rows.id_at(index).id) for index in range(len(rows))]
    return ["  " * (len(way) - 1) + way[-1][1] for way in ways]


def at(rows: TreeRows, text: str) -> ObjectRef:
    """The first line of an object."""
    lines = (rows.id_at(index) for index in range(len(rows)))
    return next(line for line in lines if trail_of(line.id)[-1][1] == text)


def changed(mirror: Mirror, item: object, action: Action = Action.UPDATED) -> Changes:
    heard: list[Changes] = []
    leave = mirror.listen(heard.append)
    mirror.apply(Changed((Change(action, item),), 2))  # type: ignore[arg-type]
    mirror.flush()
    leave()
    return heard[0]


def test_roots_are_folded_and_unfold_to_their_places(rows: TreeRows) -> None:
    """Every root in its order; each line is found again, and tells its object."""
    assert shown(rows)[:3] == ["s-api", "s-billing", "s-cache"]
    rows.unfold(at(rows, "s-billing").id)
    assert shown(rows)[1:5] == ["s-billing", "  t-billing-01", "  t-billing-02", "  t-billing-03"]
    line = at(rows, "t-billing-02")
    assert rows.index_of(line) == 3
    assert rows.ref_of(line) == ObjectRef(ONLY_CLUSTER, "task", "t-billing-02")
    rows.fold(at(rows, "s-billing").id)
    assert shown(rows)[1:3] == ["s-billing", "s-cache"]


def test_a_filter_keeps_the_ways_to_what_it_finds(rows: TreeRows) -> None:
    """A task's word finds the task and keeps its service; what is found can be unfolded further."""
    rows.set_filter(parse("state:pending", ("state",)))
    assert shown(rows) == ["s-billing", "  t-billing-02", "  t-billing-03"]
    rows.set_filter(parse("/^billing$/", ()))
    assert shown(rows) == ["s-billing"]
    rows.unfold(at(rows, "s-billing").id)
    assert shown(rows) == ["s-billing", "  t-billing-01", "  t-billing-02", "  t-billing-03"]


def test_problems_only(rows: TreeRows) -> None:
    """What is wrong, and what it hangs on."""
    rows.set_problems_only(True)
    assert shown(rows) == ["s-billing", "  t-billing-02", "  t-billing-03", "s-mailer", "  t-mailer-01"]
    assert (rows.shown_roots, rows.roots) == (2, 8)


def test_some_roots_alone(rows: TreeRows) -> None:
    """What was marked in a list."""
    rows.begin_with("service", ("s-db", "s-api"))
    assert shown(rows) == ["s-api", "s-db"]
    assert rows.reveal(ObjectRef(ONLY_CLUSTER, "task", "t-web-01")) is None


def test_an_object_is_revealed(rows: TreeRows) -> None:
    """The way to it unfolds, and it itself where something hangs on it."""
    line = rows.reveal(ObjectRef(ONLY_CLUSTER, "task", "t-db-01"))
    assert line is not None
    assert rows.index_of(line) == shown(rows).index("  t-db-01")
    rows.begin_with("node", ())
    rows.reveal(ObjectRef(ONLY_CLUSTER, "service", "s-db"))
    assert shown(rows)[4:9] == ["n04-w2", "  s-api", "  s-billing", "  s-cache", "  s-db"]
    assert shown(rows)[9] == "    t-db-01"


def test_a_change_is_followed(rows: TreeRows, mirror: Mirror) -> None:
    """A new attempt takes its place and the one before goes below it; a service that goes takes its lines along. What is folded
    moves no line."""
    rows.unfold(at(rows, "s-db").id)
    old = mirror.get(objects_pb2.Task, "t-db-01")
    assert old is not None
    new = objects_pb2.Task()
    new.CopyFrom(old)
    new.id = "t-db-02"
    new.meta.version.index = 900
    new.meta.created_at.seconds = old.meta.created_at.seconds + 60
    old = type(old).FromString(old.SerializeToString())
    old.desired_state, old.meta.version.index = types_pb2.SHUTDOWN, 901
    assert rows.apply(changed(mirror, old)) is False
    assert rows.apply(changed(mirror, new, Action.CREATED)) is True
    assert "  t-db-02" in shown(rows) and "  t-db-01" not in shown(rows)
    rows.unfold(at(rows, "t-db-02").id)
    assert "    t-db-01" in shown(rows)
    api = mirror.get(objects_pb2.Task, "t-api-07")
    assert api is not None
    api = type(api).FromString(api.SerializeToString())
    api.status.state, api.meta.version.index = types_pb2.RUNNING, 902
    assert rows.apply(changed(mirror, api)) is False
    assert rows.apply(changed(mirror, mirror.get(objects_pb2.Service, "s-db"), Action.REMOVED)) is True
    assert not [line for line in shown(rows) if "db" in line]


def test_everything_below_unfolds_and_folds(rows: TreeRows) -> None:
    """Down to the places of services: attempts before stay folded."""
    rows.begin_with("stack", ())
    rows.unfold_below(at(rows, "ops").id)
    assert shown(rows)[:3] == ["ops", "  s-mailer", "    t-mailer-01"]
    assert "    t-metrics-08" in shown(rows)
    rows.fold_all()
    assert shown(rows) == ["ops", "shop"]
