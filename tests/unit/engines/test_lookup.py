"""The tables of all engines, and looking up what a person types (docs/design/engines.md N7)."""

import pytest
from swarm_core.engines.errors import Ambiguous, NotFound
from swarm_core.engines.lookup import SWARM_ID_LABEL, Lookup
from swarm_core.engines.records import (
    Container,
    EngineEntry,
    EngineKey,
    EngineRecord,
    Gone,
    Image,
    Kind,
    Network,
    Put,
    Volume,
)
from swarm_core.engines.tables import Tables

WEST, EAST = EngineKey("west"), EngineKey("tcp://h:1")
ENGINES = [
    EngineRecord(EngineEntry("unix:///w", name="west"), id="WWWW:1", hostname="host-w"),
    EngineRecord(EngineEntry("tcp://h:1"), id="EEEE:1", hostname="east"),
]


def container(engine: EngineKey, id_: str, name: str, state: str = "running", **labels: str) -> Container:
    return Container(engine, id_, name, "busybox", "sha256:1", "sh", 1.0, state, "Up", labels=labels)


def image(engine: EngineKey, id_: str, *tags: str) -> Image:
    return Image(engine, id_, tags, (), 1.0, 1)


def volume(engine: EngineKey, name: str, scope: str = "local") -> Volume:
    return Volume(engine, name, "local", scope, "", "")


def network(engine: EngineKey, id_: str, name: str, scope: str = "local") -> Network:
    return Network(engine, id_, name, "bridge", scope, "")


A, B = "a" * 64, "ab" * 32


@pytest.fixture
def changes() -> list[Put | Gone]:
    return []


@pytest.fixture
def tables(changes: list[Put | Gone]) -> Tables:
    found = Tables(changes.append)
    for one in (
        container(WEST, A, "web", **{SWARM_ID_LABEL: "swarm-1"}),
        container(EAST, B, "web"),
        container(EAST, "c" * 64, "db"),
    ):
        found.containers.put(one)
    for two in (
        image(WEST, "sha256:111a", "nginx:latest"),
        image(EAST, "sha256:111a", "nginx:latest", "nginx:1"),
        image(EAST, "sha256:111b", "r:5000/x:2"),
    ):
        found.images.put(two)
    for three in (
        volume(WEST, "data"),
        volume(EAST, "data"),
        volume(EAST, "shared", "global"),
        volume(WEST, "shared", "global"),
        volume(WEST, "own"),
    ):
        found.volumes.put(three)
    for four in (
        network(WEST, "n1", "bridge"),
        network(EAST, "n2", "bridge"),
        network(WEST, "o1", "back", "swarm"),
        network(EAST, "o1", "back", "swarm"),
    ):
        found.networks.put(four)
    changes.clear()
    return found


@pytest.fixture
def find(tables: Tables) -> Lookup:
    return Lookup(tables, lambda: ENGINES)


def test_putting_and_deleting(tables: Tables, changes: list[Put | Gone]) -> None:
    """What is equal changes nothing; a new name replaces the old one; the last to go takes its places along (N7.1)."""
    table = tables.containers
    same = container(EAST, "c" * 64, "db")
    assert not table.put(same)
    newer = container(EAST, "c" * 64, "db2", "exited")
    assert table.put(newer)
    assert (table.named("db"), table.named("db2"), table.with_id("c" * 64)) == ([], [newer], [newer])
    assert table.delete(EAST, "c" * 64)
    assert not table.delete(EAST, "c" * 64)
    assert (len(table), table.named("db2"), table.with_id("c" * 64), table.get(EAST, "c" * 64)) == (
        2,
        [],
        [],
        None,
    )
    assert changes == [Put(Kind.CONTAINER, newer), Gone(Kind.CONTAINER, EAST, "c" * 64)]


def test_one_engine_goes(tables: Tables) -> None:
    """Its records go from all tables and indexes, those of others stay (N7.1)."""
    tables.delete_all(EAST)
    assert [one.engine for one in tables.containers] == [WEST]
    assert [one.engine for one in tables.images.with_id("sha256:111a")] == [WEST]
    assert tables.images.named("nginx:1") == []
    assert (len(tables.volumes), len(tables.networks)) == (3, 2)
    assert set(tables.containers.ids()) == {A}
    assert dict(tables.containers.of(EAST)) == {}


@pytest.mark.parametrize("text", ["west", "unix:///w", "WWWW:1", "WWWW"])
def test_engines(find: Lookup, text: str) -> None:
    """By key, address, name, id and the beginning of an id (N7.2)."""
    assert find.engine(text).key == WEST
    assert find.engine("east").key == EAST


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        (A, A), (A[:12], A), ("swarm-1", A), ("west/web", A), ("WWWW:1/web", A), ("/west/web", A), ("tcp://h:1/web", B), ("east/web", B),
        ("db", "c" * 64), ("/db", "c" * 64), ("aa", A), ("ab", B),
    ],
)  # fmt: skip
def test_containers(find: Lookup, text: str, id_: str) -> None:
    """Ids, the swarm's id, names, names behind their engine, beginnings of ids, in this order (N7.3)."""
    assert find.container(text).id == id_


def test_containers_that_are_several_or_none(find: Lookup) -> None:
    """A tie is told with full names; an engine that is named decides it (N7.3)."""
    with pytest.raises(Ambiguous, match="2 are meant by container 'web': east/web, west/web"):
        find.container("web")
    assert find.container("web", EAST).id == B
    with pytest.raises(Ambiguous, match="container 'a'"):
        find.container("a")
    for text in ("nobody", "", "west/db", "nowhere/web"):
        with pytest.raises(NotFound, match="No such container: "):
            find.container(text)
    with pytest.raises(NotFound, match="No such engine: x"):
        find.engine("x")


@pytest.mark.parametrize(
    ("text", "engines"),
    [
        ("nginx", [WEST, EAST]), ("nginx:latest", [WEST, EAST]), ("nginx:1", [EAST]), ("r:5000/x:2", [EAST]), ("sha256:111a", [WEST, EAST]),
        ("111a", [WEST, EAST]), ("111b", [EAST]),
    ],
)  # fmt: skip
def test_images(find: Lookup, text: str, engines: list[EngineKey]) -> None:
    """An image is one on however many engines; a name without a tag means the latest (N7.4)."""
    assert [one.engine for one in find.images(text)] == engines


def test_images_that_are_several_or_none(find: Lookup) -> None:
    """A beginning that several ids have, and one that is too short, find none (N7.4)."""
    find.images("111a", EAST)
    with pytest.raises(Ambiguous, match="2 are meant by image 'sha256:111': sha256:111a, sha256:111b"):
        find.images("sha256:111")
    for text in ("11", "sha256:11", "x", "r:5000/x"):
        with pytest.raises(NotFound, match="No such image: "):
            find.images(text)


def test_volumes(find: Lookup) -> None:
    """A local one is its engine's; one of the whole cluster is one (N7.5)."""
    assert find.volume("own").engine == WEST
    assert find.volume("shared").scope == "global"
    assert find.volume("east/data").engine == EAST
    assert find.volume("data", WEST).engine == WEST
    with pytest.raises(Ambiguous, match="volume 'data': east/data, west/data"):
        find.volume("data")
    with pytest.raises(NotFound, match="No such volume: none"):
        find.volume("none")


def test_networks(find: Lookup) -> None:
    """A local one is its engine's; one of the whole cluster is one, on however many engines (N7.5)."""
    assert find.network("back").id == "o1"
    assert find.network("east/bridge").id == "n2"
    assert find.network("n1").engine == WEST
    assert find.network("bridge", EAST).id == "n2"
    with pytest.raises(Ambiguous, match="network 'bridge'"):
        find.network("bridge")
    with pytest.raises(NotFound, match="No such network: none"):
        find.network("none")
