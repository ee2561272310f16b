"""The cluster as it is from now on, for commands that wait for something."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from swarm_core.client.cluster import Cluster

from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.following import follow
from swarm_tui.clusters.mirror import Mirror


@asynccontextmanager
async def live(cluster: Cluster) -> AsyncIterator[Mirror]:
    """A mirror that is told everything, from its first content on."""
    mirror = Mirror(cluster.clock)
    changed = asyncio.Event()
    unlisten = mirror.listen(lambda _: changed.set())

    async def feed() -> None:
        async with aclosing(cluster.watch().updates()) as updates:
            await follow(mirror, updates)

    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(feed())
        try:
            while mirror.stream.phase is not Phase.LIVE:
                await changed.wait()
                changed.clear()
            unlisten()
            yield mirror
        finally:
            feeding.cancel()
