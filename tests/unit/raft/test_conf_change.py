"""Membership changes: as bytes, as text, and as steps from one membership to the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto import raftpb_pb2
from swarm_core.raft import membership
from swarm_core.raft.conf_change import as_v2, marshal, unmarshal
from swarm_core.raft.describe import describe_conf_change
from swarm_core.raft.errors import ConfChangeRefused, MalformedConfChange
from swarm_core.raft.tracker import ProgressTracker
from swarm_core.raft.types import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfChangeV2,
    ConfState,
    EntryType,
)

_U64 = st.integers(0, (1 << 64) - 1)
_TYPES = st.sampled_from(ConfChangeType)
_V1 = st.builds(ConfChange, _TYPES, _U64, st.binary(max_size=300), _U64)
_SINGLES = st.lists(st.builds(ConfChangeSingle, _TYPES, _U64), max_size=4).map(tuple)
_V2 = st.builds(ConfChangeV2, _SINGLES, st.sampled_from(ConfChangeTransition), st.binary(max_size=300))


@given(st.one_of(_V1, _V2))
def test_bytes_lead_back_to_the_change(change: ConfChange | ConfChangeV2) -> None:
    """A change survives encoding and decoding."""
    assert unmarshal(*marshal(change)) == change


@given(_V1)
def test_bytes_are_those_of_raftpb(change: ConfChange) -> None:
    """The encoding of a change is what the other members read and write."""
    message = raftpb_pb2.ConfChange()
    message.ParseFromString(marshal(change)[1])
    assert (message.node_id, message.context) == (change.node_id, change.context)
    assert int(message.type) == change.type
    assert unmarshal(EntryType.CONF_CHANGE, message.SerializeToString()) == change


def test_automatic_leaving_has_no_bytes() -> None:
    """The leader's own change carries nothing, so no limit refuses it, and reads as the empty change."""
    assert marshal(None) == (EntryType.CONF_CHANGE_V2, b"")
    assert unmarshal(EntryType.CONF_CHANGE_V2, b"") == ConfChangeV2()


@pytest.mark.parametrize(
    "data", [b"\x22\x05ab", b"\x10\x09", b"\x08", b"\x0b", b"\x12\x01a", b"\x08" + b"\xff" * 11]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """Cut off, of an unknown type, or of another shape: bytes that are no change are refused."""
    with pytest.raises(MalformedConfChange):
        unmarshal(EntryType.CONF_CHANGE, data)


def test_unknown_fields_are_skipped() -> None:
    """A newer member may add fields of any wire type."""
    known = marshal(ConfChange(ConfChangeType.ADD_NODE, 7, b"c"))[1]
    unknown = b"\x78\x01" + b"\x7a\x02ab" + b"\x79" + bytes(8) + b"\x7d" + bytes(4)
    assert unmarshal(EntryType.CONF_CHANGE, unknown + known) == ConfChange(ConfChangeType.ADD_NODE, 7, b"c")


def test_change_reads_as_text() -> None:
    """Traces name the transition and each step."""
    change = as_v2(ConfChange(ConfChangeType.REMOVE_NODE, 7, b"\x00\xffa"))
    assert describe_conf_change(change) == (
        "transition:ConfChangeTransitionAuto changes:{type:ConfChangeRemoveNode node_id:7} "
        'context:"\\x00\\xffa"'
    )


# From one membership to the next


_MEMBERS = st.integers(1, 6)
_CHANGES = st.lists(st.builds(ConfChangeSingle, _TYPES, _MEMBERS), max_size=4).map(tuple)
_STEPS = st.lists(st.builds(ConfChangeV2, _CHANGES, st.sampled_from(ConfChangeTransition)), max_size=12)


def _tracker() -> ProgressTracker:
    tracker = ProgressTracker(max_inflight_messages=4, max_inflight_bytes=100)
    tracker.install(*membership.restore(tracker, 5, ConfState(voters=(1,))))
    return tracker


@given(_STEPS)
def test_any_changes_keep_the_rules_or_are_refused(steps: list[ConfChangeV2]) -> None:
    """Memberships reached by any changes have an overlapping quorum, and can be restored from their conf state."""
    tracker = _tracker()
    for step in steps:
        before = tracker.membership
        try:
            tracker.install(*membership.change(tracker, 5, step))
        except ConfChangeRefused:
            assert tracker.membership is before
            continue
        after = tracker.membership
        if not (before.is_joint or after.is_joint):
            assert len(before.voters.incoming ^ after.voters.incoming) <= 1
        empty = ProgressTracker(max_inflight_messages=4, max_inflight_bytes=100)
        restored, progress = membership.restore(empty, 5, after.conf_state())
        assert restored == after
        assert progress.keys() == tracker.progress.keys()
        assert list(tracker.progress) == sorted(tracker.progress)


def test_refused_change_leaves_progress_alone() -> None:
    """A change that fails halfway has not touched the member's progress."""
    tracker = _tracker()
    changes = (
        ConfChangeSingle(ConfChangeType.ADD_LEARNER_NODE, 1),
        ConfChangeSingle(ConfChangeType.ADD_LEARNER_NODE, 2),
    )
    with pytest.raises(ConfChangeRefused, match="removed all voters"):
        membership.change(tracker, 5, ConfChangeV2(changes))
    assert not tracker.progress[1].is_learner
    assert list(tracker.progress) == [1]
