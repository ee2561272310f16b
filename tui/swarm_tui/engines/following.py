"""What a cluster of engines tells, as a mirror takes it in: everything once, then what changes, and events as they come.

What waits is read when the mirror tells its listeners. What is told a hundred times within one telling costs one reading, and of several changes of
one record the last alone is taken in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import FellBehind
from swarm_core.engines.feeds import Changes, Events
from swarm_core.engines.records import EngineKey, Event, Record, Resync

from swarm_tui.clusters.mirror import FLUSH_INTERVAL_S
from swarm_tui.clusters.session import Clock
from swarm_tui.engines.mirror import EngineMirror, Listed, Told

LOST: Final = "events_lost"


class Following:
    """One mirror that follows a cluster while `run` runs."""

    def __init__(self, cluster: EngineCluster, mirror: EngineMirror, clock: Clock) -> None:
        self._cluster, self._mirror, self._clock = cluster, mirror, clock
        self._changes: Changes = cluster.changes()
        self._events: Events = cluster.events()
        self._is_told = asyncio.Event()
        """Something waits."""
        self._is_read = asyncio.Event()
        """Set for those alone who wait for it: what waited was read."""

    async def run(self) -> None:
        """Until cancelled: at once after a pause, and then at the mirror's pace."""
        self._mirror.take(Listed(records_of(self._cluster)))
        self._mirror.read_waiting = self._take
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(lambda: self._changes.changed()))
                group.create_task(self._watch(lambda: self._events.changed()))
                group.create_task(self._flush())
        finally:
            self._mirror.read_waiting = None
            self._changes.close()
            self._events.close()

    async def _flush(self) -> None:
        while True:
            self._mirror.flush()
            self._is_told.clear()
            self._is_read.set()
            self._is_read.clear()
            await self._clock.sleep(FLUSH_INTERVAL_S)
            await self._is_told.wait()

    async def _watch(self, changed: Callable[[], Awaitable[None]]) -> None:
        while True:
            await changed()
            self._is_told.set()
            await self._is_read.wait()

    def _take(self) -> None:
        """Give the mirror what waits; every record again where more happened than was kept."""
        found = self._changes.take()
        if any(isinstance(one, Resync) for one in found):
            self._mirror.take(Listed(records_of(self._cluster)))
            found = []
        try:
            events = self._events.take()
        except FellBehind as error:
            self._events = self._cluster.events()
            events = [Event(EngineKey(""), "swarm", LOST, "", {"name": str(error)}, self._clock.wall_ns())]
        if found or events:
            self._mirror.take(Told(found, events))


def records_of(cluster: EngineCluster) -> list[Record]:
    """All that is known now."""
    tables = cluster.tables
    return [
        *cluster.engines(),
        *tables.containers,
        *tables.images,
        *tables.volumes,
        *tables.networks,
    ]
