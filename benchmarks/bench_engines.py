"""Many engines as one: 200 fake engines with 20 000 containers in a second process, followed by one cluster, by the dashboard's mirror, and by
the dashboard, each in a process of its own.

    python benchmarks/bench_engines.py [--of cluster,mirror,dashboard] [--engines N] [--containers M] [--rates 500,1000] [--seconds S]
                                       [--json FILE] [--check]

What is measured: the time to the first rows and to the complete list; memory for it; CPU at rest and at each rate of events; how old
an event is when a screen that is painted ten times a second shows it; events that were lost, and rows that lists had to correct. With the
socket of `engine serve`: how long `ps -a` takes. Of mirror and dashboard see `engines_on_screen.py`. `--check` fails when a budget is missed.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from swarm_core.engines.client import EngineClient
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.opening import Opened, open_cluster, serving_engines
from swarm_core.engines.records import EngineEntry, Kind
from swarm_core.http.hosts import UnixHost
from swarm_core.http.listeners import Terms

TESTS = Path(__file__).resolve().parent.parent / "tests"
PAINT_S = 0.1
CLUSTER, MIRROR, DASHBOARD = OF = ("cluster", "mirror", "dashboard")
SHOWN = {
    "complete_s": 3.0, "rss_mb": 250.0, "rss_after_mb": 250.0, "cpu_500": 0.15, "cpu_500_engines": 0.15, "p99_500_ms": 250.0,
    "p99_500_ms_engines": 250.0,
}  # fmt: skip
BUDGETS = {
    CLUSTER: {
        "first_rows_s": 0.5, "complete_s": 3.0, "rss_mb": 250.0, "idle_cpu": 0.02, "cpu_500": 0.15, "p99_500_ms": 250.0,
        "ps_s": 1.0, "lost": 0, "drift": 0,
    },
    MIRROR: SHOWN,
    DASHBOARD: SHOWN,
}  # fmt: skip


class Fakes:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process, urls: list[str]) -> None:
        self._process, self.urls = process, urls

    async def churn(self, rate: float, seconds: float) -> dict[str, int]:
        """Have so many events a second told for so long; what was told."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"churn {rate} {seconds}\n".encode())
        told: dict[str, int] = json.loads(await self._process.stdout.readline())
        return told


@asynccontextmanager
async def fakes(directory: Path, engines: int, containers: int) -> AsyncIterator[Fakes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "swarm_testkit.fake_engines.main", str(directory), str(engines), str(containers),
        cwd=TESTS, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield Fakes(process, json.loads(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def start(cluster: EngineCluster, total: int) -> dict[str, float]:
    """From nothing to the complete list."""
    began, first = time.monotonic(), 0.0
    settled = asyncio.ensure_future(cluster.settled())
    while not settled.done():
        if not first and len(cluster.tables.containers):
            first = time.monotonic() - began
        await asyncio.sleep(0.005)
    assert len(cluster.tables.containers) == total, "the list is not complete"
    return {"first_rows_s": first, "complete_s": time.monotonic() - began, "rss_mb": rss_mb()}


async def idle(seconds: float) -> float:
    """The share of a processor that nothing takes."""
    used, began = cpu_s(), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_s() - used) / (time.monotonic() - began)


async def under(cluster: EngineCluster, others: Fakes, rate: int, seconds: float) -> dict[str, float]:
    """Events at a rate, and a screen painted ten times a second."""
    ages_ms: list[float] = []
    seen = 0

    async def paint() -> None:
        nonlocal seen
        with cluster.events() as events, cluster.changes([Kind.CONTAINER]) as changes:
            while True:
                await asyncio.sleep(PAINT_S)
                changes.take()
                try:
                    batch = await asyncio.wait_for(events.next(), PAINT_S)
                except TimeoutError:
                    continue
                now_ns = time.time_ns()
                own = [event for event in batch if event.type != "swarm"]
                seen += len(own)
                ages_ms.extend((now_ns - event.at_ns) / 1e6 for event in own)

    painting = asyncio.ensure_future(paint())
    await asyncio.sleep(PAINT_S)
    used, began = cpu_s(), time.monotonic()
    told = await others.churn(rate, seconds)
    share = (cpu_s() - used) / (time.monotonic() - began)
    for _ in range(100):
        if seen >= told["events"]:
            break
        await asyncio.sleep(PAINT_S)
    painting.cancel()
    ages = statistics.quantiles(ages_ms, n=100)
    return {
        f"events_{rate}": told["events"], f"cpu_{rate}": share, f"p50_{rate}_ms": ages[49], f"p99_{rate}_ms": ages[98],
        f"lost_{rate}": told["events"] - seen,
    }  # fmt: skip


async def ps(opened: Opened, directory: Path) -> float:
    """How long the socket takes for all containers."""
    path = directory / "all.sock"
    async with serving_engines(opened, [UnixHost(path)], Terms(), {}):
        client = EngineClient(f"unix://{path}")
        took = []
        for _ in range(3):
            began = time.monotonic()
            async with client.request("GET", "/containers/json?all=1") as answer:
                await answer.read()
            took.append(time.monotonic() - began)
        await client.close()
    return min(took)


async def measure_shown(arguments: argparse.Namespace, of: str) -> dict[str, Any]:
    """The dashboard, or its mirror alone."""
    # The toolkit is no part of what the cluster alone is measured with.
    from engines_on_screen import Mirrored, OnScreen, measured, room_of

    total = arguments.engines * arguments.containers
    with tempfile.TemporaryDirectory(prefix="be-") as name:
        async with fakes(Path(name), arguments.engines, arguments.containers) as others:
            room = room_of(others.urls)
            shown = Mirrored(room) if of == MIRROR else OnScreen(room)
            found = await measured(
                shown, total, others.churn, arguments.rates, arguments.seconds, cpu_s, rss_mb
            )
            return {"engines": arguments.engines, "containers": total, **found}


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    total = arguments.engines * arguments.containers
    found: dict[str, Any] = {"engines": arguments.engines, "containers": total}
    with tempfile.TemporaryDirectory(prefix="be-") as name:
        directory = Path(name)
        async with fakes(directory, arguments.engines, arguments.containers) as others:
            entries = [EngineEntry(url, f"h{number}") for number, url in enumerate(others.urls)]
            async with open_cluster(entries) as opened:
                cluster = opened.cluster
                found |= await start(cluster, total)
                found["idle_cpu"] = await idle(arguments.seconds)
                for rate in arguments.rates:
                    found |= await under(cluster, others, rate, arguments.seconds)
                found["lost"] = sum(value for key, value in found.items() if key.startswith("lost_"))
                found["ps_s"] = await ps(opened, directory)
                found["rss_after_mb"] = rss_mb()
                found["drift"] = cluster.drift()
    return found


def each_by_itself(names: list[str]) -> int:
    """Each in a process of its own, whose memory is its own: with the same options, and a file of figures each."""
    options, codes = sys.argv[1:], []
    for name in names:
        print(f"-- {name}", flush=True)
        own = [f"{text}.{name}" if before == "--json" else text for before, text in pairwise(["", *options])]
        codes.append(subprocess.run([sys.executable, __file__, *own, "--of", name], check=False).returncode)
    return max(codes)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--of", type=lambda text: text.split(","), default=list(OF))
    parser.add_argument("--engines", type=int, default=200)
    parser.add_argument("--containers", type=int, default=100, help="on each engine")
    parser.add_argument(
        "--rates", type=lambda text: [int(one) for one in text.split(",")], default=[500, 1000]
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if unknown := [one for one in arguments.of if one not in OF]:
        parser.error(f"--of knows {', '.join(OF)}, not {', '.join(unknown)}")
    if len(arguments.of) > 1:
        return each_by_itself(arguments.of)
    (of,) = arguments.of
    found = asyncio.run(measure(arguments) if of == CLUSTER else measure_shown(arguments, of))
    budgets = BUDGETS[of]
    for key, value in found.items():
        budget = f"   (at most {budgets[key]:g})" if key in budgets else ""
        print(f"{key:>20}  {value:.4g}{budget}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    missed = [key for key, most in budgets.items() if found.get(key, 0) > most]
    if arguments.check and missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
