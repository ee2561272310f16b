"""Following logs: tasks that begin meanwhile have their names, and what has ended is followed no longer."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import objects_pb2
from swarm_core.client.cluster import Cluster
from swarm_core.client.log_query import LogQuery

from swarm_tui.cli.plumbing.lines import LinePrinter
from swarm_tui.cli.plumbing.say import say
from swarm_tui.clusters.following import follow
from swarm_tui.clusters.log_end import LAST_LINES_S, is_over
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.resources import tasks
from swarm_tui.resources.model import ClusterView

_KINDS: Final = (objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)


@dataclass(frozen=True, slots=True)
class Naming:
    """How lines name their task: by names or by ids of service and node, and with the task's whole id or without."""

    is_resolved: bool = True
    has_task_ids: bool = False

    def label(self, view: ClusterView, task_id: str) -> str | None:
        """`web.1@node`; None while the task is not known."""
        task = view.get(objects_pb2.Task, task_id)
        if task is None:
            return None
        name = tasks.name(task, view) if self.is_resolved else tasks.unresolved_name(task)
        node = tasks.node_name(task, view) if self.is_resolved else task.node_id
        return f"{name}{'.' + task_id if self.has_task_ids else ''}@{node or '-'}"


class Outages:
    """Says on standard error when the manager is lost, once, and when it is there again."""

    def __init__(self) -> None:
        self._is_lost = False

    def hear(self, reason: str | None) -> None:
        """Why it was lost, or None when it is back."""
        if reason is not None and not self._is_lost:
            say(f"The logs wait for a manager: {reason}", err=True)
        elif reason is None and self._is_lost:
            say("The logs go on.", err=True)
        self._is_lost = reason is not None


async def follow_logs(
    cluster: Cluster,
    query: LogQuery,
    printer: Callable[[Callable[[str], str | None]], LinePrinter],
    naming: Naming = Naming(),
) -> None:
    """Print lines until there will be no more. Raises what reading logs raises."""
    mirror = Mirror(cluster.clock)
    changed = asyncio.Event()
    mirror.listen(lambda _: changed.set())

    def label(task_id: str) -> str | None:
        mirror.read_queued()  # its first line may come sooner than the next flush
        return naming.label(mirror, task_id)

    lines = printer(label)
    try:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(_feed(cluster, mirror))
            reading = group.create_task(cluster.logs().run(query, lines.print, Outages().hear))
            ending = group.create_task(_ended(cluster, mirror, query, changed))
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
            for task in (feeding, reading, ending):
                task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _ended(cluster: Cluster, mirror: Mirror, query: LogQuery, changed: asyncio.Event) -> None:
    """Return once all that is followed has ended and no task has followed on it."""
    while not is_over(mirror, query):
        await changed.wait()
        changed.clear()
        if is_over(mirror, query):
            await cluster.clock.sleep(LAST_LINES_S)


async def _feed(cluster: Cluster, mirror: Mirror) -> None:
    async with aclosing(cluster.watch(_KINDS).updates()) as updates:
        await follow(mirror, updates)
