"""The change list on the wire: store actions of a log entry, and the store inside a raft snapshot.

Both are assembled from, and cut into, the encoded objects themselves: an object is encoded once and its bytes
serve the log, every watcher and every assignment. What is not understood (a newer member's action) is skipped.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swarm_core.api.tolerant import decode_tolerantly
from swarm_core.api.wire import DELIMITED, VARINT, delimited, fields, read_varint, tag, varint
from swarm_core.store.events import Replayed
from swarm_core.store.tables import SCHEMA_OF_ACTION, SCHEMA_OF_SNAPSHOT, SCHEMAS, StoreObject, TableSchema

CREATE = 1
UPDATE = 2
REMOVE = 3
_KNOWN_ACTIONS = (CREATE, UPDATE, REMOVE)

_ACTIONS = 2  # InternalRaftRequest.action
_KIND = 1  # StoreAction.action

# StoreAction.action = 1 and the tag of StoreAction's target, for each kind and action.
_HEADS: dict[tuple[type[Any], int], bytes] = {
    (schema.kind, action): tag(_KIND, VARINT) + varint(action) + tag(schema.action_field, DELIMITED)
    for schema in SCHEMAS
    for action in (CREATE, UPDATE, REMOVE)
}
# The same the other way round: what an action begins with, whoever wrote it. Each head is three bytes long.
_MEANINGS: dict[bytes, tuple[TableSchema[Any], int]] = {
    head: (SCHEMA_OF_ACTION[head[2] >> 3], action) for (_, action), head in _HEADS.items()
}
_HEAD_BYTES = 3
assert all(len(head) == _HEAD_BYTES for head in _MEANINGS)


def encode_action(kind: type[Any], action: int, encoded: bytes) -> bytes:
    """One `action` field of an InternalRaftRequest around an encoded object."""
    return delimited(_ACTIONS, _HEADS[kind, action] + varint(len(encoded)) + encoded)


class MalformedRecord(ValueError):
    """Bytes from the log or a snapshot are not what they should be."""


def decode_request(request: bytes) -> list[Replayed]:
    """The actions of an encoded InternalRaftRequest. Raises MalformedRecord."""
    changes = []
    try:
        for number, wire_type, body in fields(request):
            if number != _ACTIONS or wire_type != DELIMITED or not isinstance(body, bytes):
                continue
            if (change := _decode_action(body)) is not None:
                changes.append(change)
    except ValueError as error:
        raise MalformedRecord(f"an entry that is no request: {error}") from error
    return changes


def _decode_action(body: bytes) -> Replayed | None:
    """None for an action or a kind of object that only a newer member knows."""
    # A restart reads as many of these as the log holds. Every known member writes them in this one way.
    if (meaning := _MEANINGS.get(body[:_HEAD_BYTES])) is not None:
        size, start = read_varint(body, _HEAD_BYTES)
        if start + size == len(body):
            item, encoded = decode_tolerantly(meaning[0].kind, body[start:])
            return Replayed(meaning[1], item, encoded)
    action = 0
    target: tuple[TableSchema[Any], bytes] | None = None
    for number, wire_type, value in fields(body):
        if isinstance(value, int):
            action = value if number == _KIND else action
        elif wire_type == DELIMITED and (schema := SCHEMA_OF_ACTION.get(number)) is not None:
            target = (schema, value)
    if target is None or action not in _KNOWN_ACTIONS:
        return None
    schema, encoded = target
    item, encoded = decode_tolerantly(schema.kind, encoded)
    return Replayed(action, item, encoded)


def encode_snapshot(objects: Iterable[tuple[TableSchema[Any], Iterable[StoreObject]]]) -> bytes:
    """An encoded StoreSnapshot."""
    parts: list[bytes] = []
    for schema, items in objects:
        head = tag(schema.snapshot_field, DELIMITED)
        for item in items:
            encoded = item.SerializeToString()
            parts += (head, varint(len(encoded)), encoded)
    return b"".join(parts)


def decode_snapshot(snapshot: bytes) -> Iterator[tuple[TableSchema[Any], StoreObject, bytes]]:
    """The objects of an encoded StoreSnapshot with their bytes. Raises MalformedRecord."""
    try:
        for number, wire_type, body in fields(snapshot):
            schema = SCHEMA_OF_SNAPSHOT.get(number)
            if schema is not None and wire_type == DELIMITED and isinstance(body, bytes):
                item, encoded = decode_tolerantly(schema.kind, body)
                yield schema, item, encoded
    except ValueError as error:
        raise MalformedRecord(f"a snapshot that is none: {error}") from error
