"""The log over stored and unstable entries, and its storage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.raft.errors import Compacted, SnapshotOutOfDate, Unavailable
from swarm_core.raft.log import EntryId, Log
from swarm_core.raft.sizes import NO_LIMIT, entries_size, entry_size
from swarm_core.raft.storage import MemoryStorage
from swarm_core.raft.types import ConfState, Entry, HardState, Snapshot
from swarm_core.raft.unstable import Unstable


def _entries(first: int, *terms: int) -> list[Entry]:
    return [Entry(term, index, data=b"x" * index) for index, term in enumerate(terms, first)]


def _log(stored: int, unstable: int = 0, *, compacted: int = 0) -> Log:
    """A log of entries of term 1, the first of them stored; some of those compacted."""
    storage = MemoryStorage()
    storage.append(_entries(1, *[1] * stored))
    if compacted:
        storage.compact(compacted)
    log = Log(storage)
    log.append(_entries(stored + 1, *[1] * unstable))
    return log


# Reading


@given(st.data())
def test_slice_equals_the_list_of_entries(data: st.DataObject) -> None:
    """Any slice of the log is the longest prefix within the size, but at least one entry, wherever it is stored."""
    stored = data.draw(st.integers(0, 8))
    unstable = data.draw(st.integers(0, 8))
    log = _log(stored, unstable)
    everything = _entries(1, *[1] * (stored + unstable))
    low = data.draw(st.integers(1, len(everything) + 1))
    high = data.draw(st.integers(low, len(everything) + 1))
    max_size = data.draw(st.one_of(st.integers(0, 150), st.just(NO_LIMIT)))
    wanted = everything[low - 1 : high - 1]
    while len(wanted) > 1 and entries_size(wanted) > max_size:
        wanted.pop()
    assert list(log.slice(low, high, max_size)) == wanted


def test_terms_are_known_from_before_the_first_entry_to_the_last() -> None:
    """The compaction point still has a term; below is compacted, above unavailable."""
    log = _log(5, 2, compacted=3)
    assert log.first_index() == 4
    assert [log.term(index) for index in range(3, 8)] == [1] * 5
    with pytest.raises(Compacted):
        log.term(2)
    with pytest.raises(Unavailable):
        log.term(8)
    with pytest.raises(Compacted):
        log.slice(3, 5, NO_LIMIT)
    assert (log.term_or_zero(2), log.matches(1, 2), log.matches(1, 8)) == (0, False, False)


def test_pages_cover_a_range_without_gaps() -> None:
    """Pages together are the range, each within its size."""
    log = _log(6, 6)
    pages = list(log.pages(2, 12, 30))
    assert [entry.index for page in pages for entry in page] == list(range(2, 12))
    assert all(len(page) == 1 or entries_size(page) <= 30 for page in pages)


# Appending (raft paper, figure 7 and section 5.3)


@pytest.mark.parametrize(
    ("previous", "terms", "committed", "last_new", "result_terms", "result_commit"),
    [
        (EntryId(2, 3), (), 3, None, (1, 2, 3), 1),
        (EntryId(3, 4), (4,), 4, None, (1, 2, 3), 1),
        (EntryId(3, 3), (), 3, 3, (1, 2, 3), 3),
        (EntryId(3, 3), (), 2, 3, (1, 2, 3), 2),
        (EntryId(3, 3), (), 9, 3, (1, 2, 3), 3),
        (EntryId(0, 0), (), 3, 0, (1, 2, 3), 1),
        (EntryId(3, 3), (4, 4), 5, 5, (1, 2, 3, 4, 4), 5),
        (EntryId(2, 2), (4,), 3, 3, (1, 2, 4), 3),
        (EntryId(1, 1), (2,), 3, 2, (1, 2, 3), 2),
        (EntryId(1, 1), (3, 3, 3), 2, 4, (1, 3, 3, 3), 2),
    ],
)
def test_append_takes_over_the_leaders_log(
    previous: EntryId,
    terms: tuple[int, ...],
    committed: int,
    last_new: int | None,
    result_terms: tuple[int, ...],
    result_commit: int,
) -> None:
    """An append that fits replaces what conflicts, keeps what matches, and commits no further than it reaches."""
    log = Log(MemoryStorage())
    log.append(_entries(1, 1, 2, 3))
    log.commit_to(1)
    assert log.try_append(previous, tuple(_entries(previous.index + 1, *terms)), committed) == last_new
    assert tuple(log.term(index) for index in range(1, log.last_index() + 1)) == result_terms
    assert log.committed == result_commit


def test_committed_entries_are_never_replaced() -> None:
    """A conflict with a committed entry is a broken invariant."""
    log = Log(MemoryStorage())
    log.append(_entries(1, 1, 1))
    log.commit_to(2)
    with pytest.raises(AssertionError, match="committed"):
        log.try_append(EntryId(1, 1), tuple(_entries(2, 2)), 2)
    with pytest.raises(AssertionError, match="committed"):
        log.append(_entries(2, 2))
    with pytest.raises(AssertionError, match="truncated or lost"):
        log.commit_to(3)


@given(st.lists(st.integers(1, 5), max_size=12), st.integers(0, 15), st.integers(0, 6))
def test_conflict_hint_is_the_last_entry_that_may_match(terms: list[int], index: int, term: int) -> None:
    """The hint is the last entry at or below the index with a term no higher than the leader's."""
    terms = sorted(terms)
    log = Log(MemoryStorage())
    log.append(_entries(1, *terms))
    index = min(index, len(terms))
    candidates = [position for position in range(1, index + 1) if terms[position - 1] <= term]
    expected = max(candidates, default=0)
    # A term below all of ours leads to the start, whose term is 0.
    assert log.find_conflict_by_term(index, term) == EntryId(terms[expected - 1] if expected else 0, expected)


def test_logs_are_compared_by_term_then_length() -> None:
    """A later last term wins, then the longer log (raft paper, section 5.4.1)."""
    log = Log(MemoryStorage())
    log.append(_entries(1, 1, 2, 2))
    assert log.is_up_to_date(3, 1)
    assert log.is_up_to_date(2, 3)
    assert not log.is_up_to_date(2, 2)
    assert not log.is_up_to_date(1, 9)


def test_only_entries_of_the_term_commit_by_counting() -> None:
    """An older entry is not committed by counting copies (raft paper, section 5.4.2)."""
    log = Log(MemoryStorage())
    log.append(_entries(1, 1, 2))
    assert not log.try_commit(2, 1)
    assert log.try_commit(2, 2)
    assert not log.try_commit(2, 2)


# Applying


def test_applying_is_bounded_and_resumes() -> None:
    """Handing out stops at the bound, and goes on when enough was applied."""
    size = entry_size(_entries(1, 1)[0])
    storage = MemoryStorage()
    log = Log(storage, max_applying_size=2 * size + 3)
    log.append(_entries(1, 1, 1, 1, 1))
    log.commit_to(4)
    first = log.next_committed(allow_unstable=True)
    assert [entry.index for entry in first] == [1, 2]
    log.accept_applying(2, entries_size(first), allow_unstable=True)
    assert not log.has_next_committed(allow_unstable=True)
    assert log.next_committed(allow_unstable=True) == ()
    log.applied_to(2, entries_size(first))
    assert [entry.index for entry in log.next_committed(allow_unstable=True)] == [3]


def test_unstable_entries_apply_only_where_allowed() -> None:
    """With asynchronous storage an entry is applied only when it is stored."""
    log = _log(2, 2)
    log.commit_to(4)
    assert [entry.index for entry in log.next_committed(allow_unstable=False)] == [1, 2]
    assert [entry.index for entry in log.next_committed(allow_unstable=True)] == [1, 2, 3, 4]


def test_nothing_applies_before_a_snapshot_is_stored() -> None:
    """A received snapshot is applied before any entry behind it."""
    log = _log(2)
    log.restore(Snapshot(5, 2))
    log.append(_entries(6, 2))
    log.commit_to(6)
    assert not log.has_next_committed(allow_unstable=True)
    assert (log.first_index(), log.last_index(), log.term(5)) == (6, 6, 2)
    log.unstable.stable_snapshot_to(5)
    assert log.unstable.snapshot is None


# Unstable


def test_stable_entries_leave_unless_replaced() -> None:
    """A report about entries that were replaced meanwhile is ignored."""
    unstable = Unstable(5)
    unstable.truncate_and_append(_entries(5, 1, 1, 1))
    unstable.accept_in_progress()
    unstable.truncate_and_append(_entries(6, 2))
    assert [entry.index for entry in unstable.next_entries()] == [6]
    unstable.stable_to(1, 7)
    unstable.stable_to(1, 6)
    assert [entry.term for entry in unstable.entries] == [1, 2]
    unstable.stable_to(1, 5)
    assert (unstable.offset, [entry.term for entry in unstable.entries]) == (6, [2])
    unstable.truncate_and_append(_entries(4, 3))
    assert (unstable.offset, unstable.has_next_entries()) == (4, True)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(0, 9), st.integers(1, 3)),
            st.tuples(st.just("accept"), st.just(0), st.just(0)),
            st.tuples(st.just("stable"), st.integers(0, 9), st.just(0)),
        ),
        max_size=30,
    )
)
def test_unstable_never_loses_an_entry(moves: list[tuple[str, int, int]]) -> None:
    """What is not stable is held exactly once, and handed out again after a replacement."""
    unstable = Unstable(1)
    log: list[Entry] = []
    durable = handed_out = 0
    term = 0
    for kind, back, count in moves:
        if kind == "append":
            term += 1
            keep = max(len(log) - back, 0)
            added = _entries(keep + 1, *[term] * count)
            log[keep:] = added
            unstable.truncate_and_append(added)
            durable, handed_out = min(durable, keep), min(handed_out, keep)
        elif kind == "accept":
            unstable.accept_in_progress()
            handed_out = len(log)
        elif handed_out > durable:
            durable = min(durable + 1 + back, handed_out)
            unstable.stable_to(log[durable - 1].term, durable)
        assert unstable.entries == log[durable:]
        assert list(unstable.next_entries()) == log[handed_out:]


# Storage


def test_storage_keeps_what_a_restart_needs() -> None:
    """Hard state, membership, snapshot and entries come back as they were written."""
    storage = MemoryStorage()
    state = ConfState(voters=(1, 2))
    storage.append(_entries(1, 1, 1, 2))
    storage.set_hard_state(HardState(2, 1, 3))
    assert storage.create_snapshot(2, state, b"data") == Snapshot(2, 1, state, b"data")
    storage.compact(2)
    assert storage.initial_state() == (HardState(2, 1, 3), state)
    assert (storage.first_index(), storage.last_index(), storage.term(2)) == (3, 3, 1)
    with pytest.raises(Compacted):
        storage.entries(2, 4, NO_LIMIT)
    with pytest.raises(Unavailable):
        storage.entries(3, 5, NO_LIMIT)
    with pytest.raises(Compacted):
        storage.compact(2)
    with pytest.raises(SnapshotOutOfDate):
        storage.create_snapshot(2, None, b"")
    assert storage.create_snapshot(3, None, b"more").conf_state == state


def test_storage_takes_entries_in_place_of_others() -> None:
    """Appending replaces from the first index on, skips what is compacted, and refuses a gap."""
    storage = MemoryStorage()
    storage.apply_snapshot(Snapshot(3, 1))
    storage.append(_entries(2, 1, 1, 1, 1))
    assert [entry.index for entry in storage.entries(4, 6, NO_LIMIT)] == [4, 5]
    storage.append(_entries(1, 1, 1))
    assert storage.last_index() == 5
    storage.append(_entries(4, 2))
    assert (storage.last_index(), storage.term(4)) == (4, 2)
    with pytest.raises(AssertionError, match="missing"):
        storage.append(_entries(9, 2))
    with pytest.raises(SnapshotOutOfDate):
        storage.apply_snapshot(Snapshot(3, 1))
