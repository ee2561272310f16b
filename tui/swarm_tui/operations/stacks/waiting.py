"""Waiting for services, seen in the cluster's stream and never asked for (docs/design/stacks.md 12.8)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from google.protobuf.message import Message
from swarm_core.api.jobs import is_job, is_of_iteration
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.timestamps import duration_s
from swarm_core.client.cluster import Cluster
from swarm_core.client.watch import Changed, Listed
from swarm_core.rules.rollout import MONITOR_DEFAULT_S

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Clock

CONVERGED: Final = "converged"
"""The condition at the end of a deploy: tasks are as they should be, and no update goes on."""
WATCHED: Final = (objects_pb2.Cluster, objects_pb2.Node, objects_pb2.Service, objects_pb2.Task)
_Service = objects_pb2.Service


class Standing(Protocol):
    """How far a service is."""

    @property
    def done(self) -> int: ...
    @property
    def goal(self) -> int: ...
    @property
    def cause(self) -> str: ...
    @property
    def given_up(self) -> str: ...
    @property
    def is_converged(self) -> bool: ...


Judge = Callable[[Mirror, _Service, int], Standing]
"""How far a service is at a moment; the front end's own rule, so that every wait of it judges alike."""


class NeverHolds(Exception):
    """A condition that will not hold any more; the text says why."""


@dataclass(frozen=True, slots=True)
class Waited:
    """A service, by name, and what is waited for."""

    name: str
    condition: str
    since: int = 0
    """The version of the service from which on it counts: the stream may begin a moment before the change that is waited for."""


@dataclass(slots=True)
class Follower:
    """The mirror of a cluster, fed while something is waited for."""

    clock: Clock
    mirror: Mirror
    changed: asyncio.Event

    async def until(
        self, wanted: Iterable[Waited], judge: Judge, say: Callable[[str], object], within_s: float
    ) -> None:
        """Return once every condition holds. Raises NeverHolds, also when the time is over."""
        left = list(wanted)
        since: dict[str, float] = {}
        clock = self.clock
        end_s = clock.monotonic() + within_s
        while left:
            soonest = end_s
            for one in list(left):
                holds_at = self._holds_at(one, judge, since, say)
                if holds_at is not None and holds_at <= clock.monotonic():
                    left.remove(one)
                elif holds_at is not None:
                    soonest = min(soonest, holds_at)
            if not left:
                return
            if clock.monotonic() >= end_s:
                raise NeverHolds(
                    f"{_names(left)} did not get there within {within_s:g}s{self._causes(left, judge)}"
                )
            try:
                async with asyncio.timeout(max(soonest - clock.monotonic(), 0)):
                    await self.changed.wait()
            except TimeoutError:
                continue
            self.changed.clear()

    def _holds_at(
        self, one: Waited, judge: Judge, since: dict[str, float], say: Callable[[str], object]
    ) -> float | None:
        """When the condition holds, as it looks now; None while it does not."""
        service = self._service(one.name)
        if service is None or service.meta.version.index < one.since:
            since.pop(one.name, None)
            return None
        standing = judge(self.mirror, service, self.clock.wall_ns())
        say(f"{one.name}: {standing}")
        if standing.given_up:
            raise NeverHolds(f"{one.name}: {standing.given_up}")
        if not _is_met(self.mirror, service, one.condition, standing):
            since.pop(one.name, None)
            return None
        began = since.setdefault(one.name, self.clock.monotonic())
        return began + _steady_s(service, one.condition)

    def _service(self, name: str) -> _Service | None:
        return next((one for one in self.mirror.objects(_Service) if one.spec.annotations.name == name), None)

    def _causes(self, left: Iterable[Waited], judge: Judge) -> str:
        causes = []
        for one in left:
            service = self._service(one.name)
            if service is None:
                continue
            if cause := judge(self.mirror, service, self.clock.wall_ns()).cause:
                causes.append(f"{one.name}: {cause}")
        return f" ({'; '.join(causes)})" if causes else ""


def _names(left: Iterable[Waited]) -> str:
    return ", ".join(one.name for one in left)


def _is_met(mirror: Mirror, service: _Service, condition: str, standing: Standing) -> bool:
    if condition == CONVERGED:
        return standing.is_converged
    if condition == "service_completed_successfully" and not is_job(service):
        return any(
            task.status.state == types_pb2.COMPLETE
            and task.spec.restart.condition == types_pb2.RestartPolicy.NONE
            and task.spec_version.index == service.spec_version.index
            for task in mirror.tasks_of_service(service.id)
        )
    if condition != "service_completed_successfully" and is_job(service):
        return any(
            is_of_iteration(service, task) and task.status.state in (types_pb2.RUNNING, types_pb2.COMPLETE)
            for task in mirror.tasks_of_service(service.id)
        )
    return standing.done >= standing.goal


def _steady_s(service: _Service, condition: str) -> float:
    """How long it must stay so. An agent reports RUNNING only once a health check passes; without one time has to tell."""
    if condition != "service_healthy" or is_job(service):
        return 0
    task = service.spec.task
    test = task.container.healthcheck.test
    if test and test[0] != "NONE":
        return 0
    if service.spec.update.HasField("monitor"):
        return duration_s(service.spec.update.monitor)
    return MONITOR_DEFAULT_S


Follow = Callable[[], AbstractAsyncContextManager[Follower]]
"""Begins to follow the cluster, for as long as something is waited for."""


@asynccontextmanager
async def following_mirror(mirror: Mirror, clock: Clock) -> AsyncIterator[Follower]:
    """A follower of a cluster that is followed already."""
    follower = Follower(clock, mirror, asyncio.Event())
    unlisten = mirror.listen(lambda _: follower.changed.set())
    try:
        yield follower
    finally:
        unlisten()


@asynccontextmanager
async def following(cluster: Cluster, kinds: Sequence[type[Message]] = WATCHED) -> AsyncIterator[Follower]:
    """A follower of the cluster's objects of these kinds, and of no longer life than the block."""
    follower = Follower(cluster.clock, Mirror(cluster.clock), asyncio.Event())
    listed = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(_feed(cluster, follower, kinds, listed))
        await listed.wait()
        try:
            yield follower
        finally:
            feeding.cancel()


async def _feed(
    cluster: Cluster, follower: Follower, kinds: Sequence[type[Message]], listed: asyncio.Event
) -> None:
    async with aclosing(cluster.watch(kinds).updates()) as updates:
        async for update in updates:
            follower.mirror.apply(update)
            if isinstance(update, Listed | Changed):
                listed.set()
                follower.changed.set()
