"""Nodes that go: a worker is killed, and a node with many tasks is drained; and whether a busy machine loses nodes that live.

    bench_nodes.py [ROUNDS]

A real manager (drained) and simulated agents in processes of their own, on this machine. One JSON line per figure: seconds on
the clock, CPU seconds of the manager.

loss     one of four agents with 20 tasks in all is killed (kill -9): until its node is DOWN, until all 20 run elsewhere.
drain    one of five nodes with 2500 tasks in all is drained: until its 500 run elsewhere and it has none.
alarms   a hundred agents while every core is kept busy by twice as many programs as there are cores: how often a node was
         called DOWN in a minute (none is right), and the longest that the manager took to answer meanwhile.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench_cluster import cpu_s, drain, poll, service
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.client.connection import Connection

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon, private_directory, wait_until

LOAD_S = 60.0


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


class Cluster:
    """A drained manager, and agents that come and go."""

    def __init__(self, node: Daemon, connection: Connection, directory: Path) -> None:
        self.address = node.address
        self.manager_pid = node.manager_pid() or 0
        self.connection = connection
        self._directory = directory
        self._number = 0

    @contextlib.contextmanager
    def agents(self, token: str, counts: Sequence[int]) -> Iterator["list[subprocess.Popen[bytes]]"]:
        """A process for each of `counts` with that many agents."""
        fleets = []
        try:
            for count in counts:
                self._number += 1
                with (self._directory / f"fleet-{self._number}.log").open("wb") as log:
                    fleets.append(
                        subprocess.Popen(
                            [
                                sys.executable, "-m", "swarm_agentd.fleet",
                                "--join", self.address,
                                "--nodes", str(count),
                            ],
                            stdin=subprocess.DEVNULL,
                            env={**os.environ, "SWARM_JOIN_TOKEN": token},
                            stdout=log,
                            stderr=log,
                        )
                    )  # fmt: skip
            yield fleets
        finally:
            for fleet in fleets:
                fleet.kill()
                fleet.wait()

    async def token(self) -> str:
        (cluster,) = (
            await self.connection.call("Control.ListClusters", control_pb2.ListClustersRequest())
        ).clusters
        return str(cluster.root_ca.join_tokens.worker)

    async def nodes(self) -> list[objects_pb2.Node]:
        return list((await self.connection.call("Control.ListNodes", control_pb2.ListNodesRequest())).nodes)

    async def ready(self) -> list[objects_pb2.Node]:
        return [
            node
            for node in await self.nodes()
            if node.status.state == types_pb2.NodeStatus.READY
            and node.spec.availability == specs_pb2.NodeSpec.ACTIVE
        ]

    async def until_ready(self, count: int) -> list[objects_pb2.Node]:
        async def all_ready() -> bool:
            return len(await self.ready()) == count

        await poll(all_ready)
        return await self.ready()

    async def running(self, service_id: str, *, but: str = "") -> int:
        request = control_pb2.ListTasksRequest()
        request.filters.service_ids.append(service_id)
        tasks = (await self.connection.call("Control.ListTasks", request)).tasks
        return sum(
            task.status.state == types_pb2.RUNNING
            and task.desired_state == types_pb2.RUNNING
            and task.node_id != but
            for task in tasks
        )

    @contextlib.asynccontextmanager
    async def replicas(self, name: str, count: int) -> Any:
        """A service that runs, until the block ends."""
        request = control_pb2.CreateServiceRequest(spec=service(name, count))
        made = (await self.connection.call("Control.CreateService", request)).service

        async def all_run() -> bool:
            return await self.running(made.id) >= count

        await poll(all_run)
        try:
            yield made
        finally:
            await self.connection.call(
                "Control.RemoveService", control_pb2.RemoveServiceRequest(service_id=made.id)
            )

    async def remove_nodes_that_are_down(self) -> None:
        for node in await self.nodes():
            if node.status.state == types_pb2.NodeStatus.DOWN:
                request = control_pb2.RemoveNodeRequest(node_id=node.id, force=True)
                await self.connection.call("Control.RemoveNode", request)


async def loss(cluster: Cluster, token: str) -> tuple[float, float]:
    """Seconds until DOWN, and until every task runs elsewhere."""
    with cluster.agents(token, [1]) as (victim,):
        (node,) = await cluster.until_ready(1)
        with cluster.agents(token, [1, 1, 1]):
            await cluster.until_ready(4)
            async with cluster.replicas("loss", 20) as made:
                await asyncio.sleep(2)  # another part of the heartbeats' period each time
                victim.kill()
                started = time.perf_counter()

                async def is_down() -> bool:
                    return node.id not in {one.id for one in await cluster.ready()}

                await poll(is_down, 0.02)
                down_s = time.perf_counter() - started

                async def all_run() -> bool:
                    return await cluster.running(made.id, but=node.id) >= 20

                await poll(all_run, 0.02)
                moved_s = time.perf_counter() - started

    async def all_down() -> bool:
        return not await cluster.ready()

    await poll(all_down)
    await cluster.remove_nodes_that_are_down()
    return down_s, moved_s


async def drained(cluster: Cluster, token: str) -> tuple[float, float]:
    """Seconds and CPU seconds of the manager until 500 tasks have moved."""
    with cluster.agents(token, [5]):
        nodes = await cluster.until_ready(5)
        async with cluster.replicas("drain", 2500) as made:
            node = nodes[0]
            request = control_pb2.UpdateNodeRequest(
                node_id=node.id, node_version=node.meta.version, spec=node.spec
            )
            request.spec.availability = specs_pb2.NodeSpec.DRAIN
            cpu, started = cpu_s(cluster.manager_pid), time.perf_counter()
            await cluster.connection.call("Control.UpdateNode", request)

            async def all_moved() -> bool:
                return await cluster.running(made.id, but=node.id) >= 2500

            await poll(all_moved, 0.05)
            figures = time.perf_counter() - started, cpu_s(cluster.manager_pid) - cpu

    async def all_down() -> bool:
        return not await cluster.ready()

    await poll(all_down)
    await cluster.remove_nodes_that_are_down()
    return figures


async def alarms(cluster: Cluster, token: str) -> tuple[int, float]:
    """How many nodes were called DOWN under load, and the longest that a call took."""
    with cluster.agents(token, [20] * 5):
        ids = {node.id for node in await cluster.until_ready(100)}
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(2 * (os.cpu_count() or 1))
        ]
        lost: set[str] = set()
        longest_s = 0.0
        try:
            end = time.perf_counter() + LOAD_S
            while time.perf_counter() < end:
                started = time.perf_counter()
                lost |= ids - {node.id for node in await cluster.ready()}
                longest_s = max(longest_s, time.perf_counter() - started)
                await asyncio.sleep(0.2)
        finally:
            for process in busy:
                process.kill()
                process.wait()
    return len(lost), longest_s


async def measure(node: Daemon, directory: Path, rounds: int) -> None:
    wait_until(node.socket.exists, what="the control socket")
    async with await Connection.open(node.socket) as connection:

        async def one_node() -> bool:
            nodes = (await connection.call("Control.ListNodes", control_pb2.ListNodesRequest())).nodes
            return len(nodes) == 1 and nodes[0].status.state == types_pb2.NodeStatus.READY

        await poll(one_node)
        await drain(connection)
        cluster = Cluster(node, connection, directory)
        token = await cluster.token()
        lost = [await loss(cluster, token) for _ in range(rounds)]
        down, moved = zip(*lost, strict=True)
        say(
            what="loss of a worker",
            rounds=rounds,
            down_s=round(statistics.median(down), 2),
            moved_s=round(statistics.median(moved), 2),
            worst_moved_s=round(max(moved), 2),
        )
        seconds, cpu = await drained(cluster, token)
        say(
            what="drain",
            tasks=500,
            seconds=round(seconds, 2),
            manager_cpu_s=round(cpu, 2),
            manager_ms_per_task=round(cpu / 500 * 1e3, 2),
        )
        count, longest_s = await alarms(cluster, token)
        say(
            what="alarms",
            agents=100,
            seconds=LOAD_S,
            nodes_called_down=count,
            longest_call_s=round(longest_s, 2),
        )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with private_directory() as directory:
        node = Daemon(directory / "s")
        try:
            asyncio.run(measure(node.start(), directory, rounds))
        finally:
            node.destroy()


if __name__ == "__main__":
    main()
