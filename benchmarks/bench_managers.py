"""Three managers: writes through the leader and through a follower, one and 64 at once, and how long a lost leader is felt.

    bench_managers.py [MANAGERS]

Real node daemons on this machine, with the ticks that they choose. One JSON line per figure; the raw fsync of the same disk is measured in
the same run, as the ground that the write figures stand on. CPU is that of all managers, per write. Then the same for
three Docker Engines in swarm mode, and for two managers of ours with one, where engines can be had.
"""

import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
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
from swarm_testkit.managers import (
    Cluster,
    cluster,
    config_spec,
    eventually,
    manager_token,
    managers_seen,
    paused,
)

WRITE_S = 4.0
SETTLE_S = 2.0
IN_FLIGHT = (1, 64)
TRY_S = 1.0
SLOW_ROUNDS = 5
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


async def beside_docker(ours: dict[int, float]) -> None:
    """The same writes through a follower of three Docker Engines in swarm mode, and how long they feel a lost leader; then
    two managers of ours with an engine."""
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
            join(engine, token, f"{engines[0].address}:2377")
        await asyncio.sleep(SETTLE_S)
        for in_flight in IN_FLIGHT:
            rate = await writes(
                engines[2].control_socket, "a-docker-follower", in_flight, lambda: engines_cpu_s(engines)
            )
            ratio = round(ours[in_flight] / rate, 2)
            say(figure="a follower of ours beside Docker's", in_flight=in_flight, ratio=ratio)
        docker = [await lost_engine(engines, f"docker{number}") for number in range(SLOW_ROUNDS)]
    tell_failovers("leader of three Docker Engines killed", docker)
    mixed = [await lost_in_mixed(f"mixed{number}") for number in range(SLOW_ROUNDS)]
    tell_failovers("ours, leading one of ours and a Docker Engine, killed", mixed)
    ratio = round(statistics.median(mixed) / statistics.median(docker), 2)
    say(figure="a mixed cluster's lost leader beside Docker's", ratio=ratio)


def join(engine: Engine, token: str, address: str) -> None:
    own = ("--advertise-addr", engine.address, "--listen-addr", f"{engine.address}:2377")
    engine.docker("swarm", "join", *own, "--token", token, address)


async def lost_engine(engines: list[Engine], name: str) -> float:
    """Kill the engine that leads; how long until a write through another one. It is started again."""
    by_id = {engine.docker("info", "--format", "{{.Swarm.NodeID}}"): engine for engine in engines}
    lines = engines[0].docker("node", "ls", "--format", "{{.ID}} {{.ManagerStatus}}").splitlines()
    leader = by_id[next(line.split()[0] for line in lines if line.endswith("Leader"))]
    other = next(engine for engine in engines if engine is not leader)
    leader.stop(signal.SIGKILL)
    seconds = await until_written(other.control_socket, name)
    leader.start()
    await asyncio.sleep(SETTLE_S)
    return seconds


async def lost_in_mixed(name: str) -> float:
    """How long a manager of ours feels the loss of the one that leads it and a Docker Engine."""
    with private_directory() as place, private_engine(place) as engine, private_directory() as directory:
        found = Cluster(directory)
        try:
            first = await found.add(host=engine.address, enter=engine.enter)
            join(engine, await manager_token(first), first.address)
            second = await found.add(host=engine.address, enter=engine.enter)

            async def complete() -> bool:
                seen = (await managers_seen(second)).values()
                return len(seen) == 3 and all(one.reachability == 2 for one in seen)

            await eventually(complete, what="three managers")
            await asyncio.sleep(SETTLE_S)
            first.kill_manager()
            return await until_written(second.socket, name)
        finally:
            for node in found.nodes:
                node.destroy()


def engines_cpu_s(engines: list[Engine]) -> float:
    return sum(sum(psutil.Process(engine.pid).cpu_times()[:2]) for engine in engines)


async def until_written(socket: Path, name: str) -> float:
    """How long until a write that begins now succeeds, with as many tries as it takes: Docker lets one hang that came before
    the election."""
    start, tries = time.perf_counter(), 0
    while True:
        tries += 1
        try:
            async with asyncio.timeout(TRY_S), await Connection.open(socket) as connection:
                await Control(connection).create(objects_pb2.Config, config_spec(f"{name}-{tries}"))
        except (ClientError, TimeoutError):
            await asyncio.sleep(0.01)
        else:
            return time.perf_counter() - start


def tell_failovers(what: str, taken: list[float]) -> None:
    median, worst = round(statistics.median(taken), 2), round(max(taken), 2)
    say(figure=f"{what}: seconds until a write succeeds", rounds=len(taken), median=median, worst=worst)


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
                taken.append(await until_written(other.socket, f"{what}{number}"))
            else:
                with paused(pid):
                    taken.append(await until_written(other.socket, f"{what}{number}"))
        tell_failovers(f"leader {what}", taken)


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
    await beside_docker(ours)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
