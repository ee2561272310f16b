"""Membership changes as bytes, and what kind of change they are.

`marshal` writes what raftpb writes with its scalar fields always present, so the bytes equal those of the
other members. `unmarshal` takes any valid encoding and skips fields that it does not know.

Raft itself writes and reads these entries, when it founds a group, leaves a joint configuration or looks at a
proposal. It imports nothing, so protobuf's wire format stands here a second time, beside `api.wire`.
"""

from collections.abc import Iterator

from swarm_core.raft.errors import MalformedConfChange
from swarm_core.raft.types import (
    ConfChange,
    ConfChangeSingle,
    ConfChangeTransition,
    ConfChangeType,
    ConfChangeV2,
    EntryType,
)

AnyConfChange = ConfChange | ConfChangeV2

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BITS_MAX = 64


def as_v2(change: AnyConfChange) -> ConfChangeV2:
    """The same change in the newer form."""
    if isinstance(change, ConfChangeV2):
        return change
    return ConfChangeV2((ConfChangeSingle(change.type, change.node_id),), context=change.context)


def leaves_joint(change: ConfChangeV2) -> bool:
    """An empty change is the wish to leave the joint configuration."""
    return change.transition is ConfChangeTransition.AUTO and not change.changes


def enters_joint(change: ConfChangeV2) -> bool:
    """More than one change, or the explicit wish, goes through a joint configuration."""
    return change.transition is not ConfChangeTransition.AUTO or len(change.changes) > 1


def leaves_automatically(change: ConfChangeV2) -> bool:
    """Whether the leader ends the joint configuration by itself."""
    return change.transition is not ConfChangeTransition.JOINT_EXPLICIT


def marshal(change: AnyConfChange | None) -> tuple[EntryType, bytes]:
    """Type and data of the entry that carries the change; None is the automatic leaving of a joint one.

    The automatic one has no bytes at all, so that no limit on uncommitted payload can refuse it.
    """
    if change is None:
        return EntryType.CONF_CHANGE_V2, b""
    if isinstance(change, ConfChange):
        data = _scalar(1, change.id) + _scalar(2, change.type) + _scalar(3, change.node_id)
        return EntryType.CONF_CHANGE, data + _chunk(4, change.context)
    data = _scalar(1, change.transition)
    for single in change.changes:
        data += _chunk(2, _scalar(1, single.type) + _scalar(2, single.node_id))
    return EntryType.CONF_CHANGE_V2, data + _chunk(3, change.context)


def unmarshal(type_: EntryType, data: bytes) -> AnyConfChange:
    """The change that an entry carries; raises MalformedConfChange."""
    try:
        return _read_v1(data) if type_ is EntryType.CONF_CHANGE else _read_v2(data)
    except (ValueError, IndexError) as error:
        raise MalformedConfChange(f"bytes are no membership change: {error}") from error


def _read_v1(data: bytes) -> ConfChange:
    numbers, chunks = _fields(data, numbers=(1, 2, 3), chunks=(4,))
    return ConfChange(
        type=ConfChangeType(numbers.get(2, 0)),
        node_id=numbers.get(3, 0),
        context=chunks[4][-1] if chunks[4] else b"",
        id=numbers.get(1, 0),
    )


def _read_v2(data: bytes) -> ConfChangeV2:
    numbers, chunks = _fields(data, numbers=(1,), chunks=(2, 3))
    singles = []
    for chunk in chunks[2]:
        single, _ = _fields(chunk, numbers=(1, 2), chunks=())
        singles.append(ConfChangeSingle(ConfChangeType(single.get(1, 0)), single.get(2, 0)))
    return ConfChangeV2(
        changes=tuple(singles),
        transition=ConfChangeTransition(numbers.get(1, 0)),
        context=chunks[3][-1] if chunks[3] else b"",
    )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _scalar(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _chunk(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value if value else b""


def _fields(
    data: bytes, *, numbers: tuple[int, ...], chunks: tuple[int, ...]
) -> tuple[dict[int, int], dict[int, list[bytes]]]:
    """The wanted fields of one message: of a scalar the last value, of a chunk all."""
    found_numbers: dict[int, int] = {}
    found_chunks: dict[int, list[bytes]] = {field: [] for field in chunks}
    for field, value in _raw_fields(data):
        if isinstance(value, int) and field in numbers:
            found_numbers[field] = value
        elif isinstance(value, bytes) and field in chunks:
            found_chunks[field].append(value)
        elif field in numbers or field in chunks:
            raise ValueError(f"field {field} has the wrong wire type")
    return found_numbers, found_chunks


def _raw_fields(data: bytes) -> Iterator[tuple[int, int | bytes | None]]:
    """Number and value of each field; the value of a fixed one is not needed and left out."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        wire_type = key & 7
        if wire_type == _VARINT:
            number, position = _read_varint(data, position)
            yield key >> 3, number
            continue
        if wire_type == _BYTES:
            length, position = _read_varint(data, position)
        elif wire_type in _FIXED_SIZES:
            length = _FIXED_SIZES[wire_type]
        else:
            raise ValueError(f"unknown wire type {wire_type}")
        end = position + length
        if end > len(data):
            raise ValueError("cut off in the middle of a field")
        yield key >> 3, data[position:end] if wire_type == _BYTES else None
        position = end


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift >= _VARINT_BITS_MAX:
            raise ValueError("a number of more than 64 bits")
