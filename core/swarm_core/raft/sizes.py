"""How large entries are: on the wire (what limits of messages count) and by payload (what proposers count).

The wire size is that of raftpb's encoding with its scalar fields always present.
"""

from collections.abc import Iterable, Sequence

from swarm_core.raft.types import Entry

NO_LIMIT = (1 << 64) - 1

_TAG_AND_TYPE = 2


def _varint_size(value: int) -> int:
    return (value.bit_length() + 6) // 7 or 1


def entry_size(entry: Entry) -> int:
    """Bytes of one entry in raftpb's encoding."""
    size = _TAG_AND_TYPE + 1 + _varint_size(entry.term) + 1 + _varint_size(entry.index)
    length = len(entry.data)
    return size + 1 + _varint_size(length) + length if length else size


def entries_size(entries: Iterable[Entry]) -> int:
    """Bytes of all of them, encoded."""
    return sum(map(entry_size, entries))


def payload_size(entries: Iterable[Entry]) -> int:
    """Bytes that the proposers put in; empty entries count nothing."""
    return sum(len(entry.data) for entry in entries)


def cut_to_size(entries: Sequence[Entry], low: int, high: int, max_size: int) -> tuple[Entry, ...]:
    """The longest prefix of entries[low:high] within `max_size`, but at least one entry if there is any.

    Looks only at what it returns, so a long log costs nothing.
    """
    if low >= high:
        return ()
    if max_size >= NO_LIMIT:
        return tuple(entries[low:high])
    size = entry_size(entries[low])
    end = low + 1
    while end < high:
        size += entry_size(entries[end])
        if size > max_size:
            break
        end += 1
    return tuple(entries[low:end])
