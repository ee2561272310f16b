"""Which nodes live: heartbeats with grace, nodes that are down, and the end of their tasks (docs/design/dispatcher.md 5.5, 5.9).

Rules
1. One timer serves all nodes. Deadlines are in this leader's memory: a new leader grants them anew.
2. A lost connection is a hint: a node with quick heartbeats has a few seconds to come back.
3. A leader that was held up itself has not heard the nodes: who seems lost then gets as long again.
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
from swarm_core.manager.dispatcher.periods import Periods
from swarm_core.manager.dispatcher.status_writer import NodeUpdate, StatusWriter
from swarm_core.raft_node.errors import ProposalRefused
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time
from swarm_core.store.memory import MemoryStore

_log = logging.getLogger(__name__)


class Liveness:
    """`lost` is told the id of each node whose heartbeats ended."""

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
        self.periods = Periods(config, rng)
        self._store = store
        self._clock = clock
        self._config = config
        self._writer = writer
        self._lost = lost
        self._heartbeats = Deadlines()
        self._orphanings = Deadlines()
        self._moved = asyncio.Event()

    def beat(self, node_id: str, *, is_quick: bool) -> float:
        """The node lives; the seconds until it is to show that again."""
        period = self.periods.draw(is_quick=is_quick, nodes=len(self._heartbeats))
        self._set(self._heartbeats, node_id, period.silence_s)
        return period.seconds

    def arrive(self, node_id: str) -> None:
        """The node registers: its tasks are safe, and heartbeats are expected. It says at once how it is."""
        self._orphanings.discard(node_id)
        self.beat(node_id, is_quick=False)

    def cut_off(self, node_id: str) -> None:
        """The connection of a node with quick heartbeats was lost: it is expected back soon, unless another period was chosen."""
        if self.periods.is_chosen:
            return
        due = self._heartbeats.due(node_id)
        if due is not None and due > self._clock.monotonic() + self._config.reconnect_s:
            self._set(self._heartbeats, node_id, self._config.reconnect_s)

    def await_unknown(self, node_id: str) -> None:
        """A node of the earlier leader: it gets more time to register here."""
        self._set(self._heartbeats, node_id, self.periods.unknown_s())

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
            self._look_at_heartbeats(now)
            for node_id in self._orphanings.expired(now):
                await self._orphan(node_id)
            times = (self._heartbeats.wake_at(), self._orphanings.wake_at())
            wake_at = min((at for at in times if at is not None), default=None)
            pause_s = None if wake_at is None else wake_at - self._clock.monotonic()
            await event_or_time(self._clock, self._moved, pause_s)

    def _look_at_heartbeats(self, now: float) -> None:
        due = self._heartbeats.wake_at()
        late_s = 0.0 if due is None else now - due
        for node_id in self._heartbeats.expired(now):
            if late_s > self._config.held_up_s:
                self._set(self._heartbeats, node_id, late_s)
            else:
                self._lose(node_id)

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
