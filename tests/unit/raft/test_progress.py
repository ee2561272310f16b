"""How a leader follows and feeds one member."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.raft.inflights import Inflights
from swarm_core.raft.progress import Progress, ProgressState


def _progress(state: ProgressState = ProgressState.PROBE, *, match: int = 0, next_: int = 1) -> Progress:
    return Progress(next=next_, inflights=Inflights(3, 1 << 30), match=match, state=state)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50), st.booleans()), max_size=60))
def test_window_holds_exactly_the_unacknowledged(moves: list[tuple[int, int, bool]]) -> None:
    """A window equals the list of its messages, whatever is added and freed."""
    window = Inflights(4, 100)
    expected: list[tuple[int, int]] = []
    index = 0
    for step, size, is_free in moves:
        if is_free:
            freed = index - step
            window.free_up_to(freed)
            expected = [(last, bytes_) for last, bytes_ in expected if last > freed]
        elif not window.is_full:
            index += step
            window.add(index, size)
            expected.append((index, size))
        assert len(window) == len(expected)
        assert window.is_full == (len(expected) >= 4 or sum(bytes_ for _, bytes_ in expected) >= 100)


def test_full_window_takes_no_message() -> None:
    """Adding to a full window is a broken invariant."""
    window = Inflights(1, 1 << 30)
    window.add(1, 10)
    with pytest.raises(AssertionError, match="full window"):
        window.add(2, 10)


def test_probe_sends_one_append_and_waits() -> None:
    """In Probe an append with entries pauses the flow, an empty one does not."""
    progress = _progress()
    progress.sent_entries(0, 0)
    assert not progress.is_paused
    progress.sent_entries(2, 20)
    assert progress.is_paused
    assert progress.next == 1


def test_replicate_streams_until_the_window_is_full() -> None:
    """In Replicate next runs ahead until the window is full; an acknowledgement opens it."""
    progress = _progress(ProgressState.REPLICATE)
    for _ in range(3):
        assert not progress.is_paused
        progress.sent_entries(2, 20)
    assert progress.is_paused
    assert progress.next == 7
    assert progress.acknowledged(2)
    progress.inflights.free_up_to(2)
    assert not progress.is_paused
    assert str(progress) == "StateReplicate match=2 next=7 inactive inflight=2"


def test_snapshot_pauses_until_it_is_done() -> None:
    """In Snapshot nothing is sent; afterwards probing begins right behind it."""
    progress = _progress(match=3, next_=4)
    progress.become_snapshot(10)
    assert progress.is_paused
    with pytest.raises(AssertionError, match="snapshot is under way"):
        progress.sent_entries(1, 1)
    progress.become_probe()
    assert (progress.state, progress.next, progress.pending_snapshot) == (ProgressState.PROBE, 11, 0)


@pytest.mark.parametrize(
    ("state", "match", "next_", "rejected", "hint", "expected"),
    [
        (ProgressState.REPLICATE, 5, 10, 5, 5, None),
        (ProgressState.REPLICATE, 5, 10, 9, 9, 6),
        (ProgressState.PROBE, 0, 10, 5, 5, None),
        (ProgressState.PROBE, 0, 10, 9, 2, 3),
        (ProgressState.PROBE, 0, 10, 9, 20, 9),
        (ProgressState.PROBE, 7, 10, 9, 2, 8),
        (ProgressState.PROBE, 0, 1, 0, 0, 1),
    ],
)
def test_refusal_steps_back(
    state: ProgressState, match: int, next_: int, rejected: int, hint: int, expected: int | None
) -> None:
    """A fresh refusal moves next back, never to what is known to match; a late one changes nothing."""
    progress = _progress(state, match=match, next_=next_)
    assert progress.rejected(rejected, hint) == (expected is not None)
    assert progress.next == (next_ if expected is None else expected)


@given(st.lists(st.tuples(st.sampled_from("ars"), st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_match_stays_below_next(events: list[tuple[str, int, int]]) -> None:
    """Whatever is acknowledged, refused or snapshotted, match never falls and stays below next."""
    progress = _progress()
    for kind, index, hint in events:
        before = progress.match
        if kind == "a":
            progress.acknowledged(index)
        elif kind == "r":
            progress.rejected(index, hint)
        elif progress.state is ProgressState.SNAPSHOT:
            progress.become_probe()
        elif index > progress.match:
            progress.become_snapshot(index)
        assert before <= progress.match < progress.next


def test_commit_is_told_once() -> None:
    """A commit index is worth a message while it tells of entries that were sent."""
    progress = _progress(ProgressState.REPLICATE, match=4, next_=6)
    progress.sent_commit = 3
    assert progress.can_bump_commit(4)
    progress.sent_commit = 4
    assert not progress.can_bump_commit(4)
    progress.sent_commit = 5
    assert not progress.can_bump_commit(9)
