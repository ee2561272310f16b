"""Twenty containers: as the tasks of a service on a node of ours, and as `docker run` twenty times at once, on one real engine.

usage: bench_docker.py [PAIRS]      (5; needs root and docker.io; prints JSON lines)

Each pair takes one after the other, in turns first and second, so that both meet the same hour. The service is created
through the manager's socket; both end when all twenty containers run, as the same client of the engine sees it. `docker
run` does not ask a registry for an image that is here; a task does, and hears at once that there is no way to one.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.client.cluster import Cluster
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError
from swarm_testkit.daemons import Daemon, private_directory
from swarm_testkit.engines import IMAGE, Engine, missing_parts, private_engine
from swarm_testkit.factories import make_service

COUNT = 20
LIMIT_S = 120.0
COMMAND = ("sleep", "1000")


def main() -> int:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if missing := missing_parts():
        print(json.dumps({"skipped": f"no Docker Engine can be started here: {missing}"}))
        return 0
    with tempfile.TemporaryDirectory() as directory, private_engine(Path(directory)) as engine:
        with private_directory() as state:
            daemon = Daemon(state, "--engine-addr", engine.url, executors="docker").start()
            try:
                rounds = asyncio.run(_measure(engine, daemon, pairs))
            finally:
                daemon.stop()
    ours, theirs = zip(*rounds, strict=True)
    ratios = [one / other for one, other in rounds]
    print(json.dumps({"what": f"{COUNT} tasks of a service", "s": _spread(ours)}))
    print(json.dumps({"what": f"{COUNT} docker run at once", "s": _spread(theirs)}))
    print(json.dumps({"what": "ratio of the pairs, aim 1.4 at most", "ratio": _spread(ratios)}))
    return 0


def _spread(values: "tuple[float, ...] | list[float]") -> dict[str, float]:
    return {
        "middle": round(statistics.median(values), 3),
        "low": round(min(values), 3),
        "high": round(max(values), 3),
    }


async def _measure(engine: Engine, daemon: Daemon, pairs: int) -> list[tuple[float, float]]:
    cluster = Cluster(await _connected(daemon))
    rounds = []
    for number in range(pairs + 1):
        if number % 2:
            theirs = await asyncio.to_thread(_docker_run, engine)
            ours = await _service(engine, cluster, number)
        else:
            ours = await _service(engine, cluster, number)
            theirs = await asyncio.to_thread(_docker_run, engine)
        if number:  # the first warms the engine up
            rounds.append((ours, theirs))
            print(
                json.dumps({"pair": number, "ours_s": round(ours, 3), "docker_s": round(theirs, 3)}),
                flush=True,
            )
    await cluster.close()
    return rounds


async def _service(engine: Engine, cluster: Cluster, number: int) -> float:
    spec = make_service(name=f"bench{number}", replicas=COUNT).spec
    spec.task.container.image = IMAGE
    spec.task.container.command.extend(COMMAND)
    spec.task.container.stop_grace_period.seconds = 0
    start = time.perf_counter()
    service = await cluster.control.create(Service, spec)
    await asyncio.to_thread(_until, lambda: _running(engine) == COUNT)
    took_s = time.perf_counter() - start
    await cluster.control.remove(Service, service.id)
    await asyncio.to_thread(_until, lambda: _all(engine) == 0)
    while await cluster.control.find(Task, service_ids=[service.id]):
        await asyncio.sleep(0.05)
    return took_s


def _docker_run(engine: Engine) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(COUNT) as pool:
        for name in range(COUNT):
            pool.submit(engine.docker, "run", "-d", "--name", f"run{name}", IMAGE, *COMMAND)
        _until(lambda: _running(engine) == COUNT)
    took_s = time.perf_counter() - start
    engine.docker("rm", "-f", *(f"run{name}" for name in range(COUNT)))
    _until(lambda: _all(engine) == 0)
    return took_s


def _running(engine: Engine) -> int:
    return len(engine.docker("ps", "-q").split())


def _all(engine: Engine) -> int:
    return len(engine.docker("ps", "-aq").split())


def _until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError("the containers did not come to be, or to go")
        time.sleep(0.05)


async def _connected(daemon: Daemon) -> Connection:
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                connection = await Connection.open(daemon.socket)
                await Control(connection).cluster()
                return connection
            except (ClientError, LookupError, OSError):
                await asyncio.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
