"""Hands on fake engines, as the dashboard has them: the cluster, a list that is kept nowhere, and docker's flags."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from swarm_core.engines.opening import Opened
from swarm_core.engines.placer import Placer
from swarm_core.runtime.clock import SystemClock
from swarm_tui.cli.plumbing.engine_form import DockersFlags
from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.engines.following import records_of
from swarm_tui.engines.mirror import EngineMirror, Listed
from swarm_tui.resources.refs import ClusterId

from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.engine_clusters import rig


class Book:
    """A list that is kept nowhere."""

    place = "engines.toml"

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.maintained: dict[str, bool] = {}

    def problem(self, name: str, url: str) -> str:
        return "is there already" if self.has(name) else ""

    def has(self, name: str) -> bool:
        return name in self.names

    def add(self, name: str, url: str) -> None:
        self.names.append(name)

    def remove(self, name: str) -> None:
        self.names.remove(name)

    def maintain(self, name: str, *, is_on: bool) -> None:
        self.maintained[name] = is_on


class Runs(DockersFlags):
    """Nobody's registry is asked."""

    def headers(self, image: str) -> dict[str, str]:
        return {}


def mirror_of(records: Any) -> EngineMirror:
    """What these records show."""
    mirror = EngineMirror(FakeCluster(), cluster=ClusterId("engines"))
    mirror.take(Listed(records))
    return mirror


def hands_of(opened: Any = None, known: Book | None = None) -> EngineHands:
    return EngineHands(opened, known or Book("n1", "n2"), Runs())


@asynccontextmanager
async def engines(
    count: int, each: int
) -> AsyncIterator[tuple[Any, EngineHands, Callable[[], EngineMirror]]]:
    """Fake engines, hands on them, and what they show now."""
    async with rig(count, containers=each) as found:
        opened = Opened(found.cluster, SystemClock(), Placer(found.cluster, random.Random(1)))
        yield found, hands_of(opened), lambda: mirror_of(records_of(found.cluster))
