"""A cluster of engines by this machine's clock, for one command or one session."""

import random
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from swarm_core.engines.cluster import EngineCluster, running
from swarm_core.engines.deployed import DeployedFiles
from swarm_core.engines.discovery import Discovery, Source
from swarm_core.engines.face.asking import Asking
from swarm_core.engines.face.routes import make_face
from swarm_core.engines.forgetting import forget_gone
from swarm_core.engines.placer import Placer
from swarm_core.engines.records import EngineEntry, EngineKey
from swarm_core.engines.watchdog import AFTER_S, Watchdog
from swarm_core.http.hosts import Host
from swarm_core.http.listeners import Terms, open_all
from swarm_core.http.server import serving
from swarm_core.runtime.clock import Clock, SystemClock
from swarm_core.runtime.tasks import beside


@dataclass(frozen=True, slots=True)
class Opened:
    """What lives while the block of `open_cluster` is run."""

    cluster: EngineCluster
    clock: Clock
    placer: Placer
    deployed: DeployedFiles | None = None
    """What was made through us, where that is remembered."""


@asynccontextmanager
async def open_cluster(
    entries: Iterable[EngineEntry],
    in_maintenance: Collection[EngineKey] = (),
    deployed: Path | None = None,
) -> AsyncIterator[Opened]:
    """The engines, alive while the block is run. Nothing has been asked yet: see `EngineCluster.settled`. What is made is remembered in the
    directory `deployed`. Raises EngineError."""
    opened = no_engines_yet(deployed)
    for entry in entries:
        key = opened.cluster.add(entry)
        if key in in_maintenance:
            opened.cluster.maintain(key, on=True)
    async with running(opened.cluster):
        yield opened


def no_engines_yet(deployed: Path | None = None) -> Opened:
    """A cluster without engines, by this machine's clock; see `cluster.running` for what makes it live."""
    clock, rng = SystemClock(), random.Random()
    cluster = EngineCluster(clock, rng)
    files = None if deployed is None else DeployedFiles(deployed)
    return Opened(cluster, clock, Placer(cluster, rng, deployed=files), files)


@asynccontextmanager
async def serving_engines(
    opened: Opened, hosts: Iterable[Host], terms: Terms, environment: Mapping[str, str]
) -> AsyncIterator[list[str]]:
    """One Docker API over the cluster while the block is run; gives the addresses. Raises CannotListen or InvalidTls."""
    routes, face = make_face(Asking(opened.cluster, opened.placer, opened.clock))
    listeners = open_all(hosts, terms, environment)
    async with serving(routes, face, listeners):
        yield [one.shown for one in listeners]


@asynccontextmanager
async def following(opened: Opened, sources: Iterable[Source]) -> AsyncIterator[Discovery]:
    """The engines are those that the sources name, as long as the block is run. What is gone from them is forgotten."""
    discovery = Discovery(opened.cluster)
    async with beside() as group:
        for source in sources:
            group.spawn(discovery.follow(source), name=f"engines of {source.name}")
        if opened.deployed is not None:
            group.spawn(forget_gone(opened.cluster, opened.deployed), name="forget what is gone")
        yield discovery


@asynccontextmanager
async def moving_containers(opened: Opened, after_s: float = AFTER_S) -> AsyncIterator[None]:
    """Containers of failed engines are made anew elsewhere, where they ask for it, while the block is run."""
    watchdog = Watchdog(opened.cluster, opened.placer, opened.clock, random.Random(), after_s=after_s)
    async with beside() as group:
        group.spawn(watchdog.run(), name="watchdog")
        yield
