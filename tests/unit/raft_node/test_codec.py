"""raftpb bytes and raft's values are two forms of one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_core.api.proto import raftpb_pb2
from swarm_core.raft.types import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeType,
    ConfChangeV2,
    ConfState,
    Entry,
    EntryType,
    HardState,
    Message,
    MessageType,
    Snapshot,
)
from swarm_core.raft_node import codec

numbers = st.integers(0, 2**64 - 1)
entries = st.builds(Entry, numbers, numbers, st.sampled_from(EntryType), st.binary(max_size=50))
ids = st.lists(numbers, max_size=3).map(tuple)
conf_states = st.builds(ConfState, ids, ids, ids, ids, st.booleans())
snapshots = st.builds(Snapshot, st.integers(1, 2**64 - 1), numbers, conf_states, st.binary(max_size=50))
messages = st.builds(
    Message,
    st.sampled_from(MessageType),
    numbers,
    numbers,
    numbers,
    numbers,
    numbers,
    st.lists(entries, max_size=3).map(tuple),
    numbers,
    numbers,
    st.none() | snapshots,
    st.booleans(),
    numbers,
    st.binary(max_size=20),
)


@given(entries)
def test_entries_round_trip_and_match_the_generated_code(entry: Entry) -> None:
    """The hand-made encoding of an entry is the one that protobuf makes, explicit zeros included."""
    encoded = codec.encode_entry(entry)
    assert codec.decode_entry(encoded) == entry
    message = raftpb_pb2.Entry(
        Type=int(entry.type), Term=entry.term, Index=entry.index, Data=entry.data or None
    )  # type: ignore[arg-type]
    assert raftpb_pb2.Entry.FromString(encoded) == message
    assert len(encoded) == message.ByteSize()


@given(messages)
def test_messages_round_trip(message: Message) -> None:
    """Nothing of a message is lost on the wire."""
    encoded = codec.message_to_raftpb(message).SerializeToString()
    assert codec.message_from_raftpb(raftpb_pb2.Message.FromString(encoded)) == message


@given(snapshots, numbers, numbers, numbers)
def test_stored_values_round_trip(snapshot: Snapshot, term: int, vote: int, commit: int) -> None:
    """Snapshot, conf state and hard state come back equal."""
    assert codec.decode_snapshot(codec.encode_snapshot(snapshot)) == snapshot
    assert codec.decode_conf_state(codec.encode_conf_state(snapshot.conf_state)) == snapshot.conf_state
    state = HardState(term, vote, commit)
    assert codec.decode_hard_state(codec.encode_hard_state(state)) == state


def test_zeros_are_written_and_absent_is_zero() -> None:
    """Go's proto2 writes zeros; readers take absent fields for zero."""
    assert codec.encode_hard_state(HardState()) == bytes.fromhex("080010001800")
    assert codec.decode_hard_state(b"") == HardState()
    assert codec.encode_entry(Entry(1, 2)) == bytes.fromhex("080010011802")
    assert codec.decode_entry(b"") == Entry(0, 0)


def test_an_empty_snapshot_in_a_message_is_none() -> None:
    """Older peers send one in every message."""
    message = raftpb_pb2.Message(type=raftpb_pb2.MsgHeartbeat, snapshot=raftpb_pb2.Snapshot())
    assert codec.message_from_raftpb(message).snapshot is None


def test_conf_changes_of_both_forms() -> None:
    """A conf change entry is read by its type."""
    change = ConfChange(ConfChangeType.REMOVE_NODE, 7, b"ctx", 99)
    entry = Entry(1, 1, EntryType.CONF_CHANGE, codec.encode_conf_change(change))
    assert codec.decode_conf_change(entry) == change
    v2 = raftpb_pb2.ConfChangeV2(context=b"c")
    v2.changes.add(type=raftpb_pb2.ConfChangeAddNode, node_id=3)
    entry = Entry(1, 1, EntryType.CONF_CHANGE_V2, v2.SerializeToString())
    expected = ConfChangeV2((ConfChangeSingle(ConfChangeType.ADD_NODE, 3),), context=b"c")
    assert codec.decode_conf_change(entry) == expected


def test_garbage_is_a_value_error() -> None:
    """Bytes that are no message, or a change of a type nobody knows, never pass as something else."""
    with pytest.raises(ValueError, match=r"raftpb\.Entry"):
        codec.decode_entry(b"\xff\xff")
    for data in (b"\xff\xff", b"\x10\x09\x18\x07"):
        with pytest.raises(ValueError, match="no membership change"):
            codec.decode_conf_change(Entry(1, 1, EntryType.CONF_CHANGE, data))
