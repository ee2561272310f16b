"""The tree over engines: what hangs on what, and how the worst of it is told above."""

from swarm_core.engines.records import Container, EngineKey, EngineState, Gone, Kind, Put
from swarm_testkit.engine_hands import mirror_of
from swarm_testkit.engine_records import few_engines, make_container, make_engine, make_image
from swarm_tui.clusters import filters
from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.engines.mirror import EngineMirror, Told
from swarm_tui.resources import tree
from swarm_tui.resources.engines.items import ContainerItem
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.tree.rows import TreeRows


class Looking:
    """What the rows of a tree need of a session."""

    now_ns = 0

    def __init__(self, mirror: EngineMirror) -> None:
        self.mirror = mirror


def rows_of(mirror: EngineMirror, root: str = tree.ENGINE, only: tuple[str, ...] = ()) -> TreeRows:
    rows = TreeRows(Looking(mirror))  # type: ignore[arg-type]
    rows.begin_with(root, only)
    return rows


def lines(rows: TreeRows) -> list[str]:
    return [rows.cells(rows.id_at(index))[0].text for index in range(len(rows))]


def told(mirror: EngineMirror, *changes: Put | Gone) -> Changes:
    """The mirror takes these in; what it tells."""
    heard: list[Changes] = []
    unlisten = mirror.listen(heard.append)
    mirror.take(Told(changes))
    mirror.flush()
    unlisten()
    return heard[-1]


def put(record: Container) -> Put:
    return Put(Kind.CONTAINER, record)


def test_engines_have_their_containers_below_them() -> None:
    """In the order of their names; the first of the realm is what a tree begins with."""
    mirror = mirror_of(
        [make_engine("n2"), make_engine("n1"), make_container("web-10"), make_container("web-9")]
    )
    rows = TreeRows(Looking(mirror))  # type: ignore[arg-type]
    assert rows.root == tree.ENGINE
    rows = rows_of(mirror)
    assert lines(rows) == ["▸ ● n1", "  ● n2"]
    rows.unfold("engine n1")
    assert lines(rows) == ["▾ ● n1", "    ● web-9", "    ● web-10", "  ● n2"]
    assert rows.nouns == (tree.ENGINE, tree.CONTAINER)
    row = rows.cells(rows.id_at(1))
    assert [row[1].text, row[3].text, row[4].text] == ["running", "n1", make_container().status]


def test_an_image_has_the_containers_that_use_it_below_it() -> None:
    """On its engine; the other way leads from it to the engines, and from these nowhere else."""
    mirror = mirror_of(few_engines())
    rows = rows_of(mirror, "image")
    rows.unfold("image n1/sha256:i1")
    at = lines(rows).index(next(one for one in lines(rows) if one.startswith("▾")))
    users = mirror.users("image", ("n1/sha256:i1",))
    names = sorted(one.record.name for id_ in users if (one := mirror.get(ContainerItem, id_)) is not None)
    assert names
    assert [one.split()[-1] for one in lines(rows)[at + 1 : at + 1 + len(names)]] == names
    assert (tree.other_way("image"), tree.other_way(tree.ENGINE)) == (tree.ENGINE, "")
    assert (tree.root_of("container"), tree.root_of("engine-volume")) == (tree.ENGINE, "engine-volume")


def test_a_folded_engine_tells_of_the_worst_below_it() -> None:
    """With its container's name and cause; unfolded it speaks for itself."""
    sick = make_container("sick", health="unhealthy", status="Up an hour (unhealthy)")
    rows = rows_of(mirror_of([make_engine("n1"), make_container("well"), sick]))
    folded = rows.cells(rows.id_at(0))
    assert folded[0].text == "▸ ✖ n1"
    assert folded[4].text == "sick: Its health check fails."
    ended = make_container("job", state="exited", exit_code=1, status="Exited (1) 3 hours ago")
    row = rows_of(mirror_of([make_engine("n1"), ended]))
    assert row.cells(row.id_at(0))[4].text == "job: exited 1"  # it has no text of its own
    rows.unfold("engine n1")
    assert rows.cells(rows.id_at(0))[0].text == "▾ ● n1"
    assert lines(rows)[1:] == ["    ✖ sick", "    ● well"]


def test_what_happens_to_a_container_is_seen_below_its_engine() -> None:
    """One that comes, goes, or is called otherwise; under a filter one that fares otherwise. Nothing is looked at that was not told of."""
    mirror = mirror_of([make_engine("n1"), make_engine("n2"), make_container("a"), make_container("b")])
    rows = rows_of(mirror)
    rows.unfold("engine n1")
    assert rows.apply(told(mirror, put(make_container("c"))))
    assert rows.apply(told(mirror, Gone(Kind.CONTAINER, EngineKey("n1"), "c-a")))
    assert lines(rows)[1:3] == ["    ● b", "    ● c"]
    assert rows.apply(told(mirror, put(make_container("z", id_="c-b"))))
    assert lines(rows)[1:3] == ["    ● c", "    ● z"]
    assert not rows.apply(told(mirror, put(make_container("c", status="Up 2 hours"))))
    rows.set_filter(filters.parse("state:paused", ("state",)))
    assert lines(rows) == []
    assert rows.apply(told(mirror, put(make_container("c", state="paused"))))
    assert [one.split()[-1] for one in lines(rows)] == ["n1", "c"]


def test_what_an_engine_has_that_is_away_is_its_problem() -> None:
    """The engine's line says what is wrong; the tree leads to its containers all the same."""
    away = make_engine("n1", state=EngineState.UNHEALTHY, error="nobody answers")
    mirror = mirror_of([away, make_container()])
    rows = rows_of(mirror)
    assert lines(rows) == ["▸ ✖ n1"]
    found = rows.reveal(ObjectRef(mirror.cluster, "container", "n1/c-web"))
    assert found is not None
    assert lines(rows) == ["▾ ✖ n1", "    ◌ web"]
    assert rows.ref_of(found).id == "n1/c-web"


def test_the_root_of_what_is_marked() -> None:
    """A container's is its engine; of one that is gone there is none; a swarm's mirror knows of no engine's objects."""
    mirror = mirror_of([make_engine("n1"), make_container(), make_image()])
    assert tree.root_id("container", "n1/c-web", mirror) == "n1"
    assert tree.root_id("container", "n1/c-gone", mirror) == ""
    assert tree.root_id("engine", "n1", mirror) == "n1"
    assert list(Snapshot(()).on_engine("n1", ContainerItem)) == []
