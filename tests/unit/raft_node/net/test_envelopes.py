"""Requests of the Raft service: large snapshots in parts, waiting messages together."""

import random
from dataclasses import replace

from swarm_core.api.limits import REQUEST_BYTES_MAX
from swarm_core.api.proto import raft_pb2
from swarm_core.raft.types import ConfState, Entry, Message, MessageType, Snapshot
from swarm_core.raft_node.codec import message_from_raftpb
from swarm_core.raft_node.net.envelopes import is_same_snapshot, merged, requests


def append(index: int, *terms: int, commit: int = 0, log_term: int = 1, term: int = 3) -> Message:
    entries = tuple(Entry(one, index + at, data=b"d") for at, one in enumerate(terms, 1))
    return Message(
        MessageType.APP, 2, 1, term=term, log_term=log_term, index=index, entries=entries, commit=commit
    )


def test_one_request_for_an_ordinary_message() -> None:
    """It decodes to what was sent."""
    message = append(4, 1, 2, commit=3)
    (data,) = requests(message)
    assert message_from_raftpb(raft_pb2.StreamRaftMessageRequest.FromString(data).message) == message


def test_a_large_snapshot_goes_in_parts() -> None:
    """Each part is within the limit and repeats the message; the data adds up, at every size around the limit."""
    rng = random.Random(1)
    for size in (10, REQUEST_BYTES_MAX - 200, REQUEST_BYTES_MAX, 3 * REQUEST_BYTES_MAX + 7):
        snapshot = Snapshot(9, 2, ConfState((1, 2)), rng.randbytes(size))
        message = Message(MessageType.SNAP, 2, 1, term=2, snapshot=snapshot)
        encoded = list(requests(message))
        assert max(map(len, encoded)) <= REQUEST_BYTES_MAX
        parts = [raft_pb2.StreamRaftMessageRequest.FromString(data).message for data in encoded]
        assert all(is_same_snapshot(parts[0], part) for part in parts)
        whole = message_from_raftpb(parts[0])
        assert whole.snapshot is not None
        data = b"".join(part.snapshot.data for part in parts)
        assert replace(whole, snapshot=replace(whole.snapshot, data=data)) == message


def test_appends_that_follow_each_other_become_one() -> None:
    """The result is the append that raft could have sent: all entries, the newest commit index."""
    both = merged(append(4, 1, 2, commit=3), append(6, 2, 3, commit=5, log_term=2))
    assert both == append(4, 1, 2, 2, 3, commit=5)
    assert merged(append(4, 1, commit=3), append(5, commit=5)) == append(4, 1, commit=5)


def test_what_does_not_follow_stays_apart() -> None:
    """A gap, another term of the sender or of the entry before, or another kind."""
    first = append(4, 1, 2)
    for second in (
        append(7, 2, log_term=2),
        append(6, 2, log_term=1),
        append(6, 2, log_term=2, term=4),
        Message(MessageType.HEARTBEAT, 2, 1, term=3),
    ):
        assert merged(first, second) is None
    big = replace(first, entries=(Entry(1, 5, data=bytes(1 << 20)),))
    assert merged(big, append(5, 1)) is None


def test_answers_and_heartbeats() -> None:
    """The later acknowledgement says it all; a refusal is never dropped."""
    one = Message(MessageType.APP_RESP, 1, 2, term=3, index=5)
    assert merged(one, replace(one, index=8)) == replace(one, index=8)
    assert merged(one, replace(one, index=8, reject=True)) is None
    assert merged(replace(one, reject=True), one) is None
    beat = Message(MessageType.HEARTBEAT, 2, 1, term=3, commit=4)
    assert merged(beat, replace(beat, commit=6)) == replace(beat, commit=6)
    assert merged(beat, replace(beat, context=b"x")) is None
    vote = Message(MessageType.VOTE, 2, 1, term=3)
    assert merged(vote, vote) is None
