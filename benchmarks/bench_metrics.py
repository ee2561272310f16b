"""What watching costs: the same manager with `--metrics-addr` and without, side by side in one run.

    bench_metrics.py [ROUNDS]

Three real nodes on this machine: one that tells figures and is asked for them each second, which is oftener than a Prometheus does it, one that would
tell them and is asked by nobody, and one without. Each round writes configs to one after the other, once one at a time and once 64 at once, and
begins with another one each time, so that all meet the same hour. A ratio is that of a round, to the node without; the middle of the rounds is told
with the lowest and the highest. One JSON line per figure.
"""

import asyncio
import json
import os
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from swarm_core.api.proto import objects_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.managers import config_spec

WRITE_S = 3.0
IN_FLIGHT = (1, 64)
ROUNDS = 9
SCRAPE_S = 1.0


@dataclass
class Side:
    """One node, and what was measured of it by writers at once: a value a round."""

    name: str
    node: Daemon
    asked: str = ""
    per_s: dict[int, list[float]] = field(default_factory=lambda: {one: [] for one in IN_FLIGHT})
    cpu_us: dict[int, list[float]] = field(default_factory=lambda: {one: [] for one in IN_FLIGHT})
    page_ms: list[float] = field(default_factory=list)
    page_bytes: int = 0

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.node.pid), psutil.Process(self.node.manager_pid())]

    def cpu_s(self) -> float:
        return sum(sum(one.cpu_times()[:2]) for one in self.processes())

    def memory_mib(self) -> float:
        return round(sum(one.memory_info().rss for one in self.processes()) / 2**20, 1)

    def ask(self) -> None:
        """One scrape."""
        begun = time.perf_counter()
        with urllib.request.urlopen(f"http://{self.asked}/metrics", timeout=20) as answer:
            self.page_bytes = len(answer.read())
        self.page_ms.append((time.perf_counter() - begun) * 1e3)


async def scraped(side: Side) -> None:
    """Ask it each second, until cancelled; nobody is asked where there is no address."""
    while side.asked:
        await asyncio.to_thread(side.ask)
        await asyncio.sleep(SCRAPE_S)


async def written(side: Side, in_flight: int, round_number: int) -> None:
    """Create configs for a while, so many at once."""
    count = 0
    async with await Connection.open(side.node.socket) as connection:
        control = Control(connection)

        async def writer(number: int, end: float) -> None:
            nonlocal count
            while time.perf_counter() < end:
                count += 1
                spec = config_spec(f"r{round_number}-{in_flight}-{number}-{count}", b"x" * 100)
                await control.create(objects_pb2.Config, spec)

        asking = asyncio.create_task(scraped(side))
        before, begun = side.cpu_s(), time.perf_counter()
        await asyncio.gather(*(writer(number, begun + WRITE_S) for number in range(in_flight)))
        seconds, cpu = time.perf_counter() - begun, side.cpu_s() - before
        asking.cancel()
        await asyncio.wait([asking])
    side.per_s[in_flight].append(count / seconds)
    side.cpu_us[in_flight].append(cpu / count * 1e6)


def compared(figure: str, values: dict[str, list[float]], **more: Any) -> None:
    """The middle of each side, and of its ratios to the last one, round by round."""
    told: dict[str, Any] = {}
    *others, ground = values
    for name in others:
        ratios = sorted(one / other for one, other in zip(values[name], values[ground], strict=True))
        told[name] = round(statistics.median(values[name]), 1)
        told[f"{name}_ratio"] = [round(one, 3) for one in (statistics.median(ratios), ratios[0], ratios[-1])]
    told[ground] = round(statistics.median(values[ground]), 1)
    print(json.dumps({"figure": figure, **more, **told}), flush=True)


async def measure(sides: list[Side], rounds: int) -> None:
    idle = {side.name: side.memory_mib() for side in sides}
    for number in range(rounds):
        first = number % len(sides)
        for in_flight in IN_FLIGHT:
            for side in (*sides[first:], *sides[:first]):
                await written(side, in_flight, number)
    for in_flight in IN_FLIGHT:
        compared("writes a second", {one.name: one.per_s[in_flight] for one in sides}, in_flight=in_flight)
        cpu = {one.name: one.cpu_us[in_flight] for one in sides}
        compared("CPU of daemon and manager a write, us", cpu, in_flight=in_flight)
    print(json.dumps({"figure": "memory of both before the writes, MiB", **idle}))
    after = {side.name: side.memory_mib() for side in sides}
    print(json.dumps({"figure": "memory of both after them, MiB", **after}))
    asked = sides[0]
    page = {"p50_ms": round(statistics.median(asked.page_ms), 1), "worst_ms": round(max(asked.page_ms), 1)}
    print(json.dumps({"figure": "one scrape", **page, "bytes": asked.page_bytes, "of": len(asked.page_ms)}))
    print(
        json.dumps({"figure": "load of the machine at the end", "one_minute": round(os.getloadavg()[0], 1)})
    )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with private_directory() as directory:
        asked, unasked = (f"127.0.0.1:{free_port()}" for _ in range(2))
        sides = [
            Side("asked", Daemon(directory / "a", "--metrics-addr", asked), asked),
            Side("unasked", Daemon(directory / "u", "--metrics-addr", unasked)),
            Side("off", Daemon(directory / "o")),
        ]
        try:
            for side in sides:
                side.node.start()
                wait_until(side.node.socket.exists, what=f"the socket of {side.name}")
                wait_until(side.node.manager_pid, what=f"the manager of {side.name}")
            asyncio.run(measure(sides, rounds))
        finally:
            for side in sides:
                side.node.destroy()


if __name__ == "__main__":
    main()
