"""Between raft's values (`raft.types`) and raftpb's bytes.

Written zeros are explicit, as Go's proto2 writes them; absent fields read as zero. Bytes that are no
such message raise ValueError.
"""

from typing import TypeVar

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage

from swarm_core.api.proto import raftpb_pb2
from swarm_core.api.wire import varint
from swarm_core.raft.conf_change import marshal, unmarshal
from swarm_core.raft.errors import MalformedConfChange
from swarm_core.raft.types import (
    ConfChange,
    ConfChangeV2,
    ConfState,
    Entry,
    EntryType,
    HardState,
    Message,
    MessageType,
    Snapshot,
)

M = TypeVar("M", bound=ProtobufMessage)

_ENTRY_HEADS = {kind: b"\x08" + varint(kind) + b"\x10" for kind in EntryType}
_ENTRY_TYPES = tuple(EntryType)
_MESSAGE_TYPES = tuple(MessageType)


def encode_entry(entry: Entry) -> bytes:
    head = _ENTRY_HEADS[entry.type] + varint(entry.term) + b"\x18" + varint(entry.index)
    return head + b"\x22" + varint(len(entry.data)) + entry.data if entry.data else head


def decode_entry(data: bytes) -> Entry:
    return _entry(_parse(raftpb_pb2.Entry(), data))


def encode_hard_state(state: HardState) -> bytes:
    return raftpb_pb2.HardState(term=state.term, vote=state.vote, commit=state.commit).SerializeToString()


def decode_hard_state(data: bytes) -> HardState:
    message = _parse(raftpb_pb2.HardState(), data)
    return HardState(message.term, message.vote, message.commit)


def encode_conf_state(state: ConfState) -> bytes:
    return _conf_state_message(state).SerializeToString()


def decode_conf_state(data: bytes) -> ConfState:
    return _conf_state(_parse(raftpb_pb2.ConfState(), data))


def encode_snapshot(snapshot: Snapshot) -> bytes:
    return _snapshot_message(snapshot).SerializeToString()


def decode_snapshot(data: bytes) -> Snapshot:
    return _snapshot(_parse(raftpb_pb2.Snapshot(), data))


def message_to_raftpb(message: Message) -> raftpb_pb2.Message:
    """As a message of the Raft service carries it."""
    out = raftpb_pb2.Message(
        type=raftpb_pb2.MessageType.ValueType(message.type),
        to=message.to,
        term=message.term,
        logTerm=message.log_term,
        index=message.index,
        commit=message.commit,
        vote=message.vote,
        reject=message.reject,
        rejectHint=message.reject_hint,
    )
    setattr(out, "from", message.from_)
    for entry in message.entries:
        out.entries.add(
            Type=raftpb_pb2.EntryType.ValueType(entry.type),
            Term=entry.term,
            Index=entry.index,
            Data=entry.data,
        )
    if message.snapshot is not None:
        out.snapshot.CopyFrom(_snapshot_message(message.snapshot))
    if message.context:
        out.context = message.context
    return out


def message_from_raftpb(message: raftpb_pb2.Message) -> Message:
    """Older peers send an empty snapshot in every message: that is none."""
    snapshot = _snapshot(message.snapshot) if message.HasField("snapshot") else None
    return Message(
        _MESSAGE_TYPES[message.type],
        message.to,
        getattr(message, "from"),
        message.term,
        message.logTerm,
        message.index,
        tuple([_entry(entry) for entry in message.entries]) if message.entries else (),
        message.commit,
        message.vote,
        snapshot if snapshot is not None and snapshot.index else None,
        message.reject,
        message.rejectHint,
        message.context,
    )


def encode_conf_change(change: ConfChange) -> bytes:
    return marshal(change)[1]


def decode_conf_change(entry: Entry) -> ConfChange | ConfChangeV2:
    """The change that a committed entry of either conf change type carries."""
    assert entry.type is not EntryType.NORMAL
    try:
        return unmarshal(entry.type, entry.data)
    except MalformedConfChange as error:
        raise ValueError(str(error)) from error


def _parse(message: M, data: bytes) -> M:
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise ValueError(f"not a {message.DESCRIPTOR.full_name}") from error
    return message


def _entry(message: raftpb_pb2.Entry) -> Entry:
    return Entry(message.Term, message.Index, _ENTRY_TYPES[message.Type], message.Data)


def _conf_state_message(state: ConfState) -> raftpb_pb2.ConfState:
    return raftpb_pb2.ConfState(
        voters=state.voters,
        learners=state.learners,
        voters_outgoing=state.voters_outgoing,
        learners_next=state.learners_next,
        auto_leave=state.auto_leave,
    )


def _conf_state(message: raftpb_pb2.ConfState) -> ConfState:
    return ConfState(
        tuple(message.voters),
        tuple(message.learners),
        tuple(message.voters_outgoing),
        tuple(message.learners_next),
        message.auto_leave,
    )


def _snapshot_message(snapshot: Snapshot) -> raftpb_pb2.Snapshot:
    metadata = raftpb_pb2.SnapshotMetadata(
        conf_state=_conf_state_message(snapshot.conf_state), index=snapshot.index, term=snapshot.term
    )
    return raftpb_pb2.Snapshot(data=snapshot.data, metadata=metadata)


def _snapshot(message: raftpb_pb2.Snapshot) -> Snapshot:
    metadata = message.metadata
    return Snapshot(metadata.index, metadata.term, _conf_state(metadata.conf_state), message.data)
