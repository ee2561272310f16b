"""A cluster of real Docker Engines that know nothing of one another: followed, filled by placement, and one of them killed."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
from swarm_core.engines.cluster import EngineCluster, running
from swarm_core.engines.placement.decide import BINPACK, Policy
from swarm_core.engines.placer import Placed, Placer
from swarm_core.engines.records import EngineEntry, EngineKey, EngineState
from swarm_core.engines.watchdog import Watchdog
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.daemons import private_directory
from swarm_testkit.engines import IMAGE, Engine, missing_parts, own_id, private_engine
from swarm_testkit.host import lacking

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.xdist_group("docker"),
    pytest.mark.timeout(400),
]

LIMIT_S = 300
NAMES = ("west", "east", "north")
WEST = EngineKey("west")


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, Engine]]:
    """Three engines, each in a network of its own, with its name as a label."""
    if missing := missing_parts():
        lacking(f"no Docker Engine can be started here: {missing}")
    with ExitStack() as stack:
        found = {}
        for name in NAMES:
            directory = stack.enter_context(private_directory())
            found[name] = stack.enter_context(
                private_engine(directory, flags=("--label", f"zone={name}", *own_id(directory)))
            )
        yield found


@asynccontextmanager
async def cluster_of(engines: dict[str, Engine]) -> AsyncIterator[EngineCluster]:
    """The engines as one cluster, listed."""
    cluster = EngineCluster(SystemClock(), random.Random(1))
    for name, engine in engines.items():
        cluster.add(EngineEntry(engine.url, name=name))
    async with asyncio.timeout(LIMIT_S), running(cluster):
        await cluster.settled()
        yield cluster


async def until(cluster: EngineCluster, condition: Callable[[], bool]) -> None:
    with cluster.changes() as changes:
        while not condition():
            await changes.next()


async def make(placer: Placer, name: str, *env: str, policy: Policy | None = None, **host: Any) -> Placed:
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "Env": list(env), "HostConfig": host}
    return await placer.create(placer.request(name, body), policy)


async def test_containers_are_spread_packed_and_kept_apart(engines: dict[str, Engine]) -> None:
    """By spread each engine has as many; by binpack one is filled after the other; constraints, affinities and ports are kept (N8, N9)."""
    async with cluster_of(engines) as cluster:
        assert [one.word for one in cluster.engines()] == ["healthy"] * 3
        placer = Placer(cluster, random.Random(1))
        spread = await asyncio.gather(*(make(placer, f"spread-{number}") for number in range(9)))
        assert Counter(one.container.engine for one in spread) == dict.fromkeys(NAMES, 3)
        part = cluster.engine(WEST).memory_bytes * 4 // 10
        packed = [
            await make(placer, f"pack-{number}", policy=Policy(BINPACK), Memory=part) for number in range(4)
        ]
        assert sorted(Counter(one.container.engine for one in packed).values()) == [2, 2]
        assert (await make(placer, "there", "constraint:zone==north")).container.engine == "north"
        assert (await make(placer, "near", "affinity:container==there")).container.engine == "north"
        bound = {"80/tcp": [{"HostPort": "8080"}]}
        ports = [await make(placer, f"port-{number}", PortBindings=bound) for number in range(3)]
        assert sorted(one.container.engine for one in ports) == sorted(NAMES)
        assert cluster.drift() == 0
        for name, engine in engines.items():
            listed = await asyncio.to_thread(engine.docker, "ps", "-aq", "--no-trunc")
            assert set(listed.split()) == set(cluster.tables.containers.of(EngineKey(name)))
            for id_ in listed.split():
                await cluster.api(EngineKey(name)).delete(f"/containers/{id_}", {"force": True}, timeout=60)
        await until(cluster, lambda: not len(cluster.tables.containers))


async def test_what_happens_on_an_engine_is_shown(engines: dict[str, Engine]) -> None:
    """A container that docker's command makes, starts, renames, pauses and removes is followed by its events (N5)."""
    async with cluster_of(engines) as cluster:
        table, docker = cluster.tables.containers, engines["east"].docker
        id_ = await asyncio.to_thread(
            docker, "run", "-d", "--name", "seen", "-l", "a=b", IMAGE, "sleep", "1000"
        )
        await until(cluster, lambda: [one.state for one in table.named("seen")] == ["running"])
        (one,) = table.named("seen")
        assert (one.id, one.engine, one.image, one.labels["a"], one.networks) == (
            id_,
            "east",
            IMAGE,
            "b",
            ("bridge",),
        )
        await asyncio.to_thread(docker, "pause", "seen")
        await until(cluster, lambda: table.named("seen")[0].state == "paused")
        await asyncio.to_thread(docker, "unpause", "seen")
        await asyncio.to_thread(docker, "rename", "seen", "newer")
        await until(cluster, lambda: [one.state for one in table.named("newer")] == ["running"])
        await asyncio.to_thread(docker, "kill", "newer")
        await until(cluster, lambda: [one.exit_code for one in table.named("newer")] == [137])
        await asyncio.to_thread(docker, "rm", "newer")
        await until(cluster, lambda: not table.named("newer"))


async def test_a_killed_engine(engines: dict[str, Engine]) -> None:
    """It is unhealthy; what asks for it runs elsewhere; back again, it is healthy, and nothing runs twice (N4.2, N10)."""
    async with cluster_of(engines) as cluster:
        placer = Placer(cluster, random.Random(1))
        dog = Watchdog(cluster, placer, SystemClock(), random.Random(2), after_s=1.0)
        for name, asked in (("moves", ("reschedule:on-node-failure",)), ("stays", ())):
            made = (await make(placer, name, "constraint:node==~west", *asked)).container
            assert made.engine == WEST
            await cluster.api(WEST).post(f"/containers/{made.id}/start", timeout=60)
        table = cluster.tables.containers
        async with asyncio.TaskGroup() as group:
            task = group.create_task(dog.run())
            await until(cluster, lambda: table.named("moves")[0].reserved is not None)
            await asyncio.to_thread(engines["west"].stop, signal.SIGKILL)
            await until(cluster, lambda: cluster.engine(WEST).state is EngineState.UNHEALTHY)
            assert cluster.engine(WEST).word == "unhealthy"
            await until(
                cluster,
                lambda: any(one.engine != WEST and one.state == "running" for one in table.named("moves")),
            )
            await asyncio.to_thread(engines["west"].start)
            await until(cluster, lambda: [one.engine == WEST for one in table.named("moves")] == [False])
            await until(cluster, lambda: cluster.engine(WEST).word == "healthy")
            left = await asyncio.to_thread(engines["west"].docker, "ps", "-a", "--format", "{{.Names}}")
            assert left == "stays"
            task.cancel()
        for one in list(table):
            await cluster.api(one.engine).delete(f"/containers/{one.id}", {"force": True}, timeout=60)
