"""The connections that this process forwards, counted over all ports; and the search for a task that takes one.

Rules (docs/design/ports.md P.4, P.6)
1. There are no more than the process's file descriptors allow, and no more than CONNECTIONS_MAX of one port. What is too much is
   refused at once, and told in one line a minute.
2. A connection that no task takes waits for one for REACH_S, then it is refused.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeVar

from swarm_core.api.proto.endpoints_pb2 import Backend
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.ports.limits import CONNECT_TRIES, REACH_S, REACH_WAIT_S, TELL_S, connections_of_process
from swarm_agentd.ports.reach import Unreachable
from swarm_agentd.ports.table import RouteKey, RoutingTable
from swarm_agentd.ports.tasks import Target

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Connections:
    """All that are open."""

    def __init__(self, clock: Clock, most: int | None = None) -> None:
        self._clock = clock
        self._most = most
        self._count = 0
        self._kept: dict[ExitStack, Callable[[], None]] = {}
        self._refused = 0
        self._told_at = float("-inf")

    def begin(self) -> ExitStack | None:
        """Count one, until the result is closed; None when there are too many."""
        if self._most is None:
            self._most = connections_of_process()
        if self._count >= self._most:
            return None
        self._count += 1
        held = ExitStack()
        held.callback(self._end)
        return held

    def keep(self, end: Callable[[], None], held: ExitStack) -> None:
        """Let `end` end this one with everything else when the forwarder ends."""
        self._kept[held] = end
        held.callback(self._kept.pop, held, None)

    def refused(self, where: str) -> None:
        """One was refused."""
        self._refused += 1
        now = self._clock.monotonic()
        if now - self._told_at >= TELL_S:
            _log.warning("%s: %d connections refused: too many at once", where, self._refused)
            self._told_at, self._refused = now, 0

    def end_all(self) -> None:
        """End every connection; those too of which nothing has begun but the counting."""
        for held, end in list(self._kept.items()):
            end()
            held.close()

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    def _end(self) -> None:
        self._count -= 1


class Search:
    """Finds tasks for new connections."""

    def __init__(self, table: RoutingTable, clock: Clock) -> None:
        self.table = table
        self._clock = clock
        self._changed = asyncio.Event()

    def table_changed(self) -> None:
        """There may be others now."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def first(
        self, key: RouteKey, reach: Callable[[Backend, Target], Awaitable[T]]
    ) -> tuple[Backend, T]:
        """The first task that `reach` gets a way to. It counts as a connection of the task: see `RoutingTable.count`. Raises
        Unreachable."""
        end = self._clock.monotonic() + REACH_S
        while True:
            changed = self._changed
            if (found := await self._round(key, reach)) is not None:
                return found
            left = end - self._clock.monotonic()
            if left <= 0 or self.table.target(key) is None:
                raise Unreachable("no task takes connections")
            await event_or_time(self._clock, changed, min(left, REACH_WAIT_S))

    async def _round(
        self, key: RouteKey, reach: Callable[[Backend, Target], Awaitable[T]]
    ) -> tuple[Backend, T] | None:
        tried: set[str] = set()
        while len(tried) < CONNECT_TRIES:
            target = self.table.target(key)
            backend = self.table.next(key, tried, self._clock.monotonic())
            if target is None or backend is None:
                return None
            tried.add(backend.task_id)
            self.table.count(backend.task_id, 1)
            try:
                return backend, await reach(backend, target)
            except Unreachable as error:
                self.table.count(backend.task_id, -1)
                self.table.avoid(backend.task_id, self._clock.monotonic())
                _log.debug("task %s was not reached: %s", backend.task_id, error)
            except BaseException:
                self.table.count(backend.task_id, -1)
                raise
        return None
