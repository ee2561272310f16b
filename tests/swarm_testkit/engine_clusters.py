"""A cluster of engines in front of fake ones, with times that suit a test, and waiting for what it shows."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from swarm_core.engines.cluster import EngineCluster, running
from swarm_core.engines.engine import EngineOptions
from swarm_core.engines.records import EngineEntry, EngineKey, EngineRecord
from swarm_core.runtime.clock import SystemClock

from swarm_testkit.fake_engines.serving import FakeEngines, fake_engines

WAIT_S = 50.0
QUICK = EngineOptions(probe_every_s=0.2, probe_s=20.0, retry_s=0.02, retry_max_s=0.3)
"""Probes often, and bears an engine that the machine keeps from answering."""


@dataclass
class Rig:
    """Fake engines named e0, e1, …, and the cluster in front of them."""

    fakes: FakeEngines
    cluster: EngineCluster

    def engine(self, number: int) -> EngineRecord:
        """What the cluster shows of an engine."""
        return self.cluster.engine(EngineKey(f"e{number}"))

    def names(self, number: int | None = None) -> dict[str, str]:
        """The containers' states by their names, of all engines or one."""
        return {
            one.name: one.state
            for one in self.cluster.tables.containers
            if number is None or one.engine == f"e{number}"
        }

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when `condition` holds; it is looked at after each change."""
        with self.cluster.changes() as changes:
            while not condition():
                await changes.next()

    def agrees(self, number: int) -> bool:
        """Whether the cluster shows of an engine's containers what the engine has."""
        return self.names(number) == {one.name: one.status for one in self.fakes[number].containers.values()}


@asynccontextmanager
async def rig(
    count: int, *, containers: int = 0, options: EngineOptions = QUICK, adds: bool = True
) -> AsyncIterator[Rig]:
    """`count` fake engines and a running cluster, which is settled; without `adds` it has no engine yet."""
    with tempfile.TemporaryDirectory(prefix="fe-") as directory:
        async with fake_engines(Path(directory), count, containers=containers) as fakes:
            cluster = EngineCluster(SystemClock(), random.Random(1), options)
            async with asyncio.timeout(WAIT_S), running(cluster):
                found = Rig(fakes, cluster)
                if adds:
                    for number in range(count):
                        cluster.add(entry(fakes, number))
                    await cluster.settled()
                yield found


def entry(fakes: FakeEngines, number: int) -> EngineEntry:
    """The entry of a fake engine."""
    return EngineEntry(fakes[number].url, name=f"e{number}")
