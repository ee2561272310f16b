"""`service why`, `task why`, and a node's availability as commands of their own."""

import json

import pytest
import yaml
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.command_line import CommandLine
from swarm_testkit.factories import GIB, make_node, make_resources, make_service, make_task, make_task_spec

Node = objects_pb2.Node


@pytest.fixture
def fake() -> FakeCluster:
    spec = make_task_spec(
        reservations=make_resources(memory=16 * GIB), constraints=["node.labels.disk==ssd"], max_replicas=2
    )
    service = make_service("s", name="web", task=spec)
    waiting = make_task("t", service=service, slot=1, state="PENDING", err="no suitable node (…)")
    nodes = [
        make_node("a", hostname="a", labels={"disk": "ssd"}),
        make_node("b", hostname="b", availability="DRAIN"),
    ]
    return FakeCluster([*nodes, service, waiting])


@pytest.fixture
def tui(fake: FakeCluster, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(fake, capsys)


TABLE = """\
NODE   READY     RESOURCES                               RUNTIME   CONSTRAINTS                          MAX REPLICAS
a      ok        16 GiB of memory asked, 8 GiB free      ok        ok                                   ok
b      drained   16 GiB of memory asked, 8 GiB free      ok        node.labels.disk == ssd (has none)   ok"""


@pytest.mark.parametrize(("noun", "name"), [("service", "web"), ("task", "web.1")])
def test_why(tui: CommandLine, noun: str, name: str) -> None:
    """A cause with its numbers, what would help, and every filter on every node, nearest first."""
    result = tui(noun, "why", name)
    assert result.code == 0
    assert (
        "It waits for a node: No node can take it: 16 GiB of memory asked, at most 8 GiB free (a);"
        in result.out
    )
    assert "  → Ask for at most 8 GiB of memory, a has no more." in result.out
    assert [line.split() for line in TABLE.splitlines()] == [line.split() for line in result.lines[-3:]]


def test_why_for_programs(tui: CommandLine) -> None:
    """JSON and YAML have the same in whole, node by node."""
    (found,) = map(json.loads, tui("service", "why", "web", "--format", "json").lines)
    assert yaml.safe_load(tui("service", "why", "web", "--format", "yaml").out) == [found]
    (finding,) = found["Findings"]
    assert [node["Hostname"] for node in finding["Nodes"]] == ["a", "b"]
    assert finding["Nodes"][0]["Filters"][1] == {
        "Filter": "resources",
        "Passed": False,
        "Shortfall": "16 GiB of memory asked, 8 GiB free",
    }


def test_many_nodes(fake: FakeCluster, tui: CommandLine) -> None:
    """A table of many nodes is cut to the nearest twenty, and says how to see the others."""
    fake.put(*(make_node(f"n{number:02}", hostname=f"n{number:02}") for number in range(30)))
    shown = tui("service", "why", "web")
    assert shown.lines[-1] == "… and 12 more nodes; --no-trunc shows them all."
    assert len(tui("service", "why", "web", "--no-trunc").lines) == len(shown.lines) - 1 + 12


def test_nodes_in_any_case(fake: FakeCluster, tui: CommandLine) -> None:
    """--nodes asks every node about one more task also when nothing is wrong."""
    fake.put(make_service("f", name="fine", replicas=0))
    assert tui("service", "why", "fine").lines == ["service fine: No task is wanted."]
    shown = tui("service", "why", "fine", "--nodes")
    assert "One more task: 1 of 2 nodes has room for it: a." in shown.out
    assert shown.lines[-2].split() == ["a", "ok", "ok"]


def test_why_of_nothing(tui: CommandLine) -> None:
    """A name that nothing has is one sentence."""
    assert tui("service", "why", "nope").err.startswith("Error: There is no service named 'nope'")


@pytest.mark.parametrize(
    ("command", "word"), [("drain", "DRAIN"), ("pause", "PAUSE"), ("activate", "ACTIVE")]
)
def test_availability(fake: FakeCluster, tui: CommandLine, command: str, word: str) -> None:
    """node drain, pause and activate take several nodes and print each name; what fits no node is told at the end."""
    result = tui("node", command, "a", "b", "c")
    assert (result.code, result.lines) == (1, ["a", "b"])
    assert "There is no node named 'c'" in result.err
    availability = specs_pb2.NodeSpec.Availability.Value(word)
    assert [fake.get(Node, id_).spec.availability for id_ in "ab"] == [availability, availability]


def test_drain_warns(fake: FakeCluster, tui: CommandLine) -> None:
    """Draining the last node that takes tasks says what becomes of those that run there."""
    fake.put(make_task("r", service=fake.get(objects_pb2.Service, "s"), slot=2, node_id="a", state="RUNNING"))
    assert tui("node", "drain", "a").err == "WARNING: 1 running task will stop: no other node takes tasks.\n"
