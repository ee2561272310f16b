"""A backup as a stream of parts: a head, the pieces of a snapshot, an end (docs/design/backup.md 17.1).

Managers make it, clients keep it, a restore reads it. Who reads follows it with a `Follower`, which knows by the end whether it is whole.
Between programs a part is a varint of its length and its bytes. Every ValueError is a sentence without its subject and its full stop: "is cut off".
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.message import DecodeError

from swarm_core.api.proto.backup_pb2 import BackupEnd, BackupHead, BackupPart
from swarm_core.api.wire import read_varint, varint

FORMAT: Final = 1
PIECE_BYTES: Final = 256 << 10
# A part is a piece or a head with three PEM files.
_PART_BYTES_MAX: Final = 4 * PIECE_BYTES
_LENGTH_BYTES_MAX: Final = 10
NEWER: Final = "was made by a later version ({}) in a format that this one does not know; use that version"
CUT_OFF: Final = "is cut off"
_MALFORMED: Final = "is no backup of a swarm, or damaged"


def parts_of(head: BackupHead, snapshot: bytes) -> Iterator[BackupPart]:
    """The parts of a backup."""
    yield BackupPart(head=head)
    for at in range(0, len(snapshot), PIECE_BYTES):
        yield BackupPart(piece=snapshot[at : at + PIECE_BYTES])
    yield BackupPart(end=BackupEnd(bytes=len(snapshot), sha256=hashlib.sha256(snapshot).digest()))


class Follower:
    """Knows the head once it came, and `is_whole` once the end came and fits the pieces."""

    def __init__(self) -> None:
        self.head: BackupHead | None = None
        self.is_whole = False
        self._bytes = 0
        self._digest = hashlib.sha256()

    def take(self, part: BackupPart) -> None:
        """The next part. Raises ValueError for one that does not belong there."""
        kind = part.WhichOneof("part")
        if self.is_whole or (kind == "head") == (self.head is not None):
            raise ValueError(_MALFORMED)
        match kind:
            case "head":
                self._begin(part.head)
            case "piece":
                self._bytes += len(part.piece)
                self._digest.update(part.piece)
            case "end" if (part.end.bytes, part.end.sha256) == (self._bytes, self._digest.digest()):
                self.is_whole = True
            case _:
                raise ValueError(_MALFORMED)

    def end(self) -> BackupHead:
        """No more parts come: the head. Raises ValueError unless the backup is whole."""
        if not self.is_whole or self.head is None:
            raise ValueError(CUT_OFF)
        return self.head

    def _begin(self, head: BackupHead) -> None:
        if head.format > FORMAT:
            raise ValueError(NEWER.format(head.version or "?"))
        self.head = head


def framed(part: BackupPart) -> bytes:
    """A part with its length before it."""
    body = part.SerializeToString()
    return varint(len(body)) + body


def unframed(chunks: Iterable[bytes]) -> Iterator[BackupPart]:
    """The parts in bytes that come in chunks of any size. Raises ValueError."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while (found := _first(held)) is not None:
            begin, end = found
            try:
                part = BackupPart.FromString(bytes(held[begin:end]))
            except DecodeError:
                raise ValueError(_MALFORMED) from None
            del held[:end]
            yield part
    if held:
        raise ValueError(CUT_OFF)


def _first(held: bytearray) -> tuple[int, int] | None:
    """Where the first part begins and ends; None while it is not all there."""
    if not any(byte < 0x80 for byte in held[:_LENGTH_BYTES_MAX]):
        if len(held) >= _LENGTH_BYTES_MAX:
            raise ValueError(_MALFORMED)
        return None
    length, begin = read_varint(bytes(held[:_LENGTH_BYTES_MAX]), 0)
    if length > _PART_BYTES_MAX:
        raise ValueError(_MALFORMED)
    return (begin, begin + length) if begin + length <= len(held) else None
