"""The few rules of protobuf's wire format that this room applies by hand.

For messages without a generated class (records of the log) and for reaching a field's bytes without
decoding the message. Malformed input raises ValueError.
"""

from collections.abc import Iterator

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

_SMALL = tuple(bytes((n,)) for n in range(128))
_VARINT_BYTES_MAX = 10


def varint(value: int) -> bytes:
    """`value` (not negative) as a varint."""
    if value < 128:
        return _SMALL[value]
    out = bytearray()
    while value >= 128:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | DELIMITED) + varint(len(payload)) + payload


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at` and where it ends."""
    value = shift = 0
    for position in range(at, min(at + _VARINT_BYTES_MAX, len(data))):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
    raise ValueError("varint without an end")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values, in order: an int for a varint, bytes for everything else."""
    at, end = 0, len(data)
    while at < end:
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field number 0")
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield number, value
            continue
        if kind == DELIMITED:
            size, at = read_varint(data, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > end:
            raise ValueError("field beyond the end")
        yield number, data[at : at + size]
        at += size
