"""The data of a raft snapshot: members and store, as docker.swarmkit.v1.Snapshot.

The store's part stays the bytes that the state machine made: it is never decoded here.
"""

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from swarm_core.api.proto.snapshot_pb2 import ClusterSnapshot
from swarm_core.api.wire import DELIMITED, delimited, fields

_VERSION, _MEMBERSHIP, _STORE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class EncodedState:
    """Members and store after the entry of this index and term, encoded."""

    index: int
    term: int
    data: bytes


def encode_cluster_snapshot(membership: ClusterSnapshot, store: bytes) -> bytes:
    """Version 0, whose number is left out."""
    return delimited(_MEMBERSHIP, membership.SerializeToString()) + delimited(_STORE, store)


def decode_cluster_snapshot(data: bytes) -> tuple[ClusterSnapshot, bytes]:
    """Raises ValueError."""
    membership, store = ClusterSnapshot(), b""
    for number, wire_type, value in fields(data):
        if number == _VERSION and value != 0:
            raise ValueError(f"snapshot version {value!r} is not known")
        if wire_type != DELIMITED or not isinstance(value, bytes):
            continue
        if number == _MEMBERSHIP:
            try:
                membership.MergeFromString(value)
            except DecodeError as error:
                raise ValueError("malformed members in a snapshot") from error
        elif number == _STORE:
            # The parts of a field that is there twice add up, as protobuf has it.
            store += value
    return membership, store
