"""The whole path: tasks created and RUNNING on simulated agents, then scaled to 0; 1 000 tasks replaced, ten at a time and all at once; and
writes, one and 64 at once.

    bench_cluster.py [TASKS] [AGENTS]

A real node daemon with its manager (drained) and a fleet of simulated agents, each with its own certificate and
session, on this machine. One JSON line per figure: seconds from the call to the last task RUNNING, CPU seconds of
manager and fleet, peak memory of the manager. The raw fsync of the same disk is measured in the same run, as the
ground that the write figures stand on.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import IO, Any

import psutil
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.client.connection import Connection

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon, private_directory, wait_until

WRITE_S = 4.0
UPDATED_TASKS = 1000


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


def cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def fsync_ms(directory: Path, rounds: int = 300) -> float:
    """Median of append + fdatasync of 512 bytes."""
    taken = []
    with (directory / "floor").open("wb", buffering=0) as file:
        for _ in range(rounds):
            start = time.perf_counter()
            file.write(b"x" * 512)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - start)
    return round(statistics.median(taken) * 1e3, 3)


def service(name: str, replicas: int) -> specs_pb2.ServiceSpec:
    spec = specs_pb2.ServiceSpec()
    spec.annotations.name = name
    spec.task.container.image = "busybox:local"
    spec.task.container.args.extend(["sleep", "1000"])
    spec.replicated.replicas = replicas
    return spec


async def poll(condition: Callable[[], Awaitable[bool]], step_s: float = 0.1, limit_s: float = 600) -> None:
    end = time.monotonic() + limit_s
    while not await condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {limit_s} s")
        await asyncio.sleep(step_s)


class Bench:
    """A drained manager and its fleet."""

    def __init__(self, node: Daemon, fleet: "subprocess.Popen[bytes]", connection: Connection) -> None:
        self.manager_pid = node.manager_pid() or 0
        self.fleet = fleet
        self.connection = connection

    async def running(self, service_id: str) -> int:
        request = control_pb2.ListServiceStatusesRequest(services=[service_id])
        answer = await self.connection.call("Control.ListServiceStatuses", request)
        return int(answer.statuses[0].running_tasks)

    async def tasks(self, service_id: str, id_prefix: str = "") -> list[objects_pb2.Task]:
        request = control_pb2.ListTasksRequest()
        request.filters.service_ids.append(service_id)
        if id_prefix:
            request.filters.id_prefixes.append(id_prefix)
        return list((await self.connection.call("Control.ListTasks", request)).tasks)

    async def create_and_remove(self, count: int) -> None:
        Path(f"/proc/{self.manager_pid}/clear_refs").write_text("5")
        step = max(0.02, count / 100_000)
        started, cpu, fleet_cpu = time.time(), cpu_s(self.manager_pid), cpu_s(self.fleet.pid)
        request = control_pb2.CreateServiceRequest(spec=service(f"bench-{count}", count))
        created = (await self.connection.call("Control.CreateService", request)).service
        clock = time.perf_counter()

        async def all_run() -> bool:
            return await self.running(created.id) >= count

        await poll(all_run, step)
        seen_s = time.perf_counter() - clock
        used, fleet_used = cpu_s(self.manager_pid) - cpu, cpu_s(self.fleet.pid) - fleet_cpu
        newest = max(t.status.timestamp.ToNanoseconds() for t in await self.tasks(created.id)) / 1e9
        say(
            what="create",
            tasks=count,
            seconds=round(seen_s, 2),
            seconds_by_timestamps=round(newest - started, 2),
            manager_cpu_s=round(used, 2),
            fleet_cpu_s=round(fleet_used, 2),
            manager_peak_mib=peak_mib(self.manager_pid),
        )
        await asyncio.sleep(1)
        cpu, fleet_cpu, clock = cpu_s(self.manager_pid), cpu_s(self.fleet.pid), time.perf_counter()
        update = control_pb2.UpdateServiceRequest(
            service_id=created.id, service_version=created.meta.version, spec=service(f"bench-{count}", 0)
        )
        await self.connection.call("Control.UpdateService", update)

        async def all_gone() -> bool:
            # A look at a few of them tells when it is time to look at all: a hundred thousand tasks are a hundred megabytes.
            return not await self.tasks(created.id, "0") and not await self.tasks(created.id)

        await poll(all_gone, step)
        say(
            what="scale to 0",
            tasks=count,
            seconds=round(time.perf_counter() - clock, 2),
            manager_cpu_s=round(cpu_s(self.manager_pid) - cpu, 2),
            fleet_cpu_s=round(cpu_s(self.fleet.pid) - fleet_cpu, 2),
            manager_peak_mib=peak_mib(self.manager_pid),
        )
        remove = control_pb2.RemoveServiceRequest(service_id=created.id)
        await self.connection.call("Control.RemoveService", remove)

    async def update(self, count: int, parallelism: int) -> None:
        """Every task of a service replaced, from the call until the new ones all run. What is watched for after that is cut short."""
        spec = service(f"update-{parallelism}", count)
        request = control_pb2.CreateServiceRequest(spec=spec)
        created = (await self.connection.call("Control.CreateService", request)).service

        async def all_run() -> bool:
            return await self.running(created.id) >= count

        await poll(all_run, 0.05)
        spec.task.force_update = 1
        spec.update.parallelism = parallelism
        spec.update.monitor.FromMilliseconds(1)
        started = (await self._service(created.id)).meta.version
        change = control_pb2.UpdateServiceRequest(service_id=created.id, service_version=started, spec=spec)
        cpu, fleet_cpu = cpu_s(self.manager_pid), cpu_s(self.fleet.pid)
        clock = time.perf_counter()
        await self.connection.call("Control.UpdateService", change)

        async def is_complete() -> bool:
            found = await self._service(created.id)
            return found.update_status.state == types_pb2.UpdateStatus.COMPLETED

        await poll(is_complete, 0.02)
        say(
            what="rolling update",
            tasks=count,
            at_a_time=parallelism or "all",
            seconds=round(time.perf_counter() - clock, 2),
            manager_cpu_s=round(cpu_s(self.manager_pid) - cpu, 2),
            fleet_cpu_s=round(cpu_s(self.fleet.pid) - fleet_cpu, 2),
        )
        assert await self.running(created.id) >= count
        await self.connection.call(
            "Control.RemoveService", control_pb2.RemoveServiceRequest(service_id=created.id)
        )

        async def all_gone() -> bool:
            return not await self.tasks(created.id)

        await poll(all_gone)

    async def _service(self, service_id: str) -> objects_pb2.Service:
        request = control_pb2.GetServiceRequest(service_id=service_id)
        found: objects_pb2.Service = (await self.connection.call("Control.GetService", request)).service
        return found

    async def writes(self, writers: int, floor_ms: float) -> float:
        taken: list[float] = []
        end = time.perf_counter() + WRITE_S
        data = os.urandom(64)

        async def write(writer: int) -> None:
            number = 0
            while time.perf_counter() < end:
                request = control_pb2.CreateConfigRequest()
                request.spec.annotations.name = f"w{writers}-{writer}-{number}"
                request.spec.data = data
                started = time.perf_counter()
                await self.connection.call("Control.CreateConfig", request)
                taken.append(time.perf_counter() - started)
                number += 1

        cpu = cpu_s(self.manager_pid)
        async with asyncio.TaskGroup() as group:
            for writer in range(writers):
                group.create_task(write(writer))
        taken.sort()
        rate = len(taken) / WRITE_S
        p50 = taken[len(taken) // 2] * 1e3
        say(
            what="writes",
            writers=writers,
            per_s=round(rate),
            p50_ms=round(p50, 2),
            p99_ms=round(taken[int(len(taken) * 0.99)] * 1e3, 2),
            p50_in_fsyncs=round(p50 / floor_ms, 1),
            manager_cores=round((cpu_s(self.manager_pid) - cpu) / WRITE_S, 2),
        )
        return rate


async def drain(connection: Connection) -> None:
    (node,) = (await connection.call("Control.ListNodes", control_pb2.ListNodesRequest())).nodes
    request = control_pb2.UpdateNodeRequest(node_id=node.id, node_version=node.meta.version, spec=node.spec)
    request.spec.availability = specs_pb2.NodeSpec.DRAIN
    await connection.call("Control.UpdateNode", request)


@contextlib.asynccontextmanager
async def bench(node: Daemon, directory: Path, agents: int) -> AsyncIterator[Bench]:
    """A fleet that has joined the manager of `node`, which is drained; how long joining took is said."""
    wait_until(node.socket.exists, what="the control socket")
    async with await Connection.open(node.socket) as connection:

        async def ready() -> int:
            nodes = (await connection.call("Control.ListNodes", control_pb2.ListNodesRequest())).nodes
            return sum(one.status.state == types_pb2.NodeStatus.READY for one in nodes)

        async def manager_is_ready() -> bool:
            return await ready() == 1

        async def all_are_ready() -> bool:
            return await ready() == agents + 1

        await poll(manager_is_ready)
        await drain(connection)
        clusters = (await connection.call("Control.ListClusters", control_pb2.ListClustersRequest())).clusters
        started = time.perf_counter()
        with (directory / "fleet.log").open("wb") as log:
            fleet = start_fleet(node, agents, clusters[0].root_ca.join_tokens.worker, log)
        try:
            await poll(all_are_ready)
            say(what="join", agents=agents, seconds=round(time.perf_counter() - started, 2))
            yield Bench(node, fleet, connection)
        finally:
            fleet.terminate()
            fleet.wait()


def start_fleet(node: Daemon, agents: int, token: str, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    """A process of agents. It ends with whoever holds it, however that one ends."""
    command = [
        sys.executable, "-m", "swarm_agentd.fleet",
        "--join", node.address,
        "--nodes", str(agents),
        "--until-stdin-closes",
    ]  # fmt: skip
    environment = {**os.environ, "SWARM_JOIN_TOKEN": token}
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, stdout=log, stderr=log)


async def measure(node: Daemon, directory: Path, tasks: int, agents: int) -> None:
    async with bench(node, directory, agents) as measured:
        for count in (100, 1000, tasks):
            await measured.create_and_remove(count)
        for parallelism in (10, 0):
            await measured.update(UPDATED_TASKS, parallelism)
    async with await Connection.open(node.socket) as connection:
        floor = fsync_ms(directory)
        say(what="fsync floor", p50_ms=floor)
        measured = Bench(node, measured.fleet, connection)
        one = await measured.writes(1, floor)
        many = await measured.writes(64, floor)
        say(what="64 writers over one", ratio=round(many / one, 2))


def main() -> None:
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    agents = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with private_directory() as directory:
        node = Daemon(directory / "s")
        try:
            asyncio.run(measure(node.start(), directory, tasks, agents))
        finally:
            node.destroy()


if __name__ == "__main__":
    main()
