"""The cluster as it is from now on with what its tasks use, for commands that judge it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.live import live
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.usage import UsageNews

FIRST_S: Final = 3.0
"""So long every node has to tell something before the first look."""


@asynccontextmanager
async def looking_on(cluster: Cluster) -> AsyncIterator[Mirror]:
    """The cluster with what its tasks use, once every node had time to tell it."""
    async with live(cluster) as mirror, asyncio.TaskGroup() as group:
        telling = group.create_task(UsageNews(mirror.figures, cluster.control, cluster.clock).run())
        try:
            await cluster.clock.sleep(FIRST_S)
            yield mirror
        finally:
            telling.cancel()
