"""The Engine API of a node of ours beside a Docker Engine in swarm mode, in one run and in turn: requests per second and how long one takes.

    bench_engine_api.py [--tasks N] [--requests N]

Both have one service of N tasks (10 000) that no node may run. Asked are `/nodes`, `/services` and `/tasks`, by one client and by eight, and
services are made, one after the other. Then the memory of the daemons. Needs root and `docker.io`.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.docker_day.sides import Side, both_sides
from swarm_testkit.engines import missing_parts

_SERVICE = {
    "TaskTemplate": {
        "ContainerSpec": {"Image": "busybox:local"},
        "Placement": {"Constraints": ["node.labels.nowhere==1"]},
    }
}
_FILL_S = 600
_CLIENTS = (1, 8)
Ask = Callable[[aiohttp.ClientSession, int], Coroutine[Any, Any, None]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=200)
    options = parser.parse_args()
    if missing := missing_parts():
        sys.stderr.write(f"no Docker Engine can be started here: {missing}\n")
        return 0
    with both_sides() as sides:
        for side in sides:
            seconds = asyncio.run(_filled(side, options.tasks))
            sys.stdout.write(f"{side.name}: {options.tasks} tasks in {seconds:.1f} s\n")
        sys.stdout.write(
            f"{'':32}{'ours /s':>10}{'p50 ms':>9}{'p99 ms':>9}{'docker /s':>12}{'p50 ms':>9}{'p99 ms':>9}\n"
        )
        for name, ask, requests, clients in _rows(options.requests):
            cells = [asyncio.run(_measured(side, ask, requests, clients)) for side in sides]
            figures = "".join(
                f"{rate:>{width}.1f}{p50:>9.2f}{p99:>9.2f}"
                for (rate, p50, p99), width in zip(cells, (10, 12), strict=True)
            )
            sys.stdout.write(f"{name:32}{figures}\n")
            sys.stdout.flush()
        for side in sides:
            shown = ", ".join(f"{name} {used >> 20} MiB" for name, used in _memory(side))
            sys.stdout.write(f"{side.name}: {shown}\n")
    return 0


def _rows(requests: int) -> Iterator[tuple[str, Ask, int, int]]:
    for target in ("/nodes", "/services", "/tasks"):
        for clients in _CLIENTS:
            # An answer with every task is large: a tenth of the requests says as much.
            count = max(requests // 10, 5) if target == "/tasks" else requests
            yield (
                f"GET {target}, {clients} client{'s' if clients > 1 else ''}",
                _reading(target),
                count,
                clients,
            )
    yield "POST /services/create", _making(), requests, 1


def _reading(target: str) -> Ask:
    async def ask(session: aiohttp.ClientSession, number: int) -> None:
        async with session.get(f"http://docker/v1.41{target}") as answer:
            assert answer.status == 200
            await answer.read()

    return ask


def _making() -> Ask:
    async def ask(session: aiohttp.ClientSession, number: int) -> None:
        body = {"Name": f"made-{number}", **_SERVICE, "Mode": {"Replicated": {"Replicas": 0}}}
        async with session.post("http://docker/v1.41/services/create", json=body) as answer:
            assert answer.status == 201, await answer.text()

    return ask


async def _measured(side: Side, ask: Ask, requests: int, clients: int) -> tuple[float, float, float]:
    """Requests per second, and the middle and the hundredth longest of a request, in milliseconds."""
    took: list[float] = []
    numbers = iter(range(requests))

    async def client(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            begin = time.perf_counter()
            await ask(session, number)
            took.append((time.perf_counter() - begin) * 1000)

    async with _session(side) as session:
        await ask(session, -1)
        begin = time.perf_counter()
        await asyncio.gather(*(client(session) for _ in range(clients)))
        whole = time.perf_counter() - begin
    took.sort()
    return requests / whole, statistics.median(took), took[min(len(took) - 1, len(took) * 99 // 100)]


async def _filled(side: Side, tasks: int) -> float:
    """Seconds until the service has its tasks."""
    begin = time.perf_counter()
    async with _session(side) as session:
        body = {"Name": "many", **_SERVICE, "Mode": {"Replicated": {"Replicas": tasks}}}
        async with session.post("http://docker/v1.41/services/create", json=body) as answer:
            assert answer.status == 201, await answer.text()
        while True:
            async with session.get("http://docker/v1.41/tasks") as answer:
                found = json.loads(await answer.read())
            if len(found) >= tasks:
                return time.perf_counter() - begin
            if time.perf_counter() - begin > _FILL_S:
                raise TimeoutError(f"{side.name} made {len(found)} of {tasks} tasks")
            await asyncio.sleep(0.5)


def _session(side: Side) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(str(side.socket)), timeout=aiohttp.ClientTimeout(total=300)
    )


def _memory(side: Side) -> Iterator[tuple[str, int]]:
    """Of each process of the side's node, but for its engine's containerd and containers."""
    process = psutil.Process(side.pid)
    for one in (process, *process.children()):
        if one.name() != "containerd":
            yield one.name(), one.memory_info().rss


if __name__ == "__main__":
    sys.exit(main())
