"""Which nodes live: heartbeats with grace, nodes that are down, and the end of their tasks (docs/design/dispatcher.md 5.5, 5.9).

One timer serves all nodes. Deadlines are in this leader's memory: a new leader grants them anew.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from swarm_core.api.proto.types_pb2 import NodeStatus
from swarm_core.api.timestamps import timestamp
from swarm_core.manager.dispatcher.config import DispatcherConfig
from swarm_core.manager.dispatcher.deadlines import Deadlines
from swarm_core.manager.dispatcher.orphans import orphan_steps
from swarm_core.manager.dispatcher.status_writer import NodeUpdate, StatusWriter
from swarm_core.raft_node.errors import ProposalRefused
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time
from swarm_core.store.memory import MemoryStore

_log = logging.getLogger(__name__)


class Liveness:
    """`lost` is told the id of each node whose heartbeats ended. `period_s` is the base of heartbeat periods from now on."""

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        rng: random.Random,
        *,
        config: DispatcherConfig,
        writer: StatusWriter,
        lost: Callable[[str], None],
    ) -> None:
        self.period_s = config.heartbeat_period_s
        self._store = store
        self._clock = clock
        self._rng = rng
        self._config = config
        self._writer = writer
        self._lost = lost
        self._heartbeats = Deadlines()
        self._orphanings = Deadlines()
        self._moved = asyncio.Event()

    def beat(self, node_id: str) -> float:
        """The node lives; the seconds until it is to show that again."""
        period_s = self._draw_period()
        self._set(self._heartbeats, node_id, period_s * self._config.grace_factor)
        return period_s

    def arrive(self, node_id: str) -> None:
        """The node registers: its tasks are safe, and heartbeats are expected."""
        self._orphanings.discard(node_id)
        self.beat(node_id)

    def await_unknown(self, node_id: str) -> None:
        """A node of the earlier leader: it gets more time to register here."""
        self._set(self._heartbeats, node_id, self._draw_period() * self._config.grace_factor_unknown)

    def await_down(self, node_id: str) -> None:
        """The node is down: if it stays so, its tasks will be orphaned."""
        self._set(self._orphanings, node_id, self._config.orphan_s)

    def forget(self, node_id: str) -> None:
        """The node's object is gone."""
        self._heartbeats.discard(node_id)
        self._orphanings.discard(node_id)

    def clear(self) -> None:
        """Leadership is lost: forget all deadlines."""
        self._heartbeats, self._orphanings = Deadlines(), Deadlines()

    async def run(self) -> None:
        """Act on deadlines until cancelled."""
        while True:
            self._moved.clear()
            now = self._clock.monotonic()
            for node_id in self._heartbeats.expired(now):
                self._lose(node_id)
            for node_id in self._orphanings.expired(now):
                await self._orphan(node_id)
            times = (self._heartbeats.wake_at(), self._orphanings.wake_at())
            wake_at = min((at for at in times if at is not None), default=None)
            pause_s = None if wake_at is None else wake_at - self._clock.monotonic()
            await event_or_time(self._clock, self._moved, pause_s)

    def _draw_period(self) -> float:
        jitter_s = min(self._config.heartbeat_jitter_s, self.period_s / 2)
        return self.period_s + self._rng.uniform(-jitter_s, jitter_s)

    def _set(self, deadlines: Deadlines, node_id: str, seconds: float) -> None:
        before = deadlines.wake_at()
        at = self._clock.monotonic() + seconds
        deadlines.set(node_id, at)
        if before is None or at < before:
            self._moved.set()

    def _lose(self, node_id: str) -> None:
        _log.warning("node %s missed its heartbeats", node_id)
        self._writer.put_node(node_id, NodeUpdate(NodeStatus.DOWN, "heartbeat failure"))
        self.await_down(node_id)
        self._lost(node_id)

    async def _orphan(self, node_id: str) -> None:
        steps = orphan_steps(self._store, node_id, timestamp(self._clock.wall_ns()))
        try:
            await self._store.batch(steps)
        except ProposalRefused as error:
            _log.warning("tasks of node %s could not be orphaned: %s", node_id, error)
            self._set(self._orphanings, node_id, self._config.write_retry_s)
