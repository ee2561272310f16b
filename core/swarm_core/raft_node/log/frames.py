"""Records of the log and their frames: etcd's walpb.Record in etcd's framing.

A frame is a little-endian length word, the record, and zeros up to a multiple of eight bytes; the top
byte of the word is 0x80 | padding when there is any. A zero word ends the data. Each record carries the
running CRC-32C over the `data` of all records so far; a CRC record hands it on to the next file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from google_crc32c import extend

from swarm_core.api.wire import DELIMITED, fields, varint

_WORD = struct.Struct("<Q")
_LENGTH_MASK = (1 << 56) - 1
WORD_BYTES = _WORD.size
_END_OF_DATA = bytes(WORD_BYTES)


class RecordType(IntEnum):
    METADATA = 1
    ENTRY = 2
    HARD_STATE = 3
    CRC = 4
    SNAPSHOT = 5


_TYPES = frozenset(RecordType)


@dataclass(frozen=True, slots=True)
class Record:
    type: RecordType
    crc: int
    data: bytes


class DamagedRecord(Exception):
    """The frame at `offset`, up to `end` by its own account, cannot be what was written."""

    def __init__(self, offset: int, end: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.end = end
        self.reason = reason


class FrameEncoder:
    """Makes frames and keeps the running CRC."""

    def __init__(self, crc: int = 0) -> None:
        self.crc = crc

    def encode(self, kind: RecordType, data: bytes = b"") -> bytes:
        self.crc = extend(self.crc, data)
        record = b"\x08" + varint(kind) + b"\x10" + varint(self.crc)
        if data:
            record += b"\x1a" + varint(len(data)) + data
        return _encode_word(len(record)) + record + bytes(_padding(len(record)))


class FrameReader:
    """Reads the records of one file of `length` bytes, of which `content` leaves out zeros at the end.

    `crc` is the running CRC so far, None for the first file that is read.
    """

    def __init__(self, content: bytes, length: int, crc: int | None) -> None:
        self._content = content
        self._length = length
        self.crc = crc
        self.offset = 0  # everything before it is sound

    def __iter__(self) -> Iterator[Record]:
        """The records up to the end of data. Raises DamagedRecord."""
        while self.offset < self._length:
            start = self.offset + WORD_BYTES
            if start > self._length:
                raise self._damage(self._length, "the file ends inside a length word")
            word = self._bytes(self.offset, start)
            size = decode_word(word)
            if word == _END_OF_DATA:
                return
            end = start + size + _padding(size)
            if end > self._length:
                raise self._damage(end, f"a record of {size} bytes goes beyond the end of the file")
            if not is_word_of(word, size):
                raise self._damage(end, "malformed length word")
            record = self._check(self._bytes(start, start + size), end)
            self.offset = end
            yield record

    def _check(self, data: bytes, end: int) -> Record:
        try:
            record = decode_record(data)
        except ValueError as error:
            raise self._damage(end, f"not a record ({error})") from error
        if record.type == RecordType.CRC:
            if self.crc is not None and self.crc != record.crc:
                raise self._damage(end, "the checksum does not follow the one of the file before")
            self.crc = record.crc
        else:
            crc = extend(self.crc or 0, record.data)
            if crc != record.crc:
                raise self._damage(end, "checksum mismatch")
            self.crc = crc
        return record

    def _bytes(self, start: int, end: int) -> bytes:
        return self._content[start:end].ljust(end - start, b"\0")

    def _damage(self, end: int, reason: str) -> DamagedRecord:
        return DamagedRecord(self.offset, end, reason)


def decode_word(word: bytes) -> int:
    """Size of the record that follows."""
    value: int = _WORD.unpack(word)[0]
    return value & _LENGTH_MASK


def is_word_of(word: bytes, size: int) -> bool:
    """Whether this is how the length of a record of `size` bytes is written."""
    return word == _encode_word(size)


def _encode_word(size: int) -> bytes:
    padding = _padding(size)
    return _WORD.pack(size | (0x80 | padding) << 56 if padding else size)


def _padding(size: int) -> int:
    return -size % WORD_BYTES


def decode_record(data: bytes) -> Record:
    """Raises ValueError."""
    kind = crc = 0
    body = b""
    for number, wire_type, value in fields(data):
        if number == 3:
            if wire_type != DELIMITED or not isinstance(value, bytes):
                raise ValueError("data is no bytes")
            body = value
        elif number in (1, 2):
            if not isinstance(value, int):
                raise ValueError("type or checksum is no number")
            kind, crc = (value, crc) if number == 1 else (kind, value)
    if kind not in _TYPES:
        raise ValueError(f"record type {kind}")
    return Record(RecordType(kind), crc, body)
