"""Changing the data key while running (docs/design/raft-node.md 2.12).

A pending key is stored, and everything is written under it from then on. A snapshot of `needed_index` or later makes the old
key needless. Once such a snapshot is stored, the old key goes, and with it what it encrypted.
"""

from swarm_core.raft_node.log.disk import Disk
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.storage import RaftStorage


class KeyRotation:
    def __init__(self, disk: Disk, keyring: Keyring, storage: RaftStorage) -> None:
        self._disk = disk
        self._keyring = keyring
        self._storage = storage
        self._needed_index: int | None = None
        if keyring.keys.pending is not None:
            self._wait_for_snapshot()

    def wants_snapshot(self, applied: int) -> bool:
        """Whether a snapshot taken now would end the rotation."""
        return self._needed_index is not None and applied >= self._needed_index

    def is_due(self, *, snapshot_is_running: bool) -> bool:
        """Whether `advance` has a step to take."""
        if self._needed_index is not None:
            return self._may_end()
        return self._keyring.keys.needs_rotation and not snapshot_is_running

    async def advance(self, *, snapshot_is_running: bool) -> None:
        """Take the step that is due, if any. A snapshot that is running may be under the old key: it does not count."""
        if self._may_end():
            await self._disk.run(lambda: self._storage.write_release(0))
            await self._disk.run_aside(self._keyring.finish_rotation)
            self._storage.cipher = self._keyring.cipher()
            self._needed_index = None
        if self._needed_index is None and self._keyring.keys.needs_rotation and not snapshot_is_running:
            await self._disk.run_aside(self._keyring.begin_rotation)
            self._storage.cipher = self._keyring.cipher()
            self._wait_for_snapshot()

    def _may_end(self) -> bool:
        return self._needed_index is not None and self._storage.memory.snapshot().index >= self._needed_index

    def _wait_for_snapshot(self) -> None:
        memory = self._storage.memory
        self._needed_index = max(memory.last_index(), memory.snapshot().index + 1)
