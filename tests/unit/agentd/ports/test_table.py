"""What a node knows of the tasks of all nodes, and which of them is next."""

from swarm_agentd.ports.limits import AVOID_S
from swarm_agentd.ports.table import RoutingTable
from swarm_core.api.proto.endpoints_pb2 import Backend, EndpointsMessage, Place, Route
from swarm_core.api.proto.types_pb2 import PortConfig

KEY = (PortConfig.TCP, 8080)


def backend(task_id: str, *targets: int, service_id: str = "s") -> Backend:
    ports = [Route(protocol=PortConfig.TCP, target_port=target) for target in targets or (80,)]
    return Backend(task_id=task_id, service_id=service_id, node_id="n", ports=ports)


def filled(*backends: Backend) -> RoutingTable:
    table = RoutingTable()
    route = Route(protocol=PortConfig.TCP, published_port=8080, target_port=80, service_id="s")
    table.apply(EndpointsMessage(is_complete=True, routes=[route], backends=backends))
    return table


def pick(table: RoutingTable, *tried: str, now: float = 0.0) -> str | None:
    found = table.next(KEY, tried, now)
    return found.task_id if found else None


def test_fewest_connections_then_turns() -> None:
    """The task with the fewest connections is next; equals take turns."""
    table = filled(backend("a"), backend("b"), backend("c"))
    first = []
    for _ in range(3):
        task = pick(table)
        assert task is not None
        first.append(task)
        table.count(task, 1)
    assert sorted(first) == ["a", "b", "c"]
    table.count("b", -1)
    assert pick(table) == "b"
    table.count("b", 1)
    assert {pick(table) for _ in range(3)} == {"a", "b", "c"}


def test_tried_and_avoided() -> None:
    """What was tried is not tried again; what did not answer a moment ago is the last choice: for twice as long each time until it answers."""
    table = filled(backend("a"), backend("b"))
    assert pick(table, "a") == "b" and pick(table, "a", "b") is None
    table.avoid("a", now=10.0)
    table.count("b", 5)
    assert pick(table, now=10.1) == "b"
    assert pick(table, "b", now=10.1) == "a"
    assert pick(table, now=10.0 + AVOID_S) == "a"
    table.avoid("a", now=11.0)
    assert pick(table, now=11.0 + AVOID_S) == "b" and pick(table, now=11.0 + 2 * AVOID_S) == "a"
    table.answered("a")
    table.avoid("a", now=20.0)
    assert pick(table, now=20.0 + AVOID_S) == "a"


def test_other_services_and_targets() -> None:
    """Tasks of another service, and tasks of the same service without the port, are never chosen."""
    table = filled(backend("other", service_id="x"), backend("old", 443), backend("new", 443, 80))
    assert {pick(table) for _ in range(5)} == {"new"}
    assert not table.has(KEY, "other") and table.has(KEY, "new")


def test_changes() -> None:
    """A change adds, replaces and removes by key; a complete message replaces everything."""
    table = filled(backend("a"), backend("b"))
    assert not table.apply(EndpointsMessage(removed_backends=["a", "never there"]))
    assert {pick(table) for _ in range(3)} == {"b"}
    table.apply(
        EndpointsMessage(backends=[backend("b", service_id="x")], places=[Place(node_id="n", host="h")])
    )
    assert pick(table) is None and table.place("n") == Place(node_id="n", host="h")
    table.apply(EndpointsMessage(removed_places=["n"]))
    assert table.place("n") is None
    assert table.apply(EndpointsMessage(removed_routes=[Route(protocol=PortConfig.TCP, published_port=8080)]))
    assert list(table.routes()) == [] and table.target(KEY) is None
    assert not table.apply(EndpointsMessage(is_complete=True))
