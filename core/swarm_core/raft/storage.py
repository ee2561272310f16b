"""The port to what is durable, and its in-memory twin.

Raft reads stored entries, terms and the newest snapshot through `Storage`; the shell writes them, always before
it calls `RawNode.advance`. `MemoryStorage` is both the fake for tests and the log that the shell keeps in memory
beside its files.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from swarm_core.raft.errors import Compacted, SnapshotOutOfDate, Unavailable
from swarm_core.raft.sizes import cut_to_size
from swarm_core.raft.types import EMPTY_HARD_STATE, ConfState, Entry, HardState, Snapshot


class Storage(Protocol):
    """What raft reads. Index `first_index() - 1` has a term but no entry: the snapshot ends there."""

    def initial_state(self) -> tuple[HardState, ConfState]:
        """What was saved last, read once at the start."""

    def entries(self, low: int, high: int, max_size: int) -> tuple[Entry, ...]:
        """Entries of [low, high), cut to `max_size` bytes but at least one. Raises Compacted, Unavailable."""

    def term(self, index: int) -> int:
        """Term of the entry at `index` in [first_index() - 1, last_index()]. Raises Compacted, Unavailable."""

    def first_index(self) -> int:
        """Index of the first entry that is still there, or would be."""

    def last_index(self) -> int:
        """Index of the last entry."""

    def snapshot(self) -> Snapshot:
        """The newest one. Raises SnapshotTemporarilyUnavailable: raft asks again later."""


class MemoryStorage:
    """A log, a hard state and a snapshot in memory."""

    def __init__(self) -> None:
        self._hard_state = EMPTY_HARD_STATE
        self._snapshot = Snapshot()
        # The entry at position 0 stands for everything up to the snapshot or compaction point.
        self._entries = [Entry(term=0, index=0)]

    def initial_state(self) -> tuple[HardState, ConfState]:
        return self._hard_state, self._snapshot.conf_state

    def first_index(self) -> int:
        return self._entries[0].index + 1

    def last_index(self) -> int:
        return self._entries[0].index + len(self._entries) - 1

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def term(self, index: int) -> int:
        position = index - self._entries[0].index
        if position < 0:
            raise Compacted
        if position >= len(self._entries):
            raise Unavailable
        return self._entries[position].term

    def entries(self, low: int, high: int, max_size: int) -> tuple[Entry, ...]:
        offset = self._entries[0].index
        if low <= offset:
            raise Compacted
        if high > self.last_index() + 1:
            raise Unavailable
        return cut_to_size(self._entries, low - offset, high - offset, max_size)

    def set_hard_state(self, hard_state: HardState) -> None:
        """Remembers term, vote and commit."""
        self._hard_state = hard_state

    def append(self, entries: Sequence[Entry]) -> None:
        """Adds entries, in place of any that are there from the first one's index on.

        Entries that the snapshot already covers are left out. A gap is a broken invariant.
        """
        if not entries:
            return
        covered = self.first_index() - entries[0].index
        if covered > 0:
            entries = entries[covered:]
            if not entries:
                return
        position = entries[0].index - self._entries[0].index
        assert position <= len(self._entries), (
            f"entries are missing between {self.last_index()} and {entries[0].index}"
        )
        self._entries[position:] = entries

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Replaces everything by a received snapshot. Raises SnapshotOutOfDate."""
        if self._snapshot.index and self._snapshot.index >= snapshot.index:
            raise SnapshotOutOfDate
        self._snapshot = snapshot
        self._entries = [Entry(term=snapshot.term, index=snapshot.index)]

    def create_snapshot(self, index: int, conf_state: ConfState | None, data: bytes) -> Snapshot:
        """Makes the newest snapshot, as of `index`; the log stays as it is. Raises SnapshotOutOfDate.

        Without `conf_state` the membership of the snapshot before is taken over.
        """
        if index <= self._snapshot.index:
            raise SnapshotOutOfDate
        assert index <= self.last_index(), f"a snapshot at {index}, the log ends at {self.last_index()}"
        self._snapshot = replace(
            self._snapshot,
            index=index,
            term=self.term(index),
            conf_state=self._snapshot.conf_state if conf_state is None else conf_state,
            data=data,
        )
        return self._snapshot

    def compact(self, index: int) -> None:
        """Drops the entries up to and including `index`, which should be applied. Raises Compacted."""
        position = index - self._entries[0].index
        if position <= 0:
            raise Compacted
        assert position < len(self._entries), f"compacting to {index}, the log ends at {self.last_index()}"
        self._entries[: position + 1] = [Entry(term=self._entries[position].term, index=index)]
