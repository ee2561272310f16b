"""Following logs: tasks that begin meanwhile have their names, and what has ended is followed no longer."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.logs import LogQuery

from swarm_tui.cli.plumbing.lines import LinePrinter
from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import tasks
from swarm_tui.resources.model import ClusterView

_KINDS: Final = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
_LAST_LINES_S: Final = 2.0
"""How long the last lines of something that has ended may be on their way."""


async def follow_logs(
    cluster: Cluster, query: LogQuery, printer: Callable[[Callable[[str], str | None]], LinePrinter]
) -> None:
    """Print lines until there will be no more. Raises what reading logs raises."""
    mirror = Mirror(cluster.clock)
    over = asyncio.Event()
    mirror.listen(lambda _: over.set() if _is_over(mirror, query) else None)
    lines = printer(lambda task_id: label(mirror, task_id))
    try:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(_feed(cluster, mirror))
            reading = group.create_task(cluster.logs().run(query, lines.print))
            ending = group.create_task(over.wait())
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await cluster.clock.sleep(_LAST_LINES_S)
            for task in (feeding, reading, ending):
                task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def label(view: ClusterView, task_id: str) -> str | None:
    """`web.1@node`; None while the task is not known."""
    task = view.get(objects_pb2.Task, task_id)
    return None if task is None else f"{tasks.name(task, view)}@{tasks.node_name(task, view) or '-'}"


async def _feed(cluster: Cluster, mirror: Mirror) -> None:
    async with aclosing(cluster.watch(_KINDS).updates()) as updates:
        await mirror.follow(updates)


def _is_over(mirror: Mirror, query: LogQuery) -> bool:
    """Whether none of what is followed is there, or goes on, any more."""
    if mirror.stream.phase is not Phase.LIVE:
        return False
    ended = all(_has_ended(mirror.get(objects_pb2.Task, id_)) for id_ in query.task_ids)
    return ended and not any(mirror.get(objects_pb2.Service, id_) for id_ in query.service_ids)


def _has_ended(task: objects_pb2.Task | None) -> bool:
    return task is None or task.status.state > types_pb2.RUNNING
