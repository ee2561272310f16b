"""The change list on the wire: store actions of a log entry, and the store inside a raft snapshot.

Both are assembled from, and cut into, the encoded objects themselves: an object is encoded once and its bytes
serve the log, every watcher and every assignment. What is not understood (a newer member's action) is skipped.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swarm_core.store.events import Replayed
from swarm_core.store.tables import SCHEMA_OF_ACTION, SCHEMA_OF_SNAPSHOT, SCHEMAS, StoreObject, TableSchema

CREATE = 1
UPDATE = 2
REMOVE = 3

_ACTION_TAG = b"\x12"  # InternalRaftRequest.action = 2, length-delimited
_WIRE_VARINT, _WIRE_I64, _WIRE_BYTES, _WIRE_I32 = 0, 1, 2, 5


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# StoreAction.action = 1 and the tag of StoreAction's target, for each kind and action.
_HEADS: dict[tuple[type[Any], int], bytes] = {
    (schema.kind, action): b"\x08" + bytes((action,)) + bytes((schema.action_field << 3 | _WIRE_BYTES,))
    for schema in SCHEMAS
    for action in (CREATE, UPDATE, REMOVE)
}


def encode_action(kind: type[Any], action: int, encoded: bytes) -> bytes:
    """One `action` field of an InternalRaftRequest around an encoded object."""
    body = _HEADS[kind, action] + _varint(len(encoded)) + encoded
    return _ACTION_TAG + _varint(len(body)) + body


class MalformedRecord(Exception):
    """Bytes from the log or a snapshot are not what they should be."""


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a message; fixed-width fields are skipped. Raises MalformedRecord."""
    at, end = 0, len(data)
    try:
        while at < end:
            tag, at = _read_varint(data, at)
            number, wire = tag >> 3, tag & 7
            if wire == _WIRE_BYTES:
                size, at = _read_varint(data, at)
                if at + size > end:
                    raise MalformedRecord("a field is longer than its message")
                yield number, data[at : at + size]
                at += size
            elif wire == _WIRE_VARINT:
                value, at = _read_varint(data, at)
                yield number, value
            elif wire in (_WIRE_I64, _WIRE_I32):
                at += 8 if wire == _WIRE_I64 else 4
            else:
                raise MalformedRecord(f"unknown wire type {wire}")
    except IndexError:
        raise MalformedRecord("the message ends inside a field") from None


def decode_request(request: bytes) -> list[Replayed]:
    """The actions of an encoded InternalRaftRequest. Raises MalformedRecord."""
    changes = []
    for number, body in _fields(request):
        if number != 2 or not isinstance(body, bytes):
            continue
        action = 0
        target: tuple[TableSchema[Any], bytes] | None = None
        for field, value in _fields(body):
            if field == 1 and isinstance(value, int):
                action = value
            elif isinstance(value, bytes) and (schema := SCHEMA_OF_ACTION.get(field)) is not None:
                target = (schema, value)
        if target is not None and action in (CREATE, UPDATE, REMOVE):
            schema, encoded = target
            changes.append(Replayed(action, schema.kind.FromString(encoded), encoded))
    return changes


def encode_snapshot(objects: Iterable[tuple[TableSchema[Any], Iterable[StoreObject]]]) -> bytes:
    """An encoded StoreSnapshot."""
    parts: list[bytes] = []
    for schema, items in objects:
        tag = bytes((schema.snapshot_field << 3 | _WIRE_BYTES,))
        for item in items:
            encoded = item.SerializeToString()
            parts += (tag, _varint(len(encoded)), encoded)
    return b"".join(parts)


def decode_snapshot(snapshot: bytes) -> Iterator[tuple[TableSchema[Any], StoreObject, bytes]]:
    """The objects of an encoded StoreSnapshot with their bytes. Raises MalformedRecord."""
    for number, encoded in _fields(snapshot):
        if isinstance(encoded, bytes) and (schema := SCHEMA_OF_SNAPSHOT.get(number)) is not None:
            yield schema, schema.kind.FromString(encoded), encoded
