"""Snapshots of our own: when one is due, and the steps to have it stored.

The state is taken between two entries, then encoded and stored while the log goes on. Only when it is stored does raft forget the
entries that it replaces. One snapshot is taken at a time.
"""

from collections.abc import Callable
from functools import partial

from swarm_core.api.proto.snapshot_pb2 import ClusterSnapshot
from swarm_core.raft.types import Snapshot
from swarm_core.raft_node.config import LogLimits
from swarm_core.raft_node.log.cluster_snapshot import encode_cluster_snapshot
from swarm_core.raft_node.log.disk import Disk
from swarm_core.raft_node.log.storage import RaftStorage

LOG_BYTES_MAX = 64 << 20


class Snapshotter:
    def __init__(self, disk: Disk, storage: RaftStorage, limits: Callable[[], LogLimits]) -> None:
        self._disk = disk
        self._storage = storage
        self._limits = limits
        self.is_running = False

    @property
    def index(self) -> int:
        """What the newest stored snapshot covers."""
        return self._storage.memory.snapshot().index

    def is_due(self, applied: int, log_bytes: int) -> bool:
        """By the number of entries since the last one, or by what they hold: the log is in memory, and read at the next start."""
        interval = self._limits().snapshot_interval
        if self.is_running or interval <= 0:
            return False
        newest = self._storage.memory.snapshot()
        if applied - newest.index >= interval:
            return True
        # Beside a large state the log may be as large: a snapshot costs as much as the state.
        return log_bytes >= LOG_BYTES_MAX and log_bytes >= len(newest.data)

    async def take(self, at: Snapshot, members: ClusterSnapshot, encode: Callable[[], bytes]) -> None:
        """Store the state that `encode` yields under the index, term and members of `at`."""
        assert self.is_running
        try:
            data = await self._disk.run_aside(lambda: encode_cluster_snapshot(members, encode()))
            snapshot = Snapshot(at.index, at.term, at.conf_state, data)
            deferred = self._storage.take_deferred()
            await self._disk.run(partial(self._storage.write_snapshot_mark, snapshot, deferred))
            await self._disk.run_aside(partial(self._storage.write_snapshot_file, snapshot))
            limits = self._limits()
            self._storage.remember_own_snapshot(snapshot, limits.entries_for_slow_followers)
            await self._disk.run(partial(self._storage.write_release, limits.keep_old_snapshots))
        finally:
            self.is_running = False
