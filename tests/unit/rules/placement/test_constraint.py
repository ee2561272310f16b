"""Placement constraints (docs/design/orchestration.md 2.8)."""

import pytest
from swarm_core.rules.placement import constraint
from swarm_core.rules.placement.constraint import InvalidConstraint
from swarm_testkit.factories import make_node

NODE = make_node(
    "node-a",
    hostname="Alpha",
    role="MANAGER",
    platform=("x86_64", "linux"),
    labels={"zone": "East", "Zone": "other"},
    engine_labels={"disk": "ssd"},
    addr="10.1.2.3",
)


@pytest.mark.parametrize(
    "text",
    [
        "node.id==node-a",
        "node.id == NODE-A",
        "NODE.ID==node-a",
        "node.hostname==alpha",
        "node.hostname != beta",
        "node.role==manager",
        "node.role!=worker",
        "node.platform.os==linux",
        "node.platform.arch==x86_64",
        "node.labels.zone==east",
        "Node.Labels.Zone==other",
        "node.labels.missing!=x",
        "engine.labels.disk==SSD",
        "node.ip==10.1.2.3",
        "node.ip==10.1.0.0/16",
        "node.ip==10.1.2.200/24",
        "node.ip!=10.2.0.0/16",
        "node.ip!=10.1.2.4",
    ],
)
def test_satisfied(text: str) -> None:
    """2.8.2: each key compares its part of the node, without regard to case of the value."""
    assert constraint.match(constraint.parse([text]), NODE)


@pytest.mark.parametrize(
    "text",
    [
        "node.id==node-b",
        "node.id!=node-a",
        "node.id==node-*",
        "node.platform.arch==amd64",
        "node.labels.zone==west",
        "node.labels.ZONE==east",
        "engine.labels.disk!=ssd",
        "node.ip==10.2.0.0/16",
        "node.ip!=10.1.0.0/16",
        "node.ip==nonsense",
        "node.ip!=nonsense",
        "node.colour==red",
        "node.colour!=red",
        "node.labels.==x",
    ],
)
def test_not_satisfied(text: str) -> None:
    """2.8.2: other values, globs, malformed addresses and unknown keys satisfy nothing."""
    assert not constraint.match(constraint.parse([text]), NODE)


def test_all_must_match() -> None:
    """2.8: several constraints are a conjunction."""
    good, bad = "node.role==manager", "node.role==worker"
    assert constraint.match(constraint.parse([good, good]), NODE)
    assert not constraint.match(constraint.parse([good, bad]), NODE)


def test_missing_label_is_empty() -> None:
    """2.8: reading a label that a node lacks neither satisfies an equality nor adds it to the node."""
    before = NODE.SerializeToString(deterministic=True)
    assert not constraint.match(constraint.parse(["node.labels.none==x"]), NODE)
    assert before == NODE.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "node.id",
        "node.id=a",
        "==a",
        "a==b",
        "1node==x",
        "node id==x",
        "node.id==",
        "node.id==a,b",
        "node.id==a==ü",
    ],
)
def test_invalid(text: str) -> None:
    """2.8.1, 2.8.3: what the grammar does not give is refused with the text that is wrong."""
    with pytest.raises(InvalidConstraint):
        constraint.parse(["node.role==worker", text])
    assert constraint.parse_or_none(["node.role==worker", text]) == ()


def test_equality_is_tried_first() -> None:
    """2.8: "==" is looked for before "!=", wherever they stand."""
    (parsed,) = constraint.parse([" node.labels.a == b "])
    assert str(parsed) == "node.labels.a == b"
    with pytest.raises(InvalidConstraint):
        constraint.parse(["node.labels.a!=b==c"])
