"""What one Ready asks to be kept, durable before anything goes on.

The disk works in another thread meanwhile, but for brief writes to a quick one. A failing disk ends the node: what was not synced was never acknowledged.
"""

import logging
from collections.abc import Callable
from functools import partial

from swarm_core.raft.types import HardState, Ready, Snapshot
from swarm_core.raft_node.applier import Applier
from swarm_core.raft_node.config import LogLimits
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.ticks import TickLength

_log = logging.getLogger(__name__)


class Persistence:
    def __init__(
        self, core: Core, applier: Applier, ticks: TickLength, limits: Callable[[], LogLimits]
    ) -> None:
        self._core = core
        self._applier = applier
        self._ticks = ticks
        self._limits = limits

    async def keep(self, ready: Ready, *, has_sent: bool) -> None:
        """Make snapshot, entries and hard state durable. `has_sent`: others are to have their messages first. Raises
        DiskFailed."""
        clock = self._core.clock
        start = clock.monotonic()
        if ready.snapshot is not None:
            await self._keep_snapshot(ready.snapshot)
        await self._keep_log(ready, has_sent=has_sent)
        if (took := clock.monotonic() - start) > self._ticks.election_s / 2:
            _log.warning("the disk took %.1f s for a write; elections wait for it too", took)

    def is_at_once(self, ready: Ready) -> bool:
        """Whether `keep_at_once` may be used."""
        if ready.snapshot is not None:
            return False
        return not ready.must_sync or (
            self._core.disk.is_quick and self._core.storage.is_brief(ready.entries)
        )

    def keep_at_once(self, ready: Ready) -> None:
        """The same as `keep`, on the event loop itself."""
        storage = self._core.storage
        if ready.must_sync:
            self._core.disk.at_once(partial(storage.write, self._hard_state(ready), ready.entries))
        self._remember(ready)

    async def _keep_snapshot(self, snapshot: Snapshot) -> None:
        storage, disk = self._core.storage, self._core.disk
        deferred = storage.take_deferred()
        await disk.run(partial(storage.write_snapshot_mark, snapshot, deferred))
        await disk.run(partial(storage.write_snapshot_file, snapshot))
        storage.memory.apply_snapshot(snapshot)
        self._applier.restore(snapshot)
        await disk.run(partial(storage.write_release, self._limits().keep_old_snapshots))

    async def _keep_log(self, ready: Ready, *, has_sent: bool) -> None:
        storage = self._core.storage
        if ready.must_sync:
            disk, write = self._core.disk, partial(storage.write, self._hard_state(ready), ready.entries)
            if storage.is_brief(ready.entries):
                await disk.run_brief(write, after_turn=has_sent)
            else:
                await disk.run(write)
        self._remember(ready)

    def _hard_state(self, ready: Ready) -> HardState | None:
        """What goes to the disk with the entries. What was deferred is older: it must not be written after this."""
        deferred = self._core.storage.take_deferred()
        return deferred if ready.hard_state is None else ready.hard_state

    def _remember(self, ready: Ready) -> None:
        storage = self._core.storage
        if ready.must_sync:
            storage.remember(ready.hard_state, ready.entries)
        elif ready.hard_state is not None:
            storage.defer(ready.hard_state)
