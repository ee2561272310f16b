"""One run of `soak.py`: the daemon with its manager, the agents, and what is noted of them. Programs that end too early are told at once."""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from bench_cluster import start_fleet
from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon
from swarm_testkit.soak import Latencies, Sample, read

SAMPLES = "samples.jsonl"
LOG_LINES = 5
# What a busy machine may need before a run begins.
_BEGIN_S = 1200.0
_LOOK_S = 0.5


class Ended(Exception):
    """A program that the run needs is gone; the text says which, and the end of its log."""


class Soak:
    """One run: the daemon, its agents, and what is noted of them."""

    def __init__(
        self, node: Daemon, manager_pid: int, connection: Connection, given: argparse.Namespace
    ) -> None:
        self.node, self.manager_pid = node, manager_pid
        self.connection, self.given = connection, given
        self.control = Control(connection)
        self.rng = random.Random(given.seed)
        self.latencies = Latencies()
        self.changes = self.failed = 0
        self._fleets: list[subprocess.Popen[bytes]] = []
        self._began = 0.0
        self._run = 1 + max((one.run for one in read(self._file)), default=0)

    def begin(self) -> None:
        """Samples count their time from here."""
        self._began = time.monotonic()

    @property
    def _file(self) -> Path:
        return Path(self.given.state) / SAMPLES

    async def change(self, work: Awaitable[Any]) -> Any:
        """One change, timed; None where it was refused or not answered."""
        begin, answer = time.perf_counter(), None
        try:
            answer = await work
        except ClientError:
            self.failed += 1
        self.changes += 1
        self.latencies.add(time.perf_counter() - begin)
        return answer

    async def add_agents(self, count: int) -> None:
        """Another process with so many nodes; waits until they are ready. Raises Ended and TimeoutError."""
        (cluster,) = await self.control.find(objects_pb2.Cluster)
        # Not by number: of those that are ready now some may be dead, and nobody has noticed yet.
        before = {node.id for node in await self.ready()}

        async def have_come() -> bool:
            try:
                return sum(node.id not in before for node in await self.ready()) >= count
            except ClientError:
                return False

        with self._fleet_log.open("ab") as log:
            self._fleets.append(start_fleet(self.node, count, cluster.root_ca.join_tokens.worker, log))
        await self.wait(have_come, f"{count} more nodes to be ready")

    def lose_agents(self) -> None:
        """Kill the oldest process of agents."""
        _kill(self._fleets.pop(0))

    def check_alive(self) -> None:
        """Raises Ended where the daemon, its manager or agents are gone that nobody has ended."""
        check_daemon(self.node)
        if self.node.manager_pid() != self.manager_pid:
            raise Ended(f"the manager did not live to the end:\n{self.node.tail(LOG_LINES)}")
        for fleet in self._fleets:
            if (code := fleet.poll()) is not None:
                said = self._fleet_log.read_text(errors="replace").splitlines()[-LOG_LINES:]
                raise Ended(f"a process of agents ended with status {code}:\n" + "\n".join(said))

    async def wait(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Until it `holds`. Raises Ended as soon as it cannot any more, TimeoutError when it takes too long."""
        await wait_for(holds, what, self.check_alive)

    @property
    def _fleet_log(self) -> Path:
        return Path(self.given.state) / "fleet.log"

    async def remove_dead_nodes(self) -> None:
        for node in await self.control.find(objects_pb2.Node):
            if node.status.state == types_pb2.NodeStatus.DOWN:
                request = control_pb2.RemoveNodeRequest(node_id=node.id, force=True)
                with suppress(ClientError):
                    await self.connection.call("Control.RemoveNode", request)

    async def bury_last_run(self) -> None:
        """Take the nodes of the last run from the cluster, once it has found out that they are gone."""

        async def are_gone() -> bool:
            try:
                await self.remove_dead_nodes()
                return len(await self.control.find(objects_pb2.Node)) == 1
            except ClientError:
                return False

        await self.wait(are_gone, "the nodes of the last run to be down")

    async def ready(self) -> list[objects_pb2.Node]:
        nodes = await self.control.find(objects_pb2.Node)
        return [node for node in nodes if node.status.state == types_pb2.NodeStatus.READY]

    async def is_ready(self) -> bool:
        """Whether any node is; on a busy machine the manager may not answer yet."""
        try:
            return bool(await self.ready())
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

    def sample(self) -> None:
        """Write one down. Raises Ended."""
        self.check_alive()
        with self._file.open("a") as file:
            file.write(json.dumps(self._sample().written()) + "\n")

    def _sample(self) -> Sample:
        manager, daemon = psutil.Process(self.manager_pid), psutil.Process(self.node.pid)
        p50, p99 = self.latencies.taken()
        return Sample(
            self._run,
            self.given.what,
            round(time.monotonic() - self._began, 1),
            manager.memory_info().rss,
            daemon.memory_info().rss,
            manager.num_fds() + daemon.num_fds(),
            _disk_bytes(self.node.state),
            self.changes,
            self.failed,
            p50,
            p99,
            round(os.getloadavg()[0], 1),
        )

    def end_agents(self) -> None:
        while self._fleets:
            _kill(self._fleets.pop())

    @property
    def samples(self) -> list[Sample]:
        return [one for one in read(self._file) if one.run == self._run]


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _disk_bytes(directory: Path) -> int:
    """What its files take. The manager may remove one while they are counted."""
    blocks = 0
    for place, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                blocks += (Path(place) / name).lstat().st_blocks
    return blocks * 512


def check_daemon(node: Daemon) -> None:
    """Raises Ended where it is gone."""
    assert node.process is not None
    if (code := node.process.poll()) is not None:
        raise Ended(f"the node daemon ended with status {code}:\n{node.tail(LOG_LINES)}")


async def wait_for(holds: Callable[[], Awaitable[bool]], what: str, check_alive: Callable[[], None]) -> None:
    """Until it `holds`. Raises what `check_alive` raises, and TimeoutError."""
    end = time.monotonic() + _BEGIN_S
    while not await holds():
        check_alive()
        if time.monotonic() > end:
            raise TimeoutError(f"waited {_BEGIN_S:.0f} s for {what}")
        await asyncio.sleep(_LOOK_S)
