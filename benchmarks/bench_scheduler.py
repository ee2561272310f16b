"""What the leader's loops cost: placing tasks, and a service up and down, on a store in memory without a log.

usage: bench_scheduler.py [--profile]     (prints JSON lines, machine first; --profile adds a profile of the last row)

The last two rows of `place` are 100 000 tasks on 1 000 nodes, measured once each.

place    N ready nodes; M PENDING tasks put in by one batch, with one service or without any; from the commit of
         the tasks until M of them are seen assigned. `rules` is the share of the pure rules (board.plan).
explain  the same with nodes that all refuse: until M tasks carry their explanation.
service  all loops, a service of M replicas created until M tasks are RUNNING, then scaled to 0 until none is
         left; pretended agents report what is desired, in one batch per commit.
survey   the running tasks of 50 services counted on their nodes, as plans, `why` and the form of a service do; `to_none_shared` is the
         share of the same where tasks of one version do not share what they demand.

Seconds are CPU seconds of this process, which does nothing else: they say the same on a busy machine. Garbage is collected as
in the daemons (`runtime.garbage`).
"""

import asyncio
import cProfile
import gc
import json
import os
import platform
import pstats
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from swarm_core.api.proto.objects_pb2 import Node, Service, Task
from swarm_core.api.proto.types_pb2 import ASSIGNED, PENDING, RUNNING, SHUTDOWN
from swarm_core.manager.orchestrator.constraint_enforcer import ConstraintEnforcer
from swarm_core.manager.orchestrator.global_ import GlobalOrchestrator
from swarm_core.manager.orchestrator.replicated import ReplicatedOrchestrator
from swarm_core.manager.orchestrator.task_reaper import TaskReaper
from swarm_core.manager.scheduler.board import Board
from swarm_core.manager.scheduler.scheduler import Scheduler
from swarm_core.rules.placement.node_info import survey
from swarm_core.runtime import garbage
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group
from swarm_core.store.events import Deleted, Event
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Step, Transaction
from swarm_testkit.factories import make_node, make_service, make_task

CLOCK = SystemClock()
LOOPS = (ReplicatedOrchestrator, GlobalOrchestrator, TaskReaper, ConstraintEnforcer, Scheduler)
ROUNDS = 3


def create(item: Node | Service | Task) -> Step:
    return lambda transaction: transaction.create(item)


async def filled(nodes: int, availability: str = "ACTIVE") -> MemoryStore:
    store = MemoryStore(clock=CLOCK)
    await store.batch(create(make_node(availability=availability)) for _ in range(nodes))
    return store


def make_tasks(count: int, with_service: bool) -> list[Task]:
    service = make_service(replicas=count) if with_service else None
    return [make_task(service=service, slot=slot + 1, state="PENDING") for slot in range(count)]


async def place(nodes: int, tasks: int, with_service: bool, *, refused: bool = False) -> float:
    store = await filled(nodes, "PAUSE" if refused else "ACTIVE")
    made = make_tasks(tasks, with_service)
    gc.collect()
    async with Group() as group:
        group.spawn(Scheduler(store=store, clock=CLOCK, rng=random.Random(1)).run(), name="scheduler")
        await asyncio.sleep(0.05)
        with store.subscribe(Task) as events:
            await store.batch(map(create, made))
            begun, seen = time.process_time(), 0
            while seen < tasks:
                for commit in await events.next():
                    seen += sum(map(_is_refused if refused else _is_placed, commit.events))
            seconds = time.process_time() - begun
        group.cancel_all()
    return seconds


def _is_placed(event: Event) -> bool:
    return isinstance(event.object, Task) and event.object.status.state == ASSIGNED


def _is_refused(event: Event) -> bool:
    return isinstance(event.object, Task) and bool(event.object.status.err)


def rules(nodes: int, tasks: int, with_service: bool) -> float:
    """Seconds of the pure part alone: feeding the board and planning."""
    board = Board(CLOCK)
    for _ in range(nodes):
        board.node_changed(make_node())
    made = make_tasks(tasks, with_service)
    gc.collect()
    begun = time.process_time()
    for task in made:
        board.task_changed(task)
    assert len(board.plan()) == tasks
    return time.process_time() - begun


def report(task_id: str, state: int) -> Step:
    def step(transaction: Transaction) -> None:
        task = Task()
        task.CopyFrom(transaction.get(Task, task_id) or task)
        task.status.state = state  # type: ignore[assignment]
        transaction.update(task)

    return step


async def pretend_agents(store: MemoryStore) -> None:
    with store.subscribe(Task) as events:
        async for commits in events:
            steps = []
            for commit in commits:
                for event in commit.events:
                    task = event.object
                    if isinstance(event, Deleted) or not isinstance(task, Task) or not task.node_id:
                        continue
                    if task.status.state == ASSIGNED and task.desired_state <= RUNNING:
                        steps.append(report(task.id, RUNNING))
                    elif PENDING < task.status.state <= RUNNING < task.desired_state:
                        steps.append(report(task.id, SHUTDOWN))
            if steps:
                await store.batch(steps)


async def service(nodes: int, replicas: int) -> tuple[float, float]:
    store = await filled(nodes)
    gc.collect()
    async with Group() as group:
        for component in LOOPS:
            work = component(store=store, clock=CLOCK, rng=random.Random(1)).run()
            group.spawn(work, name=component.name)
        group.spawn(pretend_agents(store), name="agents")
        await asyncio.sleep(0.05)
        with store.subscribe(Task) as events:
            begun, running = time.process_time(), 0
            made = make_service("web", replicas=replicas)
            await store.update(create(made))
            while running < replicas:
                for commit in await events.next():
                    running += sum(event.object.status.state == RUNNING for event in commit.events)
            up = time.process_time() - begun
            begun = time.process_time()
            await store.update(scale_to_zero)
            while store.count(Task):
                await events.next()
            down = time.process_time() - begun
        group.cancel_all()
    return up, down


def scale_to_zero(transaction: Transaction) -> None:
    new = Service()
    new.CopyFrom(transaction.get(Service, "web") or new)
    new.spec.replicated.replicas = 0
    transaction.update(new)


def surveyed(nodes: int, tasks: int) -> tuple[float, float]:
    """Seconds of a survey, and of the same of tasks that tell no version."""
    there = [make_node() for _ in range(nodes)]
    services = [make_service(spec_version=1) for _ in range(50)]
    running = [
        make_task(service=services[n % 50], slot=n, node_id=there[n % nodes].id, state="RUNNING")
        for n in range(tasks)
    ]
    out = []
    for version in (1, 0):
        for task in running:
            task.spec_version.index = version
        gc.collect()
        begun = time.process_time()
        infos = survey(there, running)
        out.append(time.process_time() - begun)
        assert sum(info.active for info in infos.values()) == tasks
    return out[0], out[1]


def per_task(seconds: float, tasks: int) -> dict[str, float]:
    return {"cpu_s": round(seconds, 3), "us_per_task": round(seconds / tasks * 1e6, 1)}


def main() -> None:
    garbage.look_seldom()
    garbage.keep_what_is_loaded()
    print(json.dumps({"machine": platform.processor() or platform.machine(), "cpus": os.cpu_count()}))
    for nodes, tasks in ((1000, 1000), (1000, 10_000), (100, 10_000)):
        for with_service in (True, False):
            shape = {"nodes": nodes, "tasks": tasks, "service": with_service}
            best = min(asyncio.run(place(nodes, tasks, with_service)) for _ in range(ROUNDS))
            pure = min(rules(nodes, tasks, with_service) for _ in range(ROUNDS))
            print(
                json.dumps({"what": "place", **shape, **per_task(best, tasks), "rules_cpu_s": round(pure, 3)})
            )
    for with_service in (True, False):
        seconds = asyncio.run(place(1000, 100_000, with_service))
        shape = {"nodes": 1000, "tasks": 100_000, "service": with_service}
        print(json.dumps({"what": "place", **shape, **per_task(seconds, 100_000)}))
    best = min(asyncio.run(place(1000, 10_000, True, refused=True)) for _ in range(ROUNDS))
    print(json.dumps({"what": "explain", "nodes": 1000, "tasks": 10_000, **per_task(best, 10_000)}))
    for nodes, replicas in ((100, 1000), (100, 10_000), (1000, 10_000)):
        up, down = (
            min(column)
            for column in zip(*(asyncio.run(service(nodes, replicas)) for _ in range(ROUNDS)), strict=True)
        )
        shape = {"nodes": nodes, "replicas": replicas}
        print(
            json.dumps(
                {"what": "service", **shape, "up": per_task(up, replicas), "down": per_task(down, replicas)}
            )
        )
    shared, alone = min(surveyed(100, 10_000) for _ in range(ROUNDS))
    ratio = round(shared / alone, 2)
    shape = {"nodes": 100, "tasks": 10_000}
    print(json.dumps({"what": "survey", **shape, **per_task(shared, 10_000), "to_none_shared": ratio}))
    if "--profile" in sys.argv:
        with cProfile.Profile() as profile:
            asyncio.run(service(100, 10_000))
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
