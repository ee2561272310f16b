"""A worker that is killed, on both sides in turn."""

import time

from swarm_core.api.proto import objects_pb2, types_pb2

from peer.caller import Caller
from peer.cluster import Cluster, ready_workers, until
from peer.figures import Figure
from peer.rows import Pair, service_up, tasks_of

TASKS, WORKERS = 20, 4


def loss(pair: Pair, rounds: int) -> list[Figure]:
    """kill -9 of one worker of four, each in a process of its own: until its node is DOWN, and until all tasks run elsewhere. Services
    and lost nodes are left behind: SwarmKit counts tasks on them as running for a day."""
    down = Figure("a worker is killed, until its node is DOWN", "s")
    moved = Figure(f"  the same, until all of {TASKS} tasks run elsewhere", "s")
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
    service = service_up(caller, TASKS)
    time.sleep(1 + number)  # another part of the heartbeats' period each time
    found.kill_newest_agents()
    start = time.perf_counter()
    until(
        lambda: victim not in {node.id for node in ready_workers(caller)}, "a node that is down", step_s=0.02
    )
    figures[0].take(name, time.perf_counter() - start)
    until(lambda: _elsewhere(caller, service, victim) >= TASKS, "tasks elsewhere", step_s=0.02)
    figures[1].take(name, time.perf_counter() - start)


def _elsewhere(caller: Caller, service: objects_pb2.Service, node_id: str) -> int:
    """The service's tasks that run, and are to, on other nodes than this."""
    return sum(
        task.status.state == task.desired_state == types_pb2.RUNNING and task.node_id != node_id
        for task in tasks_of(caller, service.id)
    )
