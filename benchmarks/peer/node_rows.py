"""Nodes that go, on both sides in turn: a worker that is killed, and one that is drained with many tasks."""

import time

from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2

from peer.caller import Caller
from peer.cluster import Cluster, nodes, ready_workers, until
from peer.figures import Figure
from peer.rows import Pair, service_up, tasks_down, tasks_of

LOST_TASKS, DRAINED_TASKS, WORKERS = 20, 500, 4


def loss(pair: Pair, rounds: int) -> list[Figure]:
    """kill -9 of one worker of four, each in a process of its own: until its node is DOWN, and until all tasks run elsewhere. Services
    and lost nodes are left behind: SwarmKit counts tasks on them as running for a day."""
    down = Figure("a worker is killed, until its node is DOWN", "s")
    moved = Figure(f"  the same, until all of {LOST_TASKS} tasks run elsewhere", "s")
    with pair.clusters() as both:
        for found in both.values():
            for _ in range(WORKERS - 1):
                found.start_agents(1, "batch")
        for number in range(rounds):
            for name, found in both.items():
                with found.open() as caller:
                    _lose(found, caller, number, (down, moved), name)
    return [down, moved]


def _lose(found: Cluster, caller: Caller, number: int, figures: tuple[Figure, Figure], name: str) -> None:
    before = {node.id for node in ready_workers(caller)}
    found.start_agents(1, "batch")
    (victim,) = {node.id for node in ready_workers(caller)} - before
    service = service_up(caller, LOST_TASKS)
    time.sleep(1 + number)  # another part of the heartbeats' period each time
    found.kill_newest_agents()
    start = time.perf_counter()
    until(
        lambda: victim not in {node.id for node in ready_workers(caller)}, "a node that is down", step_s=0.02
    )
    figures[0].take(name, time.perf_counter() - start)
    until(lambda: _elsewhere(caller, service, victim) >= LOST_TASKS, "tasks elsewhere", step_s=0.02)
    figures[1].take(name, time.perf_counter() - start)


def drain(pair: Pair, rounds: int) -> list[Figure]:
    """One of five workers with 500 tasks each is drained, until all its tasks run elsewhere."""
    moved = Figure(f"a node with {DRAINED_TASKS} tasks is drained, until they run elsewhere", "s")
    cpu = Figure("  the same, manager", "CPU s")
    with pair.clusters() as both:
        for found in both.values():
            found.start_agents(WORKERS + 1, "batch")
        for _ in range(rounds):
            for name, found in both.items():
                with found.open() as caller:
                    _drain(found, caller, (moved, cpu), name)
    return [moved, cpu]


def _drain(found: Cluster, caller: Caller, figures: tuple[Figure, Figure], name: str) -> None:
    count = DRAINED_TASKS * (WORKERS + 1)
    service = service_up(caller, count)
    node_id = ready_workers(caller)[0].id
    used, start = found.cpu_s(), time.perf_counter()
    _turn(caller, node_id, specs_pb2.NodeSpec.DRAIN)
    until(lambda: _elsewhere(caller, service, node_id) >= count, "tasks elsewhere")
    figures[0].take(name, time.perf_counter() - start)
    figures[1].take(name, found.cpu_s() - used)
    tasks_down(caller, service)
    _turn(caller, node_id, specs_pb2.NodeSpec.ACTIVE)


def _turn(caller: Caller, node_id: str, availability: specs_pb2.NodeSpec.Availability.ValueType) -> None:
    node = next(one for one in nodes(caller) if one.id == node_id)
    request = control_pb2.UpdateNodeRequest(node_id=node.id, node_version=node.meta.version, spec=node.spec)
    request.spec.availability = availability
    caller.call("Control.UpdateNode", request, control_pb2.UpdateNodeResponse)


def _elsewhere(caller: Caller, service: objects_pb2.Service, node_id: str) -> int:
    """The service's tasks that run, and are to, on other nodes than this."""
    return sum(
        task.status.state == task.desired_state == types_pb2.RUNNING and task.node_id != node_id
        for task in tasks_of(caller, service.id)
    )
