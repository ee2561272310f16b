"""A manager's long life: what its memory, descriptors, disk and answers do, on a state that each run takes over from the last one.

    soak.py day --state DIR [--hours 24] [--minutes 20] [--agents N]          a day of ordinary life, compressed
    soak.py changes --state DIR [--minutes 60] [--rate 200] [--tasks 10000]   in real time, so many changes a second
    soak.py plot --state DIR --to FILE.svg                                    draws all runs on a state

A real node daemon with its manager (drained), and simulated agents in a process of their own. `day` deploys, updates, scales and removes services, rotates
secrets, lets tasks fail and loses nodes, hour by hour. `changes` holds its tasks and meanwhile creates, changes and removes configs and scales small
services. A sample is a line of `samples.jsonl` in the state's directory. The end says what grew from the second third of a run to the last, and the status
is 1 then. SIGTERM ends a run early, as if its time were over.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from bench_cluster import cpu_s, poll, service, start_fleet
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.soak import Latencies, Sample, drawn, grown, read

SAMPLES = "samples.jsonl"
_SAMPLE_S = 10.0
_WRITERS = 16
# What a busy machine may need before a run begins.
_BEGIN_S = 1200.0
_SMALL, _SMALL_MAX = 20, 6
_FAILING = ("sh", "-c", "exit 1")


class Soak:
    """One run: the daemon, its agents, and what is noted of them."""

    def __init__(self, node: Daemon, connection: Connection, given: argparse.Namespace) -> None:
        self.node, self.connection, self.given = node, connection, given
        self.control = Control(connection)
        self.rng = random.Random(given.seed)
        self.latencies = Latencies()
        self.changes = self.failed = 0
        self.over = asyncio.Event()
        self._fleets: list[Any] = []
        self._began = time.monotonic()
        self._run = 1 + max((one.run for one in read(self._file)), default=0)

    @property
    def _file(self) -> Path:
        return Path(self.given.state) / SAMPLES

    async def change(self, work: Awaitable[Any]) -> Any:
        """One change, timed; None where it was refused or not answered."""
        begin = time.perf_counter()
        try:
            return await work
        except ClientError:
            self.failed += 1
            return None
        finally:
            self.changes += 1
            self.latencies.add(time.perf_counter() - begin)

    async def add_agents(self, count: int) -> None:
        """Another process with so many nodes; waits until they are ready."""
        (cluster,) = await self.control.find(objects_pb2.Cluster)
        ready = len(await self.ready())
        with (Path(self.given.state) / "fleet.log").open("ab") as log:
            self._fleets.append(start_fleet(self.node, count, cluster.root_ca.join_tokens.worker, log))
        await poll(lambda: self.has(ready + count), 0.5, _BEGIN_S)

    async def lose_agents(self) -> None:
        """Kill the oldest process of agents, and take its nodes from the cluster once they are down."""
        fleet = self._fleets.pop(0)
        fleet.kill()
        fleet.wait()

    async def remove_dead_nodes(self) -> None:
        for node in await self.control.find(objects_pb2.Node):
            if node.status.state == types_pb2.NodeStatus.DOWN:
                request = control_pb2.RemoveNodeRequest(node_id=node.id, force=True)
                with suppress(ClientError):
                    await self.connection.call("Control.RemoveNode", request)

    async def ready(self) -> list[objects_pb2.Node]:
        nodes = await self.control.find(objects_pb2.Node)
        return [node for node in nodes if node.status.state == types_pb2.NodeStatus.READY]

    async def has(self, count: int) -> bool:
        """Whether so many nodes are ready; on a busy machine the manager may not answer yet."""
        try:
            return len(await self.ready()) >= count
        except ClientError:
            return False

    async def running(self, name: str) -> int:
        found = await self.control.find(objects_pb2.Service, names=[name])
        if not found:
            return 0
        request = control_pb2.ListServiceStatusesRequest(services=[found[0].id])
        return int(
            (await self.connection.call("Control.ListServiceStatuses", request)).statuses[0].running_tasks
        )

    async def sampling(self) -> None:
        """Write a sample now and then, until the run is over."""
        with self._file.open("a") as file:
            while not self.over.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.over.wait(), min(_SAMPLE_S, self.given.sample_s))
                file.write(json.dumps(self._sample().written()) + "\n")
                file.flush()

    def _sample(self) -> Sample:
        manager, daemon = psutil.Process(self.node.manager_pid()), psutil.Process(self.node.pid)
        state = Path(self.given.state)
        disk = sum(path.stat().st_blocks * 512 for path in (state / "s").rglob("*") if path.is_file())
        p50, p99 = self.latencies.taken()
        return Sample(
            self._run,
            self.given.what,
            round(time.monotonic() - self._began, 1),
            manager.memory_info().rss,
            daemon.memory_info().rss,
            manager.num_fds() + daemon.num_fds(),
            disk,
            self.changes,
            self.failed,
            p50,
            p99,
            round(os.getloadavg()[0], 1),
        )

    def end_agents(self) -> None:
        for fleet in self._fleets:
            fleet.kill()
            fleet.wait()

    @property
    def samples(self) -> list[Sample]:
        return [one for one in read(self._file) if one.run == self._run]


async def changes(soak: Soak) -> None:
    """So many changes a second, while the tasks stand."""
    given = soak.given
    await soak.add_agents(given.agents)
    await _service(soak, "held", given.tasks)
    for number in range(_SMALL):
        await _service(soak, f"small-{number}", 2, wait=False)
    await poll(lambda: _runs(soak, "held", given.tasks), 1.0, _BEGIN_S)
    begin, numbers = time.monotonic(), itertools.count()
    end = begin + given.minutes * 60

    async def write(writer: int) -> None:
        made: list[str] = []
        while time.monotonic() < end and not soak.over.is_set():
            due = begin + next(numbers) / given.rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            await _one_change(soak, writer, made)

    async with asyncio.TaskGroup() as group:
        sampling = group.create_task(soak.sampling())
        async with asyncio.TaskGroup() as writers:
            for writer in range(_WRITERS):
                writers.create_task(write(writer))
        soak.over.set()
        await sampling


async def _one_change(soak: Soak, writer: int, made: list[str]) -> None:
    way = soak.rng.random()
    if way < 0.4 or not made:
        request = control_pb2.CreateConfigRequest()
        request.spec.annotations.name = f"c-{soak.given.seed}-{time.monotonic_ns()}-{writer}"
        request.spec.data = soak.rng.randbytes(64)
        if (answer := await soak.change(soak.connection.call("Control.CreateConfig", request))) is not None:
            made.append(answer.config.id)
    elif way < 0.6:
        await soak.change(soak.control.change(objects_pb2.Config, soak.rng.choice(made), _label(soak)))
    elif way < 0.95:
        gone = control_pb2.RemoveConfigRequest(config_id=made.pop(soak.rng.randrange(len(made))))
        await soak.change(soak.connection.call("Control.RemoveConfig", gone))
    else:
        await _scale(soak, f"small-{soak.rng.randrange(_SMALL)}", soak.rng.randrange(_SMALL_MAX))


def _label(soak: Soak) -> Callable[[Any], None]:
    return lambda spec: spec.annotations.labels.__setitem__("n", str(soak.rng.random()))


async def _scale(soak: Soak, name: str, count: int) -> None:
    found = await soak.control.find(objects_pb2.Service, names=[name])
    if found:

        def scale(spec: Any) -> None:
            spec.replicated.replicas = count

        await soak.change(soak.control.change(objects_pb2.Service, found[0].id, scale))


async def _service(soak: Soak, name: str, count: int, *, wait: bool = True) -> None:
    """Have a service of so many tasks, whether it was there or not."""
    if await soak.control.find(objects_pb2.Service, names=[name]):
        await _scale(soak, name, count)
    else:
        await soak.change(soak.control.create(objects_pb2.Service, service(name, count)))


async def _runs(soak: Soak, name: str, count: int) -> bool:
    try:
        return soak.over.is_set() or await soak.running(name) >= count
    except ClientError:
        return False


async def day(soak: Soak) -> None:
    """Hour by hour: what people and machines do to a cluster."""
    given = soak.given
    for _ in range(3):
        await soak.add_agents(max(given.agents // 3, 1))
    async with asyncio.TaskGroup() as group:
        sampling = group.create_task(soak.sampling())
        hour_s = given.minutes * 60 / given.hours
        begin = time.monotonic()
        for hour in range(given.hours):
            if soak.over.is_set():
                break
            await _hour(soak, hour)
            with suppress(TimeoutError):
                rest = max(begin + (hour + 1) * hour_s - time.monotonic(), 0)
                await asyncio.wait_for(soak.over.wait(), rest)
        soak.over.set()
        await sampling


async def _hour(soak: Soak, hour: int) -> None:
    rng = soak.rng
    for number in rng.sample(range(12), 4):
        name = f"app-{number}"
        found = await soak.control.find(objects_pb2.Service, names=[name])
        way = rng.random()
        if not found:
            await _service(soak, name, rng.randrange(1, 40), wait=False)
        elif way < 0.4:
            await soak.change(soak.control.change(objects_pb2.Service, found[0].id, _deploy))
        elif way < 0.8:
            await _scale(soak, name, rng.randrange(40))
        else:
            request = control_pb2.RemoveServiceRequest(service_id=found[0].id)
            await soak.change(soak.connection.call("Control.RemoveService", request))
    await _failing(soak)
    await _rotate(soak, hour)
    if hour % 4 == 3:
        await soak.lose_agents()
        await soak.add_agents(max(soak.given.agents // 3, 1))
    await soak.remove_dead_nodes()


def _deploy(spec: Any) -> None:
    spec.task.force_update += 1
    spec.update.parallelism = 5


async def _failing(soak: Soak) -> None:
    """A service whose tasks fail at once and are started again."""
    spec = service("failing", 3)
    del spec.task.container.args[:]
    spec.task.container.args.extend(_FAILING)
    if not await soak.control.find(objects_pb2.Service, names=["failing"]):
        await soak.change(soak.control.create(objects_pb2.Service, spec))


async def _rotate(soak: Soak, hour: int) -> None:
    request = control_pb2.CreateSecretRequest()
    request.spec.annotations.name = f"key-{time.monotonic_ns()}"
    request.spec.data = soak.rng.randbytes(64)
    await soak.change(soak.connection.call("Control.CreateSecret", request))
    old = [
        one
        for one in await soak.control.find(objects_pb2.Secret)
        if one.spec.annotations.name.startswith("key-")
    ]
    for one in sorted(old, key=lambda secret: secret.meta.version.index)[:-5]:
        gone = control_pb2.RemoveSecretRequest(secret_id=one.id)
        await soak.change(soak.connection.call("Control.RemoveSecret", gone))


async def soaked(node: Daemon, given: argparse.Namespace) -> list[str]:
    """A run; what grew in it."""
    wait_until(node.socket.exists, seconds=_BEGIN_S, what="the control socket")
    async with await Connection.open(node.socket) as connection:
        soak = Soak(node, connection, given)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, soak.over.set)
        await poll(lambda: soak.has(1), 0.5, _BEGIN_S)
        own = next(
            node_ for node_ in await soak.control.find(objects_pb2.Node) if node_.HasField("manager_status")
        )
        await _drain(soak, own)
        await soak.remove_dead_nodes()
        pid = node.manager_pid()
        assert pid is not None
        cpu = cpu_s(pid)
        try:
            await (day if given.what == "day" else changes)(soak)
        finally:
            soak.end_agents()
        found, samples = [], soak.samples
        if node.manager_pid() != pid:
            found.append("the manager did not live to the end")
        found += grown(samples)
        last = samples[-1]
        print(
            f"run {last.run}, {given.what}: {last.at_s:.0f} s, {last.changes} changes ({last.changes / max(last.at_s, 1):.0f}/s), {last.failed} failed, "
            f"manager {last.manager_bytes >> 20} MiB and {cpu_s(pid) - cpu:.0f} s of processor time, {last.descriptors} descriptors, "
            f"{last.disk_bytes >> 20} MiB on disk; grew: {'; '.join(found) or 'nothing'}"
        )
        return found


async def _drain(soak: Soak, node: objects_pb2.Node) -> None:
    def away(spec: Any) -> None:
        spec.availability = spec.DRAIN

    await soak.control.change(objects_pb2.Node, node.id, away)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("day", "changes", "plot"))
    parser.add_argument(
        "--state", type=Path, required=True, help="what the last run left; made where there is none"
    )
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=60)
    parser.add_argument("--sample-s", type=float, default=_SAMPLE_S)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, help="the picture")
    given = parser.parse_args()
    if given.what == "plot":
        if given.to is None:
            parser.error("say where the picture goes: --to soak.svg")
        given.to.write_text(drawn(read(given.state / SAMPLES)))
        return 0
    given.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    node = Daemon(given.state / "s")
    try:
        return 1 if asyncio.run(soaked(node.start(), given)) else 0
    finally:
        if node.process is not None and node.process.poll() is None:
            node.stop()
        node.destroy()


if __name__ == "__main__":
    sys.exit(main())
