"""The cluster as it is from now on with what its tasks use, for commands that judge it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster

from swarm_tui.cli.plumbing.live import live
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.usage import UsageNews

_FIRST_S: Final = 3.0
"""So long every node has to tell something before the first look: some never do."""
_LOOK_S: Final = 0.05


@asynccontextmanager
async def looking_on(cluster: Cluster) -> AsyncIterator[Mirror]:
    """The cluster with what its tasks use, once that is known of each that runs, or every node had time to tell it."""
    async with live(cluster) as mirror, asyncio.TaskGroup() as group:
        telling = group.create_task(UsageNews(mirror.figures, cluster.control, cluster.clock).run())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_S):
                    while not _is_told(mirror):
                        await cluster.clock.sleep(_LOOK_S)
            yield mirror
        finally:
            telling.cancel()


def _is_told(mirror: Mirror) -> bool:
    tasks = mirror.objects(objects_pb2.Task)
    return all(mirror.usage(task.id) is not None for task in tasks if task.status.state == types_pb2.RUNNING)
