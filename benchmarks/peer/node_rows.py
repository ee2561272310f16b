"""A worker that is killed, and one that is drained, on both sides in turn."""

import time

from swarm_core.api.proto import objects_pb2, types_pb2

from peer.caller import Caller
from peer.cluster import Cluster, ready_workers, until
from peer.figures import Figure
from peer.rows import Pair, service_up, tasks_of

TASKS, WORKERS = 20, 4
DRAINED_TASKS, DRAINED_WORKERS = 500, 5


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


def drain(pair: Pair, rounds: int) -> list[Figure]:
    """One of the workers, each with as many tasks, is drained: until all of its tasks run elsewhere. Each round has clusters of
    its own, as SwarmKit keeps the drained tasks as the history of their slots."""
    moved = Figure(f"a worker with {DRAINED_TASKS} tasks is drained, until all run elsewhere", "s")
    cpu = Figure("  the same, manager", "CPU s")
    for _ in range(rounds):
        with pair.clusters() as both:
            for name, found in both.items():
                found.start_agents(DRAINED_WORKERS, "batch")
                with found.open() as caller:
                    _drain(found, caller, (moved, cpu), name)
    return [moved, cpu]


def _drain(found: Cluster, caller: Caller, figures: tuple[Figure, Figure], name: str) -> None:
    total = DRAINED_TASKS * DRAINED_WORKERS
    service = service_up(caller, total)
    victim = ready_workers(caller)[0].id
    assert total - _elsewhere(caller, service, victim) == DRAINED_TASKS, "tasks are not spread evenly"
    before, start = found.cpu_s(), time.perf_counter()
    found.drain(caller, victim)
    until(lambda: _elsewhere(caller, service, victim) >= total, "tasks elsewhere", step_s=0.1)
    figures[0].take(name, time.perf_counter() - start)
    figures[1].take(name, found.cpu_s() - before)


def _elsewhere(caller: Caller, service: objects_pb2.Service, node_id: str) -> int:
    """The service's tasks that run, and are to, on other nodes than this."""
    return sum(
        task.status.state == task.desired_state == types_pb2.RUNNING and task.node_id != node_id
        for task in tasks_of(caller, service.id)
    )
