"""Raft messages as the bytes of the Raft service's requests.

A request has one field, the message. A snapshot that is too large for one request goes in several: each repeats the message with
another piece of the snapshot's data. Two messages to the same member may be merged when raft itself could have sent the result.
"""

from collections.abc import Iterator
from dataclasses import replace

from swarm_core.api.limits import REQUEST_BYTES_MAX
from swarm_core.api.proto import raftpb_pb2
from swarm_core.api.wire import delimited
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.codec import message_to_raftpb

# Lengths are written in front of what they measure: a few bytes that the sum of the parts does not know.
_LENGTHS = 64
_MERGED_BYTES_MAX = 1 << 20

assert _MERGED_BYTES_MAX + _LENGTHS <= REQUEST_BYTES_MAX


def requests(message: Message) -> Iterator[bytes]:
    """The encoded requests that carry `message`: one, or several for a large snapshot."""
    encoded = message_to_raftpb(message)
    whole = encoded.SerializeToString()
    if message.type is not MessageType.SNAP or len(whole) + _LENGTHS <= REQUEST_BYTES_MAX:
        yield delimited(1, whole)
        return
    assert message.snapshot is not None
    data = message.snapshot.data
    size = REQUEST_BYTES_MAX - _LENGTHS - (len(whole) - len(data))
    for start in range(0, len(data), size):
        encoded.snapshot.data = data[start : start + size]
        yield delimited(1, encoded.SerializeToString())


def is_same_snapshot(first: raftpb_pb2.Message, further: raftpb_pb2.Message) -> bool:
    """Whether `further` goes on with the snapshot that `first` begins."""
    kind = raftpb_pb2.MsgSnap
    return first.type == kind and further.type == kind and first.index == further.index


def merged(first: Message, second: Message) -> Message | None:
    """One message that says both, sent one after the other to the same member; None when there is none."""
    if first.type is not second.type or first.term != second.term:
        return None
    match first.type:
        case MessageType.APP:
            return _merged_appends(first, second)
        case MessageType.APP_RESP:
            accepted = not first.reject and not second.reject and second.index >= first.index
            return second if accepted else None
        case MessageType.HEARTBEAT | MessageType.HEARTBEAT_RESP:
            return second if first.context == second.context and second.commit >= first.commit else None
    return None


def _merged_appends(first: Message, second: Message) -> Message | None:
    end = first.entries[-1] if first.entries else None
    index, term = (end.index, end.term) if end else (first.index, first.log_term)
    if (second.index, second.log_term) != (index, term) or second.commit < first.commit:
        return None
    if sum(len(entry.data) for message in (first, second) for entry in message.entries) > _MERGED_BYTES_MAX:
        return None
    return replace(second, index=first.index, log_term=first.log_term, entries=first.entries + second.entries)
