"""Three managers: writes through the leader and through a follower, one and 64 at once, and how long a lost leader is felt.

    bench_managers.py [MANAGERS]

Real node daemons on this machine, with the ticks that they choose. One JSON line per figure; the raw fsync of the same disk is measured in
the same run, as the ground that the write figures stand on. CPU is that of all managers, per write. Then the same through a
follower of three Docker Engines in swarm mode, where they can be had.
"""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from swarm_core.api.proto import objects_pb2
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from swarm_testkit.daemons import Daemon, private_directory
from swarm_testkit.engines import Engine, missing_parts, private_engine
from swarm_testkit.hosts import hosts
from swarm_testkit.managers import Cluster, cluster, config_spec, paused, write

WRITE_S = 4.0
SETTLE_S = 2.0
IN_FLIGHT = (1, 64)
ROUNDS = 5


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


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


def cpu_s(nodes: list[Daemon]) -> float:
    return sum(sum(psutil.Process(node.manager_pid()).cpu_times()[:2]) for node in nodes)


async def writes(socket: Path, name: str, in_flight: int, cpu_s: Callable[[], float]) -> float:
    """Create configs for a while, so many at once; how many a second."""
    taken: list[float] = []
    async with await Connection.open(socket) as connection:
        control = Control(connection)

        async def writer(number: int, end: float) -> None:
            count = 0
            while time.perf_counter() < end:
                start, count = time.perf_counter(), count + 1
                await control.create(
                    objects_pb2.Config, config_spec(f"{name}-{in_flight}-{number}-{count}", b"x" * 100)
                )
                taken.append(time.perf_counter() - start)

        before, start = cpu_s(), time.perf_counter()
        await asyncio.gather(*(writer(number, start + WRITE_S) for number in range(in_flight)))
        seconds, cpu = time.perf_counter() - start, cpu_s() - before
    taken.sort()
    say(
        figure=f"writes through {name}",
        in_flight=in_flight,
        per_s=round(len(taken) / seconds),
        p50_ms=round(taken[len(taken) // 2] * 1e3, 2),
        p99_ms=round(taken[int(len(taken) * 0.99)] * 1e3, 2),
        cpu_ms_per_write=round(cpu / len(taken) * 1e3, 2),
    )
    return len(taken) / seconds


async def docker_writes(in_flights: Sequence[int]) -> dict[int, float]:
    """The same through a follower of three Docker Engines in swarm mode: by how many in flight, how many a second."""
    found = {}
    with contextlib.ExitStack() as stack:
        three = stack.enter_context(hosts(3))
        engines = []
        for number in range(3):
            directory = stack.enter_context(private_directory())
            place = {"namespace": three.namespace(number), "address": three.address(number)}
            engines.append(stack.enter_context(private_engine(directory, **place)))
        engines[0].init_swarm()
        token = engines[0].docker("swarm", "join-token", "-q", "manager")
        for engine in engines[1:]:
            own = ("--advertise-addr", engine.address, "--listen-addr", engine.address)
            engine.docker("swarm", "join", *own, "--token", token, f"{engines[0].address}:2377")
        await asyncio.sleep(SETTLE_S)
        for in_flight in in_flights:
            found[in_flight] = await writes(
                engines[2].control_socket, "a-docker-follower", in_flight, lambda: engines_cpu_s(engines)
            )
    return found


def engines_cpu_s(engines: list[Engine]) -> float:
    return sum(sum(psutil.Process(engine.pid).cpu_times()[:2]) for engine in engines)


async def until_written(node: Daemon, name: str) -> float:
    """How long until a write that begins now succeeds, with as many tries as it takes."""
    start, tries = time.perf_counter(), 0
    while True:
        tries += 1
        try:
            await write(node, f"{name}-{tries}")
        except ClientError:
            await asyncio.sleep(0.01)
        else:
            return time.perf_counter() - start


async def failovers(found: Cluster) -> None:
    """Kill, then pause, the leader; a follower's client waits."""
    for what in ("killed", "paused"):
        taken = []
        for number in range(ROUNDS):
            for node in found.nodes:
                await found.serves(node)
            leader = await found.leader()
            other = found.others(leader)[0]
            pid = leader.manager_pid()
            if what == "killed":
                leader.kill_manager()
                taken.append(await until_written(other, f"{what}{number}"))
            else:
                with paused(pid):
                    taken.append(await until_written(other, f"{what}{number}"))
        say(
            figure=f"leader {what}: seconds until a write succeeds",
            median=round(statistics.median(taken), 2),
            worst=round(max(taken), 2),
        )


async def main(count: int) -> None:
    async with cluster(count) as found:
        say(figure="fsync floor", p50_ms=fsync_ms(found.directory))
        leader = await found.leader()
        ours: dict[int, float] = {}
        for name, node in (("the-leader", leader), ("a-follower", found.others(leader)[0])):
            for in_flight in IN_FLIGHT:
                ours[in_flight] = await writes(node.socket, name, in_flight, lambda: cpu_s(found.nodes))
        await failovers(found)
    if lack := missing_parts():
        say(figure="beside Docker", skipped=lack)
        return
    for in_flight, rate in (await docker_writes(IN_FLIGHT)).items():
        say(
            figure="a follower of ours beside Docker's",
            in_flight=in_flight,
            ratio=round(ours[in_flight] / rate, 2),
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
