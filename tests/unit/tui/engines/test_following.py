"""A mirror that follows a cluster of engines (docs/design/engine-views.md 18.2)."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from swarm_core.engines import feeds
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.records import EngineKey, Event, Kind
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.engine_records import make_container, make_event
from swarm_tui.clusters.changes import Changes
from swarm_tui.engines.following import LOST, Following
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.resources.engines.items import ContainerItem, EventItem
from swarm_tui.resources.refs import ClusterId

WAIT_S = 10
KEPT_MAX = 5


class Followed:
    """A cluster, its mirror, and what the mirror told since it was asked last."""

    def __init__(self, cluster: EngineCluster, mirror: EngineMirror) -> None:
        self.cluster, self.mirror = cluster, mirror
        self.told: list[Changes] = []
        self._heard = asyncio.Event()
        mirror.listen(self._hear)

    def _hear(self, changes: Changes) -> None:
        self.told.append(changes)
        self._heard.set()

    async def next(self) -> Changes:
        """What is told next."""
        async with asyncio.timeout(WAIT_S):
            while not self.told:
                self._heard.clear()
                await self._heard.wait()
        return self.told.pop(0)


class Small(EngineCluster):
    """One that keeps little for its readers."""

    def changes(self, kinds: Collection[Kind] = tuple(Kind), *, records_max: int = KEPT_MAX) -> feeds.Changes:
        return super().changes(kinds, records_max=records_max)

    def events(
        self, keeps: Callable[[Event], bool] = lambda event: True, *, events_max: int = KEPT_MAX
    ) -> feeds.Events:
        return super().events(keeps, events_max=events_max)


@asynccontextmanager
async def followed() -> AsyncIterator[Followed]:
    clock = SystemClock()
    cluster = Small(clock, random.Random(1))
    mirror = EngineMirror(clock, cluster=ClusterId("engines"))
    found = Followed(cluster, mirror)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(Following(cluster, mirror, clock).run())
        assert (await found.next()).is_reset
        yield found
        running.cancel()


async def test_what_comes_between_two_tellings_is_told_once() -> None:
    """Of several changes of one container the last is taken in, with the events of all."""
    async with followed() as found:
        found.cluster.tables.containers.put(make_container(state="created"))
        assert (await found.next()).of(ContainerItem) == {"n1/c-web"}
        for state in ("running", "paused", "exited"):
            found.cluster.tables.containers.put(make_container(state=state))
            found.cluster.happened(make_event(state))
        told = await found.next()
        assert (told.of(ContainerItem), len(told.of(EventItem))) == ({"n1/c-web"}, 3)
        item = found.mirror.get(ContainerItem, "n1/c-web")
        assert item is not None
        assert item.record.state == "exited"
        assert not found.told


async def test_who_wants_to_know_now_is_told_now() -> None:
    """A flush that somebody asks for has what the engines told up to then, though nobody was woken for it yet."""
    async with followed() as found:
        found.cluster.tables.containers.put(make_container())
        found.mirror.flush()
        assert found.mirror.running == 1
        assert found.told.pop().of(ContainerItem) == {"n1/c-web"}
        found.cluster.tables.containers.delete(EngineKey("n1"), "c-web")
        assert (await found.next()).of(ContainerItem) == {"n1/c-web"}
        assert found.mirror.running == 0


async def test_where_more_came_than_was_kept_everything_is_read_again() -> None:
    """Records are listed anew, and an event of ours stands in place of those that are lost; what comes after is told again."""
    async with followed() as found:
        table = found.cluster.tables.containers
        for number in range(KEPT_MAX + 1):
            table.put(make_container(f"c{number}"))
        for _ in range(KEPT_MAX + 1):
            found.cluster.happened(make_event())
        told = await found.next()
        assert told.is_reset
        assert len(found.mirror.ids(ContainerItem)) == KEPT_MAX + 1
        assert [one.record.action for one in found.mirror.objects(EventItem)] == [LOST]
        found.cluster.happened(make_event("die"))
        await found.next()
        assert [one.record.action for one in found.mirror.objects(EventItem)] == [LOST, "die"]
