"""Waiting for a service to reach its goal, told as it happens (docs/design/terminal.md 11.6).

An update is at its goal when its status says so: until then new tasks are watched. One that pauses, or goes back by itself,
is a failure and says why. `progress_lines` draws it.
"""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import NS_PER_S
from swarm_core.client.cluster import Cluster
from swarm_core.client.watch import Changed, Listed, Lost
from swarm_core.rules.rollout import is_paused

from swarm_tui.cli.plumbing.progress_lines import ProgressLines, places_of
from swarm_tui.cli.plumbing.session import Failure
from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.progress import ProgressNews
from swarm_tui.operations.standing import failure_of, progress_of
from swarm_tui.resources.why.placement import Nowhere

_KINDS = (objects_pb2.Cluster, objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
SETTLING_S: Final = 1.0
"""A command that fails at once runs for a moment too: only a state that lasts this long is told as the end."""


class _Update:
    """What became of the update: a rollback that nobody asked for is told when it has ended."""

    def __init__(self, since: int, *, goes_back: bool) -> None:
        self._since = since
        self._goes_back = goes_back
        self._went_wrong = ""

    def is_before(self, service: objects_pb2.Service) -> bool:
        """The watch may begin a moment before the change that is waited for."""
        return service.meta.version.index < self._since

    def look(self, mirror: Mirror, service: objects_pb2.Service) -> None:
        """Raises Failure when it is paused."""
        self._went_wrong = failure_of(mirror, service, goes_back=self._goes_back) or self._went_wrong
        if is_paused(service):
            raise Failure(self._went_wrong)

    def check_end(self, service: objects_pb2.Service) -> None:
        """Raises Failure when the goal that was reached is another one."""
        went_back = service.update_status.state == types_pb2.UpdateStatus.ROLLBACK_COMPLETED
        if not self._goes_back and (self._went_wrong or went_back):
            raise Failure(self._went_wrong or service.update_status.message)


async def converge(
    cluster: Cluster, service_id: str, *, quiet: bool = False, goes_back: bool = False
) -> None:
    """Follow the service until it has reached its goal. Raises Failure when it is removed meanwhile, or can never reach it, when
    its update pauses, and, unless going back was asked for, after it went back by itself."""
    stored = await cluster.control.get(objects_pb2.Service, service_id)
    updating = _Update(stored.meta.version.index, goes_back=goes_back)
    mirror, line, changed = Mirror(cluster.clock), ProgressLines(quiet=quiet), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(_feed(cluster, mirror, line, changed))
            telling = group.create_task(ProgressNews(mirror, cluster.control, cluster.clock).run())
            mirror.listen(lambda _: changed.set())
            await _follow(cluster, mirror, service_id, line, changed, updating)
            feeding.cancel()
            telling.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        line.end()


async def _feed(cluster: Cluster, mirror: Mirror, line: ProgressLines, changed: asyncio.Event) -> None:
    async with aclosing(cluster.watch(_KINDS).updates()) as updates:
        async for update in updates:
            mirror.apply(update)
            if isinstance(update, Lost):
                line.show(f"waiting for the manager: {update.reason}")
            elif isinstance(update, Listed | Changed):
                mirror.flush()


async def _follow(
    cluster: Cluster,
    mirror: Mirror,
    service_id: str,
    line: ProgressLines,
    changed: asyncio.Event,
    updating: _Update,
) -> None:
    since_s, before, nowhere = 0.0, "", Nowhere(mirror)
    while True:
        await changed.wait()
        changed.clear()
        service = mirror.get(objects_pb2.Service, service_id)
        if service is None:
            raise Failure("The service was removed before it reached its goal.")
        if updating.is_before(service):
            continue
        updating.look(mirror, service)
        now_ns = cluster.clock.wall_ns()
        progress = progress_of(mirror, service, now_ns)
        progress_text = str(replace(progress, cause=nowhere.sentence(service, progress.cause)))
        line.show(progress_text, places_of(mirror, service, progress.goal) if line.has_places else ())
        end = "goal" if progress.is_converged else progress.given_up
        now_s = cluster.clock.monotonic()
        if end != before:
            since_s, before = now_s, end
        if not end:
            continue
        left_s = since_s + SETTLING_S - now_s
        if progress.is_converged:
            left_s = min(left_s, progress.newest_ns / NS_PER_S + SETTLING_S - now_ns / NS_PER_S)
        if left_s > 0:
            try:
                async with asyncio.timeout(left_s):
                    await changed.wait()
            except TimeoutError:
                changed.set()
            continue
        if not progress.is_converged:
            raise Failure(f"The service cannot reach its goal, a task will not be started again: {end}")
        updating.check_end(service)
        return
