"""The end of the log that is not durable yet: entries, and perhaps a received snapshot before them.

`entries[i]` has index `offset + i`. What lies below `offset_in_progress` has been handed to the shell and is being
written; so has the snapshot when `is_snapshot_in_progress`. Entries leave once they are reported stable, unless
something else has taken their place meanwhile.
"""

from collections.abc import Sequence

from swarm_core.raft.sizes import cut_to_size
from swarm_core.raft.trace import SILENT, Tracer
from swarm_core.raft.types import Entry, Snapshot


class Unstable:
    """What still has to be written."""

    __slots__ = ("_tracer", "entries", "is_snapshot_in_progress", "offset", "offset_in_progress", "snapshot")

    def __init__(self, offset: int, tracer: Tracer = SILENT) -> None:
        self.snapshot: Snapshot | None = None
        self.entries: list[Entry] = []
        self.offset = offset
        self.offset_in_progress = offset
        self.is_snapshot_in_progress = False
        self._tracer = tracer

    def last_index(self) -> int | None:
        """Index of the last entry, or of the snapshot; None when neither is here."""
        if self.entries:
            return self.offset + len(self.entries) - 1
        return self.snapshot.index if self.snapshot is not None else None

    def term(self, index: int) -> int | None:
        """Term at `index`, None when storage must know it."""
        position = index - self.offset
        if 0 <= position < len(self.entries):
            return self.entries[position].term
        if self.snapshot is not None and self.snapshot.index == index:
            return self.snapshot.term
        return None

    def has_next_entries(self) -> bool:
        """Whether entries wait to be handed out."""
        return len(self.entries) > self.offset_in_progress - self.offset

    def next_entries(self) -> tuple[Entry, ...]:
        """Entries that were not handed out yet."""
        return tuple(self.entries[self.offset_in_progress - self.offset :])

    def next_snapshot(self) -> Snapshot | None:
        """The snapshot, unless it was handed out already."""
        return None if self.is_snapshot_in_progress else self.snapshot

    def accept_in_progress(self) -> None:
        """Everything here has been handed out."""
        if self.entries:
            self.offset_in_progress = self.offset + len(self.entries)
        if self.snapshot is not None:
            self.is_snapshot_in_progress = True

    def stable_to(self, term: int, index: int) -> None:
        """Entries up to `index` are durable, if the one there still has that term."""
        known = self.term(index)
        if known is None:
            self._tracer.info("entry at index %d missing from unstable log; ignoring", index)
        elif index < self.offset:
            self._tracer.info("entry at index %d matched unstable snapshot; ignoring", index)
        elif known != term:
            self._tracer.info(
                "entry at (index,term)=(%d,%d) mismatched with entry at (%d,%d) in unstable log; ignoring",
                index,
                term,
                index,
                known,
            )
        else:
            del self.entries[: index + 1 - self.offset]
            self.offset = index + 1
            self.offset_in_progress = max(self.offset_in_progress, self.offset)

    def stable_snapshot_to(self, index: int) -> None:
        """The snapshot at `index` is durable."""
        if self.snapshot is not None and self.snapshot.index == index:
            self.snapshot = None
            self.is_snapshot_in_progress = False

    def restore(self, snapshot: Snapshot) -> None:
        """Starts over behind `snapshot`."""
        self.offset = self.offset_in_progress = snapshot.index + 1
        self.entries = []
        self.snapshot = snapshot
        self.is_snapshot_in_progress = False

    def truncate_and_append(self, entries: Sequence[Entry]) -> None:
        """Adds entries in place of any that are here from the first one's index on."""
        first = entries[0].index
        end = self.offset + len(self.entries)
        assert first <= end, f"entries are missing between {end} and {first}"
        if first == end:
            self.entries.extend(entries)
        elif first <= self.offset:
            self._tracer.info("replace the unstable entries from index %d", first)
            self.entries = list(entries)
            self.offset = self.offset_in_progress = first
        else:
            self._tracer.info("truncate the unstable entries before index %d", first)
            self.entries[first - self.offset :] = entries
            self.offset_in_progress = min(self.offset_in_progress, first)

    def slice(self, low: int, high: int, max_size: int) -> tuple[Entry, ...]:
        """Entries of [low, high), cut to `max_size` bytes but at least one."""
        assert self.offset <= low <= high <= self.offset + len(self.entries), (
            f"[{low}, {high}) is not within the unstable entries"
        )
        return cut_to_size(self.entries, low - self.offset, high - self.offset, max_size)
