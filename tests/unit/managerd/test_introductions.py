"""When a manager introduces Docker Engines to one another (docs/design/manager.md 5.9)."""

from swarm_core.api.proto.objects_pb2 import Node
from swarm_core.managerd.introductions import Engines
from swarm_core.store.events import Created, Deleted, Updated
from swarm_testkit.factories import make_node

OVERLAY = [("Network", "overlay")]


def test_it_is_needed_where_engines_are_elsewhere_alone() -> None:
    """5.9.2: not without engines, not for nodes of processes, and not while an engine is on the same machine."""
    seen = Engines("10.0.0.1")
    seen.begin([make_node("p", addr="10.0.0.1")])
    assert not seen.need_introductions
    there = make_node("there", addr="10.0.0.2", plugins=OVERLAY)
    seen.look_at(Created(there, b""))
    assert seen.need_introductions
    here = make_node("here", addr="10.0.0.1", plugins=OVERLAY)
    seen.look_at(Created(here, b""))
    assert not seen.need_introductions
    moved = Node()
    moved.CopyFrom(here)
    moved.status.addr = "10.0.0.3"
    seen.look_at(Updated(moved, here, b""))
    assert seen.need_introductions
    seen.look_at(Deleted(there, b""))
    seen.look_at(Deleted(moved, b""))
    assert not seen.need_introductions
    seen.begin([there])
    assert seen.need_introductions


def test_a_node_that_has_not_described_itself_may_be_an_engine() -> None:
    """5.9.2: an engine looks for others before its description is stored. Nobody knows where a node without an address is."""
    admitted = make_node("new", addr="10.0.0.2")
    admitted.ClearField("description")
    seen = Engines("10.0.0.1")
    seen.look_at(Created(admitted, b""))
    assert seen.need_introductions
    seen.look_at(Updated(make_node("new", addr="10.0.0.2"), admitted, b""))
    assert not seen.need_introductions
    admitted.status.addr = ""
    seen.begin([admitted])
    assert not seen.need_introductions
