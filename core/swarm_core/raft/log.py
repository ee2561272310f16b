"""The log as raft sees it: stored entries, then unstable ones.

Three marks move forward only: `applied` <= `applying` <= `committed` <= last index. Entries between applying and
applied have been handed to the shell; their bytes are bounded, and nothing more is handed out while the bound is
reached.
"""

from collections.abc import Iterator, Sequence

from swarm_core.raft.errors import Compacted, StorageError, Unavailable
from swarm_core.raft.sizes import NO_LIMIT, entries_size
from swarm_core.raft.storage import Storage
from swarm_core.raft.trace import SILENT, Tracer
from swarm_core.raft.types import Entry, Snapshot
from swarm_core.raft.unstable import Unstable
from swarm_core.raft.value import value


@value(frozen=True, slots=True)
class EntryId:
    """Term and index name one entry of all logs."""

    term: int
    index: int


class Log:
    """One member's log. Indexes are checked: asking beyond the ends raises Compacted or fails an assertion."""

    def __init__(self, storage: Storage, tracer: Tracer = SILENT, max_applying_size: int = NO_LIMIT) -> None:
        before_first = storage.first_index() - 1
        self._storage = storage
        self._tracer = tracer
        self.unstable = Unstable(storage.last_index() + 1, tracer)
        self.committed = before_first
        self.applying = before_first
        self.applied = before_first
        self.max_applying_size = max_applying_size
        self._applying_size = 0
        self._is_applying_paused = False

    # Ends and terms

    def first_index(self) -> int:
        snapshot = self.unstable.snapshot
        return self._storage.first_index() if snapshot is None else snapshot.index + 1

    def last_index(self) -> int:
        index = self.unstable.last_index()
        return self._storage.last_index() if index is None else index

    def last_id(self) -> EntryId:
        index = self.last_index()
        return EntryId(self.term(index), index)

    def term(self, index: int) -> int:
        """Term at `index`, from one before the first entry to the last. Raises Compacted, Unavailable."""
        term = self.unstable.term(index)
        if term is not None:
            return term
        if index + 1 < self.first_index():
            raise Compacted
        if index > self.last_index():
            raise Unavailable
        return self._storage.term(index)

    def term_or_zero(self, index: int) -> int:
        """Term at `index`, 0 when the log does not know it."""
        try:
            return self.term(index)
        except (Compacted, Unavailable):
            return 0

    def matches(self, term: int, index: int) -> bool:
        """Whether the entry at `index` is the one of `term`."""
        try:
            return self.term(index) == term
        except (Compacted, Unavailable):
            return False

    def is_up_to_date(self, term: int, index: int) -> bool:
        """Whether a log that ends there holds everything that can be committed (the rule for votes)."""
        last = self.last_id()
        return (term, index) >= (last.term, last.index)

    # Appending

    def append(self, entries: Sequence[Entry]) -> int:
        """Adds entries behind committed ones, in place of others; returns the last index."""
        if entries:
            assert entries[0].index > self.committed, (
                f"entry {entries[0].index} would replace a committed one"
            )
            self.unstable.truncate_and_append(entries)
        return self.last_index()

    def try_append(self, previous: EntryId, entries: tuple[Entry, ...], committed: int) -> int | None:
        """A follower's append: the last index that now matches the leader's log, None if `previous` differs."""
        if not self.matches(previous.term, previous.index):
            return None
        last_new = previous.index + len(entries)
        conflict = self.find_conflict(entries)
        if conflict:
            assert conflict > self.committed, f"entry {conflict} conflicts with a committed one"
            self.append(entries[conflict - previous.index - 1 :])
        self.commit_to(min(committed, last_new))
        return last_new

    def find_conflict(self, entries: Sequence[Entry]) -> int:
        """Index of the first given entry that is not in the log, 0 if all are."""
        for entry in entries:
            if self.matches(entry.term, entry.index):
                continue
            if entry.index <= self.last_index():
                self._tracer.info(
                    "found conflict at index %d [existing term: %d, conflicting term: %d]",
                    entry.index,
                    self.term_or_zero(entry.index),
                    entry.term,
                )
            return entry.index
        return 0

    def find_conflict_by_term(self, index: int, term: int) -> EntryId:
        """The last entry at or below `index` whose term is at most `term`; term 0 where the log does not know."""
        while index > 0:
            try:
                own = self.term(index)
            except (Compacted, Unavailable):
                return EntryId(0, index)
            if own <= term:
                return EntryId(own, index)
            index -= 1
        return EntryId(0, 0)

    def restore(self, snapshot: Snapshot) -> None:
        """Starts over behind a received snapshot."""
        self._tracer.info(
            "log [%s] starts to restore snapshot [index: %d, term: %d]", self, snapshot.index, snapshot.term
        )
        self.committed = snapshot.index
        self.unstable.restore(snapshot)

    # Committing and applying

    def commit_to(self, index: int) -> None:
        if index > self.committed:
            last = self.last_index()
            assert index <= last, (
                f"told to commit {index}, but the log ends at {last}: was it truncated or lost?"
            )
            self.committed = index

    def try_commit(self, term: int, index: int) -> bool:
        """Commits up to `index` if that is new and of `term`: only the own term's entries commit by counting."""
        if index > self.committed and term and self.matches(term, index):
            self.commit_to(index)
            return True
        return False

    def applied_to(self, index: int, size: int) -> None:
        """The shell has applied up to `index`; `size` bytes of what it was given are done."""
        assert self.applied <= index <= self.committed, (
            f"applied {index} is not within [{self.applied}, {self.committed}]"
        )
        self.applied = index
        self.applying = max(self.applying, index)
        self._applying_size = max(self._applying_size - size, 0)
        self._is_applying_paused = self._applying_size >= self.max_applying_size

    def accept_applying(self, index: int, size: int, *, allow_unstable: bool) -> None:
        """The shell has been given entries up to `index`, of `size` bytes."""
        assert index <= self.committed, f"applying {index}, committed is {self.committed}"
        self.applying = index
        self._applying_size += size
        # Stopping short of the end means that the bound was met, even if some bytes are left over.
        self._is_applying_paused = self._applying_size >= self.max_applying_size or index < self._appliable(
            allow_unstable
        )

    def has_next_committed(self, *, allow_unstable: bool) -> bool:
        """Whether committed entries can be handed out now."""
        if self._is_applying_paused or self.unstable.snapshot is not None:
            return False
        return self.applying < self._appliable(allow_unstable)

    def next_committed(self, *, allow_unstable: bool) -> tuple[Entry, ...]:
        """The committed entries to hand out now, within the bound."""
        if not self.has_next_committed(allow_unstable=allow_unstable):
            return ()
        room = self.max_applying_size - self._applying_size
        assert room > 0, "applying must be paused when the bound is reached"
        return self.slice(self.applying + 1, self._appliable(allow_unstable) + 1, room)

    def _appliable(self, allow_unstable: bool) -> int:
        return self.committed if allow_unstable else min(self.committed, self.unstable.offset - 1)

    # Reading

    def snapshot(self) -> Snapshot:
        """The newest snapshot. Raises SnapshotTemporarilyUnavailable."""
        return self._storage.snapshot() if self.unstable.snapshot is None else self.unstable.snapshot

    def entries(self, low: int, max_size: int) -> tuple[Entry, ...]:
        """Entries from `low` on, within `max_size`. Raises Compacted."""
        last = self.last_index()
        return () if low > last else self.slice(low, last + 1, max_size)

    def pages(self, low: int, high: int, page_size: int) -> Iterator[tuple[Entry, ...]]:
        """Entries of [low, high) in portions of `page_size` bytes. Raises Compacted."""
        while low < high:
            page = self.slice(low, high, page_size)
            assert page, f"no entries in [{low}, {high})"
            yield page
            low += len(page)

    def slice(self, low: int, high: int, max_size: int) -> tuple[Entry, ...]:
        """Entries of [low, high), within `max_size` but at least one. Raises Compacted."""
        assert low <= high <= self.last_index() + 1, f"[{low}, {high}) is beyond the end {self.last_index()}"
        if low < self.first_index():
            raise Compacted
        if low == high:
            return ()
        offset = self.unstable.offset
        if low >= offset:
            return self.unstable.slice(low, high, max_size)
        cut = min(high, offset)
        stored = self._stored(low, cut, max_size)
        if high <= offset or len(stored) < cut - low:
            return stored
        return stored + self._unstable_behind(stored, offset, high, max_size)

    def _stored(self, low: int, high: int, max_size: int) -> tuple[Entry, ...]:
        try:
            return self._storage.entries(low, high, max_size)
        except Compacted:
            raise
        except StorageError as error:
            raise AssertionError(f"entries [{low}, {high}) are missing in storage") from error

    def _unstable_behind(
        self, stored: tuple[Entry, ...], low: int, high: int, max_size: int
    ) -> tuple[Entry, ...]:
        room = max_size - entries_size(stored)
        if room <= 0:
            return ()
        entries = self.unstable.slice(low, high, room)
        # At least one entry comes back always; here it may be one too many.
        return () if len(entries) == 1 and entries_size(entries) > room else entries

    def __str__(self) -> str:
        unstable = self.unstable
        return (
            f"committed={self.committed}, applied={self.applied}, applying={self.applying}, "
            f"unstable.offset={unstable.offset}, unstable.offsetInProgress={unstable.offset_in_progress}, "
            f"len(unstable.Entries)={len(unstable.entries)}"
        )
