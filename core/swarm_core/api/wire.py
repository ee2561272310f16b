"""Protobuf's wire format where it is read and written by hand: varints, tags and length-prefixed fields.

The one place that knows them, for bytes without a generated class (records of the log) and for reaching a field's
bytes without decoding the message around it. Malformed input raises ValueError. Only `raft` has its own copy, since it
imports nothing.
"""

from collections.abc import Iterator

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
_VARINT_BYTES_MAX = 10


def _built(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# The numbers, sizes and tags that nearly all fields have, ready made: looking them up costs half of building them.
_VARINTS = tuple(map(_built, range(4096)))
_DELIMITED_TAGS = tuple(_built(number << 3 | DELIMITED) for number in range(16))


def varint(value: int) -> bytes:
    """`value` (not negative) as a varint."""
    return _VARINTS[value] if value < len(_VARINTS) else _built(value)


def tag(number: int, wire_type: int) -> bytes:
    """What stands before a field's value."""
    return varint(number << 3 | wire_type)


def delimited(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    try:
        return _DELIMITED_TAGS[number] + _VARINTS[len(payload)] + payload
    except IndexError:
        return tag(number, DELIMITED) + varint(len(payload)) + payload


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at` and where it ends."""
    value = shift = 0
    try:
        while (byte := data[at]) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if shift == 7 * _VARINT_BYTES_MAX:
                raise ValueError("a varint of more than 64 bits")
    except IndexError:
        raise ValueError("a varint without an end") from None
    return value | byte << shift, at + 1


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field, in order: an int for a varint, the bytes of everything else."""
    at, end = 0, len(data)
    while at < end:
        if (head := data[at]) < 0x80:
            at += 1
        else:
            head, at = read_varint(data, at)
        number, wire_type = head >> 3, head & 7
        if number == 0:
            raise ValueError("field number 0")
        if wire_type == VARINT:
            value, at = read_varint(data, at)
            yield number, wire_type, value
            continue
        if wire_type == DELIMITED:
            size, at = read_varint(data, at)
        elif wire_type in _FIXED_BYTES:
            size = _FIXED_BYTES[wire_type]
        else:
            raise ValueError(f"wire type {wire_type}")
        if at + size > end:
            raise ValueError("a field beyond the end")
        yield number, wire_type, data[at : at + size]
        at += size
