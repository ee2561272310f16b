"""Tables: sorted and filtered ids, cheap changes, rows on demand."""

import random
from dataclasses import replace
from typing import Any

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_core.client.watch import Action, Change, Changed, Listed
from swarm_testkit.cluster_fake import START_NS
from swarm_testkit.factories import make_node, make_service, make_task
from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.filters import parse
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.tables import Table, TableChange
from swarm_tui.resources import nodes, services, tasks
from swarm_tui.resources.model import RowCells
from swarm_tui.resources.refs import ClusterId

Task = objects_pb2.Task


class Clock:
    def wall_ns(self) -> int:
        return START_NS


def mirror_of(*items: Any) -> Mirror:
    mirror = Mirror(Clock())
    mirror.apply(Listed(tuple(items), 1))
    mirror.flush()
    return mirror


def put(mirror: Mirror, *items: Any, action: Action = Action.UPDATED) -> Changes:
    heard: list[Changes] = []
    leave = mirror.listen(heard.append)
    mirror.apply(Changed(tuple(Change(action, item) for item in items), 2))
    mirror.flush()
    leave()
    return heard[0]


def some_services() -> Mirror:
    return mirror_of(*(make_service(f"s{i}", name=name) for i, name in enumerate(["w10", "api", "w2", "db"])))


def names(table: Table[RowCells]) -> list[str]:
    return [table.item(id_).spec.annotations.name for id_ in table.ids(0, len(table))]


def test_natural_order_and_reverse() -> None:
    """Names sort as people count, and backwards when asked."""
    table = Table(some_services(), services.KIND, START_NS)
    assert names(table) == ["api", "db", "w2", "w10"]
    table.set_sort("service", START_NS, is_reversed=True)
    assert names(table) == ["w10", "w2", "db", "api"]
    assert [table.index_of(table.id_at(i)) for i in range(4)] == [0, 1, 2, 3]


def test_changes_move_rows() -> None:
    """A new object takes its place, a removed one leaves, a changed one is only touched."""
    mirror = some_services()
    table = Table(mirror, services.KIND, START_NS)
    assert table.apply(put(mirror, make_service("s9", name="cache")), START_NS).is_reordered
    assert names(table) == ["api", "cache", "db", "w2", "w10"]
    changed = table.apply(put(mirror, make_service("s1", name="api", replicas=5)), START_NS)
    assert changed == TableChange({"s1"}, False)
    gone = table.apply(put(mirror, make_service("s1"), action=Action.REMOVED), START_NS)
    assert gone.is_reordered and table.index_of(table.ref("s1")) is None
    assert not table.apply(put(mirror, make_node("n1")), START_NS)


def test_cursor_follows_its_object() -> None:
    """An object is found by its id wherever the sort has put it."""
    mirror = some_services()
    table = Table(mirror, services.KIND, START_NS)
    before = table.index_of(table.ref("s3"))
    table.apply(put(mirror, make_service("s8", name="aaa")), START_NS)
    assert (before, table.index_of(table.ref("s3"))) == (1, 2)


def test_filter_scope_and_problems() -> None:
    """Filter, scope and problems-only cut the rows down; objects come and go as they change."""
    web = make_service("s1", name="web")
    mirror = mirror_of(
        web,
        *(make_task(f"t{i}", service=web, slot=i, state="RUNNING") for i in range(1, 4)),
        make_task("x1", service_id="s2", slot=1, state="FAILED"),
    )
    table = Table(mirror, tasks.KIND, START_NS, scope=lambda task: task.service_id == "s1")
    assert (len(table), table.total) == (3, 4)
    table.set_filter(parse("state:failed", tasks.KIND.fields), START_NS)
    assert len(table) == 0
    table.apply(put(mirror, make_task("t2", service=web, slot=2, state="FAILED")), START_NS)
    assert table.ids(0, 9) == [table.ref("t2")]
    table.apply(put(mirror, make_task("t2", service=web, slot=2, state="RUNNING")), START_NS)
    assert len(table) == 0
    table.set_filter(None, START_NS)
    table.set_scope(None, START_NS)
    table.set_problems_only(True, START_NS)
    assert table.ids(0, 9) == [table.ref("x1")]


def test_reset_lists_anew() -> None:
    """After a new list the table holds exactly what is there."""
    mirror = some_services()
    table = Table(mirror, services.KIND, START_NS)
    heard: list[Changes] = []
    mirror.listen(heard.append)
    mirror.apply(Listed((make_service("s1", name="only"),), 9))
    mirror.flush()
    assert table.apply(heard[0], START_NS).is_reordered
    assert names(table) == ["only"]


def test_row_of_a_gone_object() -> None:
    """Between a removal and the next flush a row that is still listed has no cells."""
    mirror = some_services()
    table = Table(mirror, services.KIND, START_NS)
    mirror.apply(Changed((Change(Action.REMOVED, make_service("s1")),), 2))
    assert table.row(table.ref("s1"), START_NS) is None


@pytest.mark.parametrize("sort", ["state", "task"])
def test_random_changes_keep_the_order(sort: str) -> None:
    """After many random changes the table equals one that is built from nothing."""
    rng = random.Random(7)
    mirror = mirror_of()
    table = Table(mirror, tasks.KIND, START_NS)
    table.set_sort(sort, START_NS)
    live: set[str] = set()
    for _ in range(600):
        id_ = f"t{rng.randrange(60)}"
        if id_ in live and rng.random() < 0.3:
            live.discard(id_)
            changes = put(mirror, make_task(id_), action=Action.REMOVED)
        else:
            live.add(id_)
            state = rng.choice(["PENDING", "RUNNING", "FAILED", "COMPLETE"])
            number = int(id_[1:])
            # Of a global service, without a slot, is every third; its node may be another one each time.
            slot = rng.randrange(9) if sort == "state" else number
            place = {"slot": slot} if number % 3 else {"node_id": f"n{rng.randrange(9)}"}
            changes = put(mirror, make_task(id_, service_id=f"s{number % 5}", state=state, **place))
        table.apply(changes, START_NS)
    fresh = Table(mirror, tasks.KIND, START_NS)
    fresh.set_sort(sort, START_NS)
    assert table.ids(0, 99) == fresh.ids(0, 99)
    assert len(table) == len(live)


def test_rows_are_made_for_what_is_asked() -> None:
    """At 10 000 tasks a burst of changes makes the rows that are looked at, and no others (the cost is the benchmark's)."""
    service = make_service("s1", name="web", replicas=10_000)
    nodes = [make_node(f"n{i}") for i in range(100)]

    def task(index: int, state: str) -> Task:
        return make_task(f"t{index}", service=service, slot=index, node_id=f"n{index % 100}", state=state)

    made: list[str] = []

    def row(item: Task, *rest: Any) -> Any:
        made.append(item.id)
        return tasks.KIND.row(item, *rest)

    mirror = mirror_of(service, *nodes, *(task(i, "RUNNING") for i in range(10_000)))
    table = Table(mirror, replace(tasks.KIND, row=row), START_NS)
    rng = random.Random(3)
    batch = [task(rng.randrange(10_000), rng.choice(["RUNNING", "STARTING"])) for _ in range(200)]
    made.clear()
    table.apply(put(mirror, *batch), START_NS)
    seen = table.ids(5_000, 5_050)
    for id_ in seen:
        table.row(id_, START_NS)
    assert set(made) <= {ref.id for ref in seen}


def test_a_row_is_of_its_own_cluster_and_kind() -> None:
    """The same id in another cluster, or of another kind, is another row."""
    table = Table(some_services(), services.KIND, START_NS)
    here = table.ref("s1")
    assert table.index_of(here) is not None
    assert table.index_of(here._replace(cluster=ClusterId("elsewhere"))) is None
    assert table.index_of(here._replace(kind="node")) is None


def test_a_filter_that_takes_too_long_lets_nothing_through():
    """Neither what was looked at before, nor what changes later; it is not tried again, and another filter is."""
    nodes_there = [make_node("a", hostname="ok"), make_node("b", hostname="a" * 60 + "b")]
    mirror = mirror_of(*nodes_there)
    table = Table(mirror, nodes.KIND, START_NS)
    table.set_filter(parse("/(a+)+$|ok/", nodes.KIND.fields), START_NS)
    assert (len(table), table.total) == (0, 2)
    assert "takes too long" in table.filter_problem
    table.rebuild(START_NS)
    assert len(table) == 0
    table.set_filter(parse("ok", nodes.KIND.fields), START_NS)
    assert (len(table), table.filter_problem) == (1, "")
