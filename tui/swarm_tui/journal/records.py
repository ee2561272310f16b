"""What is written down, and its bytes: one record a change of an object, and records of the stream itself. Pure.

A block is many records, one after the other, compressed. What stands in every object of a cluster (names of images,
of services, of fields' contents) stands in the block's dictionary, a piece of the cluster as it was at the keyframe, so
that a block of a few records is small too.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.kinds import NOUNS
from swarm_core.api.proto import objects_pb2, watch_pb2

LEVEL: Final = 6
DICTIONARY_MAX: Final = 32 << 10
"""What zlib can look back to."""
_HEADER: Final = struct.Struct("<qBBI")

NUMBERS: Final = {
    getattr(objects_pb2, field.message_type.name): field.number
    for field in watch_pb2.Object.DESCRIPTOR.oneofs_by_name["Object"].fields
    if field.message_type is not None
}
"""Kinds by their numbers on the wire, which stay the same for ever."""
assert set(NUMBERS) == set(NOUNS)
KINDS: Final = {number: kind for kind, number in NUMBERS.items()}


class Verb(IntEnum):
    CREATED = 0
    UPDATED = 1
    REMOVED = 2
    LOST = 3
    """The stream broke; the data say why."""
    RESUMED = 4


OF_OBJECTS: Final = (Verb.CREATED, Verb.UPDATED, Verb.REMOVED)


@dataclass(frozen=True, slots=True)
class Record:
    """One change of one object, or something that befell the stream."""

    at_ns: int
    verb: int
    number: int
    """The kind's number; 0 where the record is of no object."""
    data: bytes

    @property
    def kind(self) -> type[Message] | None:
        """The object's kind; None when it is of none, or of one that this program does not know."""
        return KINDS.get(self.number)

    def object(self) -> Any:
        """The object as it was then, or as it last was when it was removed."""
        assert self.kind is not None
        return self.kind.FromString(self.data)


def packed(records: Iterable[Record]) -> bytes:
    """The records as bytes, not compressed."""
    parts: list[bytes] = []
    for record in records:
        parts.append(_HEADER.pack(record.at_ns, record.verb, record.number, len(record.data)))
        parts.append(record.data)
    return b"".join(parts)


class Packing:
    """Records as they come, at once as bytes: a storm of changes makes no other objects of them."""

    __slots__ = ("_parts", "count", "first_ns", "last_ns")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.count = 0
        self.first_ns = self.last_ns = 0

    def add(self, at_ns: int, verb: int, number: int, data: bytes) -> None:
        """One more record, not older than the one before."""
        if not self.count:
            self.first_ns = at_ns
        self.last_ns = at_ns
        self.count += 1
        self._parts += (_HEADER.pack(at_ns, verb, number, len(data)), data)

    def raw(self) -> bytes:
        """The records as bytes, not compressed."""
        return b"".join(self._parts)


def unpacked(raw: bytes) -> Iterator[Record]:
    """The records again. Raises ValueError for bytes that are none."""
    position, end = 0, len(raw)
    while position < end:
        if end - position < _HEADER.size:
            raise ValueError("a record is cut off")
        at_ns, verb, number, length = _HEADER.unpack_from(raw, position)
        position += _HEADER.size
        if end - position < length:
            raise ValueError("a record is cut off")
        yield Record(at_ns, verb, number, raw[position : position + length])
        position += length


def compressed(raw: bytes, dictionary: bytes = b"") -> bytes:
    """Smaller. The same dictionary makes it what it was."""
    worker = zlib.compressobj(LEVEL, zdict=dictionary) if dictionary else zlib.compressobj(LEVEL)
    return worker.compress(raw) + worker.flush()


def decompressed(data: bytes, dictionary: bytes = b"") -> bytes:
    """What it was. Raises ValueError for bytes that were not made by `compressed` with this dictionary."""
    worker = zlib.decompressobj(zdict=dictionary) if dictionary else zlib.decompressobj()
    try:
        return worker.decompress(data) + worker.flush()
    except zlib.error as error:
        raise ValueError(str(error)) from None


def dictionary_of(records: Iterable[Record]) -> bytes:
    """A piece of what these records have in common: some of them, from all over, as many as a dictionary holds."""
    known = list(records)
    total = sum(len(record.data) for record in known)
    every = max(total // DICTIONARY_MAX, 1)
    picked = b"".join(record.data for record in known[::every])
    return picked[-DICTIONARY_MAX:]
