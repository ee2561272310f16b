"""Where engines come from (docs/design/engines.md N11)."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.engines.addresses import RANGE_MAX, entries_of, expanded, read_list
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.discovery import Discovery, Fixed, Found, Watched
from swarm_core.engines.records import EngineEntry, EngineKey
from swarm_core.engines.swarm_nodes import entries_of_nodes
from swarm_testkit.manual_clock import ManualClock, settle


@pytest.fixture
def cluster() -> EngineCluster:
    """A cluster that does not run: nothing is connected."""
    return EngineCluster(ManualClock(), random.Random(1))


def keys(cluster: EngineCluster) -> list[str]:
    return [record.key for record in cluster.engines()]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("h:1", ["h:1"]),
        ("10.0.0.[9:11]:2375", ["10.0.0.9:2375", "10.0.0.10:2375", "10.0.0.11:2375"]),
        ("m[1:1].[3:4]", ["m1.[3:4]"]),
        ("tcp://[::1]:2375", ["tcp://[::1]:2375"]),
    ],
)
def test_ranges(text: str, addresses: list[str]) -> None:
    """The first pair of brackets with two numbers is a range (N11.2)."""
    assert expanded(text) == addresses


@pytest.mark.parametrize("text", ["m[2:1]", f"m[0:{RANGE_MAX}]"])
def test_ranges_that_are_none(text: str) -> None:
    """A range that ends before it begins, and one without measure, are refused (N11.2)."""
    with pytest.raises(ValueError, match="is no range of at most"):
        expanded(text)


def test_a_file_of_addresses(tmp_path: Path) -> None:
    """One on a line, with comments; an address without a scheme is a port (N11.2)."""
    path = tmp_path / "engines"
    path.write_text("# all\nm[1:2]:2375 # two\n\nunix:///run/docker.sock\nm1:2375\n")
    assert [one.url for one in read_list(path)] == [
        "tcp://m1:2375",
        "tcp://m2:2375",
        "unix:///run/docker.sock",
    ]
    with pytest.raises(ValueError, match="list: the address npipe://x begins with none of"):
        entries_of(["npipe://x"], "list")


async def test_a_fixed_list(cluster: EngineCluster) -> None:
    """Its engines are added; one that is named twice, or is there already, is told (N11.1)."""
    discovery = Discovery(cluster)
    cluster.add(EngineEntry("tcp://h:3", name="c"))
    entries = tuple(
        EngineEntry(f"tcp://h:{port}", name=name) for port, name in ((1, "a"), (2, "b"), (4, "a"), (5, "c"))
    )
    await discovery.follow(Fixed(entries))
    assert keys(cluster) == ["c", "a", "b"]
    assert discovery.problems == {"the list": ("a is named twice", "there is an engine c already")}


async def test_lists_that_change(cluster: EngineCluster) -> None:
    """What is named no more goes, what has another address goes and comes, what others named stays (N11.1)."""
    discovery = Discovery(cluster)
    a, b, c = (EngineEntry(f"tcp://h:{port}", name=name) for port, name in ((1, "a"), (2, "b"), (3, "c")))
    moved = EngineEntry("tcp://h:9", name="b")
    await discovery.take("x", Found((a, b)))
    await discovery.take("y", Found((c,)))
    with cluster.changes() as changes:
        await discovery.take("x", Found((moved, a)))
        assert len(changes.take()) == 1  # gone and put again: the last counts
    assert {one.key: one.entry.url for one in cluster.engines()} == {
        "a": "tcp://h:1",
        "b": "tcp://h:9",
        "c": "tcp://h:3",
    }
    await cluster.remove(EngineKey("a"))
    await discovery.take("x", Found(()))
    assert keys(cluster) == ["c"]


async def test_maintenance_in_a_list(cluster: EngineCluster) -> None:
    """A list may say that an engine is in maintenance, and later that it is not (N11.3)."""
    discovery = Discovery(cluster)
    a = EngineEntry("tcp://h:1", name="a")
    await discovery.take("x", Found((a,), in_maintenance=frozenset({a.key})))
    assert cluster.engine(a.key).in_maintenance
    await discovery.take("x", Found((a,)))
    assert not cluster.engine(a.key).in_maintenance


async def test_a_watched_file(cluster: EngineCluster, tmp_path: Path) -> None:
    """It is read when it changes; one that cannot be read is told, and the old list stays (N11.3)."""
    path, clock, reads = tmp_path / "engines", ManualClock(), 0
    path.write_text("m1:1\n")

    def read() -> Found:
        nonlocal reads
        reads += 1
        return Found(tuple(read_list(path)))

    async def change(text: str | None) -> None:
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
            os.utime(path, ns=(reads, reads))  # another time, however fast this goes
        await clock.advance(2.0)

    discovery = Discovery(cluster)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(discovery.follow(Watched("file", read, lambda: [path], clock)))
        await settle()
        assert keys(cluster) == ["tcp://m1:1"]
        await clock.advance(10.0)
        assert reads == 1
        await change("m1:1\nm2:1\n")
        assert keys(cluster) == ["tcp://m1:1", "tcp://m2:1"]
        await change("m2:0\n")
        assert keys(cluster) == ["tcp://m1:1", "tcp://m2:1"]
        assert discovery.problems["file"] == (f"{path}: the address tcp://m2:0 names port 0",)
        await change(None)
        assert keys(cluster) == ["tcp://m1:1", "tcp://m2:1"]
        assert "No such file" in discovery.problems["file"][0]
        await change("m2:1\n")
        assert keys(cluster) == ["tcp://m2:1"]
        assert discovery.problems["file"] == ()
        task.cancel()


async def test_a_source_of_lists(cluster: EngineCluster) -> None:
    """Whatever gives lists is a source: the nodes of a swarm as they are watched (N11.4)."""

    class Nodes:
        name = "nodes"

        async def lists(self) -> AsyncIterator[Found]:
            for addresses in (["10.0.0.1"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.2"]):
                nodes = [node(f"n{address[-1]}", f"m{address[-1]}", address) for address in addresses]
                entries, problems = entries_of_nodes(nodes, EngineEntry("tcp://{addr}:2376", ca="ca.pem"))
                yield Found(tuple(entries), tuple(problems))

    await Discovery(cluster).follow(Nodes())
    (record,) = cluster.engines()
    assert (record.entry.url, record.name, record.entry.ca) == ("tcp://10.0.0.2:2376", "m2", "ca.pem")


def node(id_: str, hostname: str, address: str = "", **labels: str) -> Node:
    found = Node(id=id_)
    found.description.hostname = hostname
    found.status.addr = address
    found.spec.annotations.labels.update({name.replace("_", "."): value for name, value in labels.items()})
    return found


def test_engines_of_nodes() -> None:
    """The label comes before the pattern; a node with neither has no engine; an address that cannot be one is told (N11.4)."""
    nodes = [
        node("n1", "m1", "10.0.0.1", swarmtui_engine="ssh://ana@m1"),
        node("n2", "m2", "10.0.0.2"),
        node("n3", "m3", "fd00::3"),
        node("n4", "m4"),
        node("n5", "m5", swarmtui_engine="here"),
    ]
    entries, problems = entries_of_nodes(nodes, EngineEntry("tcp://{addr}:2376"))
    assert [(one.name, one.url) for one in entries] == [
        ("m1", "ssh://ana@m1"), ("m2", "tcp://10.0.0.2:2376"), ("m3", "tcp://[fd00::3]:2376"),
    ]  # fmt: skip
    assert problems == [
        "the engine's address of node m5, here, begins with none of unix://, tcp:// and ssh://"
    ]
    assert [one.name for one in entries_of_nodes(nodes)[0]] == ["m1"]


def test_nodes_that_are_called_alike() -> None:
    """Their engines are called by the nodes' ids (N11.4)."""
    nodes = [node("n1", "m", "10.0.0.1"), node("n2", "m", "10.0.0.2"), node("n3", "", "10.0.0.3")]
    assert [one.name for one in entries_of_nodes(nodes, EngineEntry("tcp://{addr}"))[0]] == ["n1", "n2", "n3"]
