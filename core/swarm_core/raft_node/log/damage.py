"""Was a damaged record torn by a crash, or did the disk corrupt it?

A torn record was never acknowledged, and nothing behind it was: both may be cut off. A corrupt record must be refused, because
cutting there would throw away acknowledged entries.

Rules
1. A sector that never reached the disk reads as zeros, and so does everything behind a write that was cut short. A record
   without such zeros, in a file that does not end inside the record, was not torn.
2. A damaged length may make a record seem to contain its successors. When sound records begin inside the bytes that a record
   claims, its length is wrong, and it is corrupt.
"""

from swarm_core.raft_node.log.frames import WORD_BYTES, DamagedRecord, decode_record, decode_word, is_word_of

_SECTOR_BYTES = 512
_RECORD_START = b"\x08"  # every record begins with the tag of its type
_RECORD_BYTES_MIN = 4


def is_torn(content: bytes, length: int, damaged: DamagedRecord) -> bool:
    """Whether the record at `damaged.offset` of a file of `length` bytes is the work of a crash."""
    start = damaged.offset + WORD_BYTES
    cut_short = damaged.end > length or damaged.end < start or start > length
    if not cut_short and not _has_lost_bytes(content, start, damaged.end):
        return False
    return not _swallows_records(content, start, min(damaged.end, length))


def _has_lost_bytes(content: bytes, start: int, end: int) -> bool:
    at = start
    while at < end:
        sector_end = min(at - at % _SECTOR_BYTES + _SECTOR_BYTES, end)
        if not any(content[at:sector_end]):
            return True
        at = sector_end
    return not any(content[_last_record_byte(content, start, end) :])


def _last_record_byte(content: bytes, start: int, end: int) -> int:
    size = decode_word(content[start - WORD_BYTES : start].ljust(WORD_BYTES, b"\0"))
    return min(start + max(size, 1) - 1, end)


def _swallows_records(content: bytes, start: int, end: int) -> bool:
    at = start
    while (found := content.find(_RECORD_START, at + WORD_BYTES, end)) >= 0:
        at = found - WORD_BYTES
        if at % WORD_BYTES == 0 and _is_record(content, at):
            return True
        at += 1
    return False


def _is_record(content: bytes, at: int) -> bool:
    start = at + WORD_BYTES
    word = content[at:start]
    size = decode_word(word)
    if size < _RECORD_BYTES_MIN or not is_word_of(word, size) or start + size > len(content):
        return False
    try:
        decode_record(content[start : start + size])
    except ValueError:
        return False
    return True
