"""From commit to screen: how long after the answer to a write the dashboard has painted it.

A real one-node daemon; the whole dashboard on a recording driver, connected through the control socket. A service is
scaled back and forth; the clock runs from the answer of UpdateService (the entry is committed) to
the frame that shows the new goal. Beside it, in the same run, the plain round trip of a read over the same socket.
"""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.client import sockets
from swarm_core.client.cluster import Cluster
from swarm_tui.app import SwarmApp
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from textual.drivers.headless_driver import HeadlessDriver

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon, private_directory, wait_until

ROUNDS = 40


class WatchedDriver(HeadlessDriver):
    """Takes what would go to the terminal and tells when a wanted text was in it."""

    wanted = ""
    seen = asyncio.Event()

    @property
    def is_headless(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def write(self, data: str) -> None:
        if WatchedDriver.wanted and WatchedDriver.wanted in data:
            WatchedDriver.seen.set()


def spec(replicas: int) -> specs_pb2.ServiceSpec:
    made = specs_pb2.ServiceSpec()
    made.annotations.name = "screen"
    made.task.container.image = "busybox:local"
    made.task.placement.constraints.append("node.id==nowhere")
    made.replicated.replicas = replicas
    return made


async def measure(node: Daemon) -> None:
    cluster = await Cluster.open(sockets.Candidate(node.socket, "bench"))
    reader = await Cluster.open(sockets.Candidate(node.socket, "bench"))
    mirror = Mirror(cluster.clock)
    session = Session("bench", mirror, cluster.control, cluster.logs(), cluster.clock)
    app = SwarmApp(session, lambda: cluster.watch().updates(), is_ascii=False)
    trips, delays = [], []
    app.driver_class = WatchedDriver
    running = asyncio.get_running_loop().create_task(app.run_async(size=(140, 40)))
    try:
        service = await reader.control.create(objects_pb2.Service, spec(0))
        await asyncio.sleep(3)
        for round_ in range(ROUNDS):
            started = time.perf_counter()
            await reader.control.get(objects_pb2.Service, service.id)
            trips.append(time.perf_counter() - started)
            WatchedDriver.wanted = f"/{10 + round_}"
            WatchedDriver.seen.clear()
            service = await reader.control.update(objects_pb2.Service, service, spec(10 + round_))
            committed = time.perf_counter()
            async with asyncio.timeout(10):
                await WatchedDriver.seen.wait()
            delays.append(time.perf_counter() - committed)
            await asyncio.sleep(0.25)
        app.exit()
        await running
    finally:
        await reader.close()
        await cluster.close()
    delays.sort()
    trip = statistics.median(trips)
    print(
        json.dumps(
            {
                "what": "commit to screen",
                "rounds": ROUNDS,
                "p50_ms": round(delays[len(delays) // 2] * 1e3, 1),
                "p99_ms": round(delays[int(len(delays) * 0.99)] * 1e3, 1),
                "round_trip_ms": round(trip * 1e3, 2),
                "p50_in_round_trips": round(delays[len(delays) // 2] / trip, 1),
            }
        )
    )


def main() -> None:
    with private_directory() as directory:
        node = Daemon(directory / "s").start()
        try:
            wait_until(node.socket.exists, what="the control socket")
            asyncio.run(measure(node))
        finally:
            node.destroy()


if __name__ == "__main__":
    main()
