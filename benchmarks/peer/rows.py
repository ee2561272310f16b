"""What is measured, on both sides in turn. Each function gives figures, and needs a few clusters of its own for it."""

import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, watch_pb2

from peer.caller import Caller
from peer.cluster import (
    BENCHMARKS,
    Cluster,
    answers,
    cluster,
    memory_mib,
    ready_workers,
    until,
)
from peer.figures import Figure
from peer.load import METHOD, requests
from peer.sides import Side

TASKS = 10_000
AGENTS = 100
WRITE_S = 2.0
CALLS = 1000
WRITING_PROCESSES = 2
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides; without a peer ours alone is measured."""

    ours: Side
    peer: Side | None

    def sides(self) -> Iterator[tuple[str, Side]]:
        yield "ours", self.ours
        if self.peer is not None:
            yield "peer", self.peer

    @contextlib.contextmanager
    def clusters(self, count: int = 1) -> Iterator[dict[str, Cluster]]:
        """A founded cluster of each side."""
        with contextlib.ExitStack() as stack:
            yield {name: stack.enter_context(cluster(side, count)) for name, side in self.sides()}


# Tasks up and down


def tasks(pair: Pair, how: str, rounds: int) -> list[Figure]:
    """TASKS tasks of one service up, and scaled to 0, with agents that report in this way."""
    said, aim = {"batch": ("many tasks a report", 4.0), "each": ("one task a report", 2.0)}[how]
    up = Figure(f"{TASKS} tasks up, {said}", "s", aim=aim)
    up_cpu = Figure("  the same, manager", "CPU s")
    down = Figure(f"scaled to 0, {said}", "s", aim=aim)
    down_cpu = Figure("  the same, manager", "CPU s")
    with pair.clusters() as both:
        for found in both.values():
            found.start_agents(AGENTS, how)
        for _ in range(rounds):
            for name, found in both.items():
                with found.open() as caller:
                    service = _timed(found, lambda caller=caller: tasks_up(caller), up, up_cpu, name)
                    _timed(found, lambda: tasks_down(caller, service), down, down_cpu, name)  # noqa: B023
    return [up, up_cpu, down, down_cpu]


def _timed(
    found: Cluster, work: Callable[[], objects_pb2.Service], taken: Figure, cpu: Figure, name: str
) -> objects_pb2.Service:
    before, start = found.cpu_s(), time.perf_counter()
    result = work()
    taken.take(name, time.perf_counter() - start)
    cpu.take(name, found.cpu_s() - before)
    return result


def tasks_up(caller: Caller) -> objects_pb2.Service:
    """A service of TASKS tasks that all run."""
    return service_up(caller, TASKS)


def service_up(caller: Caller, count: int) -> objects_pb2.Service:
    """A service of so many tasks that all run."""
    request = control_pb2.CreateServiceRequest(spec=_spec(f"tasks-{next(_numbers)}", count))
    service = caller.call("Control.CreateService", request, control_pb2.CreateServiceResponse).service
    until(lambda: _running(caller, service.id) >= count, "all tasks", step_s=0.1)
    return service


def tasks_down(caller: Caller, service: objects_pb2.Service) -> objects_pb2.Service:
    """Scale to 0 until no task is left, then remove the service."""
    read = control_pb2.GetServiceRequest(service_id=service.id)
    now = caller.call("Control.GetService", read, control_pb2.GetServiceResponse).service
    update = control_pb2.UpdateServiceRequest(
        service_id=now.id, service_version=now.meta.version, spec=_spec(now.spec.annotations.name, 0)
    )
    caller.call("Control.UpdateService", update, control_pb2.UpdateServiceResponse)
    until(lambda: _running(caller, now.id) == 0, "no running task", step_s=0.1)
    until(lambda: count_tasks(caller, now.id) == 0, "no task", step_s=0.1)
    # SwarmKit may crash when a service goes while its tasks are being reaped: here none is left.
    remove = control_pb2.RemoveServiceRequest(service_id=now.id)
    caller.call("Control.RemoveService", remove, control_pb2.RemoveServiceResponse)
    return now


def _spec(name: str, replicas: int) -> specs_pb2.ServiceSpec:
    spec = specs_pb2.ServiceSpec()
    spec.annotations.name = name
    spec.task.container.image = "busybox:local"
    spec.task.container.args.extend(["sleep", "1000"])
    spec.replicated.replicas = replicas
    return spec


def _running(caller: Caller, service_id: str) -> int:
    request = control_pb2.ListServiceStatusesRequest(services=[service_id])
    answer = caller.call("Control.ListServiceStatuses", request, control_pb2.ListServiceStatusesResponse)
    return int(answer.statuses[0].running_tasks)


def tasks_of(caller: Caller, service_id: str) -> list[objects_pb2.Task]:
    request = control_pb2.ListTasksRequest()
    request.filters.service_ids.append(service_id)
    return list(caller.call("Control.ListTasks", request, control_pb2.ListTasksResponse).tasks)


def count_tasks(caller: Caller, service_id: str) -> int:
    return len(tasks_of(caller, service_id))


# Writes


def writes(pair: Pair, managers: int, rounds: int) -> list[Figure]:
    """Configs created through the leader, one at a time and 64 at once."""
    place = "one manager" if managers == 1 else f"{managers} managers, through the leader"
    aims = (1.0, 2.0) if managers == 1 else (1.0, 5.0)
    figures = []
    with pair.clusters(managers) as both:
        leaders = {name: found.leader() for name, found in both.items()}
        for (in_flight, processes), aim in zip(((1, 1), (64, WRITING_PROCESSES)), aims, strict=True):
            rate = Figure(f"writes, {place}, {in_flight} at once", "/s", True, aim)
            cpu = Figure("  the same, all managers' CPU a write", "ms")
            client = Figure("  the same, the clients' CPU a write", "ms")
            p50 = Figure("  the same, p50", "ms")
            for _ in range(rounds):
                for name, found in both.items():
                    with _Writers(leaders[name].socket, leaders[name].root, in_flight, processes) as writers:
                        before = found.cpu_s()
                        done = writers.run()
                    count = sum(len(one["taken"]) for one in done)
                    rate.take(name, count / max(one["seconds"] for one in done))
                    cpu.take(name, (found.cpu_s() - before) / count * 1e3)
                    client.take(name, sum(one["cpu_s"] for one in done) / count * 1e3)
                    p50.take(name, statistics.median([took for one in done for took in one["taken"]]) * 1e3)
            figures += [rate, cpu, client, p50]
    return figures


class _Writers:
    """Processes that write at the same time (see load)."""

    def __init__(self, socket: object, root: object, in_flight: int, processes: int) -> None:
        self._processes = [
            subprocess.Popen(
                [
                    sys.executable, "-m", "peer.load", str(socket), str(root), f"w{next(_numbers)}",
                    str(in_flight // processes), str(WRITE_S),
                ],
                cwd=BENCHMARKS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(processes)
        ]  # fmt: skip

    def __enter__(self) -> "_Writers":
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "READY\n", "a writer could not begin"
        return self

    def run(self) -> list[dict[str, Any]]:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=60)[0]) for process in self._processes]

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


# Reads and a restart with all tasks there


def with_tasks(pair: Pair, rounds: int) -> list[Figure]:
    """Single reads, a change's way to a watcher, and a restart, with TASKS tasks in the store."""
    reads = {
        "GetTask": Figure("GetTask, p50", "ms", aim=1.0),
        "ListClusters": Figure("ListClusters, p50", "ms", aim=1.0),
        "ListNodes": Figure(f"ListNodes ({AGENTS + 1}), p50", "ms", aim=1.0),
    }
    read_cpu = Figure("  GetTask, manager's CPU a call", "ms")
    watched = Figure("a change's way to a watcher, p50", "ms", aim=1.0)
    complete = Figure(f"restart with {TASKS} tasks, until every task is answered", "s", aim=1.0)
    with pair.clusters() as both:
        services = {}
        for name, found in both.items():
            found.start_agents(AGENTS, "batch")
            with found.open() as caller:
                services[name] = tasks_up(caller)
        for _ in range(rounds):
            for name, found in both.items():
                with found.open() as caller:
                    task = tasks_of(caller, services[name].id)[TASKS // 2]
                    _read(found, caller, task.id, reads, read_cpu, name)
                    watched.take(name, _watch(found, caller))
        for found in both.values():
            found.end_agents()
        for _ in range(rounds):
            for name, found in both.items():
                complete.take(name, _restart(found, services[name].id))
    return [*reads.values(), read_cpu, watched, complete]


def _read(
    found: Cluster, caller: Caller, task_id: str, reads: dict[str, Figure], cpu: Figure, name: str
) -> None:
    messages = {
        "GetTask": control_pb2.GetTaskRequest(task_id=task_id).SerializeToString(),
        "ListClusters": b"",
        "ListNodes": b"",
    }
    for method, message in messages.items():
        taken, before = [], found.cpu_s()
        for _ in range(CALLS):
            start = time.perf_counter()
            caller.call_bytes(f"Control.{method}", message)
            taken.append(time.perf_counter() - start)
        reads[method].take(name, statistics.median(taken) * 1e3)
        if method == "GetTask":
            cpu.take(name, (found.cpu_s() - before) / CALLS * 1e3)


def _watch(found: Cluster, caller: Caller) -> float:
    """From the sending of a write to the event that tells of it: milliseconds, the middle of many."""
    request = watch_pb2.WatchRequest()
    entry = request.entries.add(kind="config")
    entry.action = watch_pb2.WATCH_ACTION_CREATE
    taken = []
    with found.open() as watcher:
        events = watcher.messages("Watch.Watch", request, watch_pb2.WatchMessage)
        next(events)  # says that the watch stands
        for message in requests(f"watched-{next(_numbers)}", CALLS // 4):
            start = time.perf_counter()
            caller.begin(METHOD, message)
            next(events)
            taken.append(time.perf_counter() - start)
            while caller.next_event().message is not None:
                pass
    return statistics.median(taken) * 1e3


def _restart(found: Cluster, service_id: str) -> float:
    """kill -9 and start again: seconds until every task is answered."""
    (manager,) = found.managers
    manager.kill()
    start = time.perf_counter()
    manager.start()

    def complete() -> bool:
        if not answers(manager):
            return False
        with found.open() as caller:
            return count_tasks(caller, service_id) >= TASKS

    until(complete, "all tasks after the restart", step_s=0.01)
    return time.perf_counter() - start


# The first start


def first_start(pair: Pair, rounds: int) -> list[Figure]:
    """An empty directory, until the socket answers; and the memory a second later."""
    started = Figure("first start, until it answers", "s")
    memory = Figure("memory idle, daemon and manager together", "MiB")
    for _ in range(rounds):
        for name, side in pair.sides():
            with side.managers(1) as (manager,):
                begin = time.perf_counter()
                manager.start()
                until(lambda manager=manager: answers(manager), "the manager", step_s=0.005)  # type: ignore[misc]
                started.take(name, time.perf_counter() - begin)
                time.sleep(1)
                memory.take(name, memory_mib(manager.pid))
    return [started, memory]


# A lost leader


def failover(pair: Pair, rounds: int) -> list[Figure]:
    """kill -9 of the leader of three: until a write succeeds, and until every agent has a session again."""
    written = Figure("leader lost, until a write succeeds", "s")
    back = Figure(f"leader lost, until {AGENTS} agents are back", "s", aim=1.0)
    with pair.clusters(3) as both:
        for found in both.values():
            found.start_agents(AGENTS, "batch")
        for _ in range(rounds):
            for name, found in both.items():
                _lose_leader(found, written, back, name)
    return [written, back]


def _lose_leader(found: Cluster, written: Figure, back: Figure, name: str) -> None:
    leader = found.leader()
    other = next(one for one in found.managers if one is not leader)
    with found.open(other) as caller:
        versions = {one.id: one.meta.version.index for one in ready_workers(caller)}
    leader.kill()
    start = time.perf_counter()
    prepared = requests(f"lost-{next(_numbers)}", 10_000)

    def write() -> bool:
        # With a short limit of its own: SwarmKit lets a write hang that came before the election.
        with Caller(other.socket, other.root, timeout=1) as caller:
            caller.call_bytes(METHOD, next(prepared))
        return True

    def all_back() -> bool:
        with Caller(other.socket, other.root, timeout=5) as caller:
            newer = [one for one in ready_workers(caller) if one.meta.version.index > versions[one.id]]
        return len(newer) == len(versions)

    until(write, "a write")
    written.take(name, time.perf_counter() - start)
    until(all_back, "all agents")
    back.take(name, time.perf_counter() - start)
    leader.start()
    until(lambda: answers(leader), "the manager that was lost")
