"""Opening a write-ahead log: read it, check it, mend a torn end, and make it ready to append.

Rules
1. Reading starts in the segment that holds the snapshot's index, and must meet that snapshot's mark.
2. A record that a crash tore, at the very end of the last segment, is cut off once. Before that a copy of the file is put beside
   it as `.broken`. A full disk may be what tore the record: where the copy finds no room there is none.
3. Everything else that does not fit is refused with WalCorrupt.
4. The CRC covers a record's data but not its type, so the order of terms and indexes is checked as well.
"""

import logging
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from swarm_core.api.wire import DELIMITED, fields
from swarm_core.raft.types import Entry, HardState
from swarm_core.raft_node.codec import decode_conf_state, decode_entry, decode_hard_state
from swarm_core.raft_node.errors import DiskFull, StateUnusable, WalCorrupt
from swarm_core.raft_node.log.damage import is_torn
from swarm_core.raft_node.log.disk import Disk, LogFile
from swarm_core.raft_node.log.frames import DamagedRecord, FrameEncoder, FrameReader, Record, RecordType
from swarm_core.raft_node.log.wal import (
    SEGMENT_BYTES,
    SegmentName,
    SnapshotMark,
    WriteAheadLog,
    segment_names,
)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class WalContent:
    """What the log says from a snapshot on: entries after it, and the newest hard state."""

    metadata: bytes | None = None
    hard_state: HardState = field(default_factory=HardState)
    entries: list[Entry] = field(default_factory=list)
    marks: list[SnapshotMark] = field(default_factory=list)


@dataclass(slots=True)
class _SegmentEnd:
    crc: int
    position: int


class _Replay:
    """Takes the records in order. Raises ValueError for one that contradicts those before."""

    def __init__(self, after: SnapshotMark) -> None:
        self.content = WalContent()
        self._after = after
        self.mark_found = False

    def take(self, record: Record) -> None:
        match record.type:
            case RecordType.ENTRY:
                self._take_entry(decode_entry(record.data))
            case RecordType.HARD_STATE:
                self._take_hard_state(decode_hard_state(record.data))
            case RecordType.METADATA:
                if self.content.metadata not in (None, record.data):
                    raise ValueError("the metadata differs from that of the file before")
                self.content.metadata = record.data
            case RecordType.SNAPSHOT:
                self._take_mark(decode_mark(record.data))
            case RecordType.CRC:
                pass

    def _take_entry(self, entry: Entry) -> None:
        entries = self.content.entries
        at = entry.index - self._after.index - 1
        if at < 0:
            return
        if at > len(entries):
            raise ValueError(f"entry {entry.index} follows entry {self._after.index + len(entries)}")
        if at < len(entries) and entry.index <= self.content.hard_state.commit:
            raise ValueError(f"entry {entry.index} replaces a committed one")
        before = entries[at - 1].term if at else self._after.term
        if entry.term < before or entry.term == 0:
            raise ValueError(f"entry {entry.index} of term {entry.term} follows term {before}")
        del entries[at:]
        entries.append(entry)

    def _take_hard_state(self, state: HardState) -> None:
        before = self.content.hard_state
        if state.term < before.term or state.commit < before.commit:
            raise ValueError("the hard state goes back")
        self.content.hard_state = state

    def _take_mark(self, mark: SnapshotMark) -> None:
        self.content.marks.append(mark)
        if mark.index == self._after.index:
            if mark.term != self._after.term:
                raise ValueError(f"snapshot {mark.index} is of term {mark.term}, not {self._after.term}")
            self.mark_found = True


def decode_mark(data: bytes) -> SnapshotMark:
    index = term = 0
    conf_state = None
    for number, wire_type, value in fields(data):
        if number == 1 and isinstance(value, int):
            index = value
        elif number == 2 and isinstance(value, int):
            term = value
        elif number == 3 and wire_type == DELIMITED and isinstance(value, bytes):
            conf_state = decode_conf_state(value)
    return SnapshotMark(index, term, conf_state)


def open_log(
    disk: Disk, directory: Path, after: SnapshotMark, *, segment_bytes: int = SEGMENT_BYTES
) -> tuple[WriteAheadLog, WalContent]:
    """The log of `directory`, ready to append, and its content after a snapshot. Raises StateUnusable."""
    names = _needed(directory, disk, after)
    files: list[tuple[SegmentName, LogFile]] = []
    try:
        for name in names:
            files.append((name, disk.open(directory / str(name))))
        replay = _Replay(after)
        crc: int | None = None
        for _, file in files:
            end = _read_segment(disk, file, crc, replay, is_last=file is files[-1][1])
            crc = end.crc
        _check_whole(directory, replay, after)
        # What lies behind the end was never acknowledged; leftovers there would spoil the next records.
        files[-1][1].cut(end.position, segment_bytes)
    except BaseException:
        for _, file in files:
            file.close()
        raise
    content = replay.content
    assert content.metadata is not None
    log = WriteAheadLog(
        disk,
        directory,
        content.metadata,
        segments=files,
        encoder=FrameEncoder(end.crc),
        hard_state=content.hard_state,
        last_index=content.entries[-1].index if content.entries else after.index,
        segment_bytes=segment_bytes,
    )
    return log, content


def _needed(directory: Path, disk: Disk, after: SnapshotMark) -> list[SegmentName]:
    names = segment_names(disk.names(directory))
    starts = [at for at, name in enumerate(names) if name.first_index <= after.index]
    if not starts:
        raise StateUnusable(f"{directory} has no write-ahead log that reaches back to index {after.index}")
    needed = names[starts[-1] :]
    for one, following in pairwise(needed):
        if following.sequence != one.sequence + 1:
            raise StateUnusable(f"{directory} lacks a file of the write-ahead log after {one}")
    return needed


def _read_segment(
    disk: Disk, file: LogFile, crc: int | None, replay: _Replay, *, is_last: bool
) -> _SegmentEnd:
    content, length = file.read(), file.length
    reader = FrameReader(content, length, crc)
    start = 0
    try:
        for record in reader:
            if (start == 0) != (record.type is RecordType.CRC):
                raise ValueError("a file begins with its checksum record, and has no other")
            replay.take(record)
            start = reader.offset
    except ValueError as error:
        raise WalCorrupt(file.path, start, str(error)) from error
    except DamagedRecord as damaged:
        if not is_last or not is_torn(content, length, damaged):
            raise WalCorrupt(file.path, damaged.offset, damaged.reason) from damaged
        _keep_copy(disk, file.path.with_name(file.path.name + ".broken"), content)
    if not is_last and any(content[reader.offset :]):
        raise WalCorrupt(file.path, reader.offset, "the data ends before the file does")
    return _SegmentEnd(reader.crc or 0, reader.offset)


def _keep_copy(disk: Disk, path: Path, content: bytes) -> None:
    """For whoever wants to know; what was torn was never acknowledged, so the log is whole without it."""
    try:
        disk.write(path, content)
    except DiskFull:
        _log.warning("no room for %s; the torn end of the write-ahead log is cut off without a copy", path)


def _check_whole(directory: Path, replay: _Replay, after: SnapshotMark) -> None:
    content = replay.content
    if content.metadata is None:
        raise StateUnusable(f"the write-ahead log in {directory} lacks its metadata")
    if not replay.mark_found:
        raise StateUnusable(
            f"the write-ahead log in {directory} does not know the snapshot of index {after.index}"
        )
    last = content.entries[-1].index if content.entries else after.index
    if content.hard_state.commit > last:
        raise StateUnusable(
            f"the write-ahead log in {directory} ends at index {last}, before the committed index "
            f"{content.hard_state.commit}"
        )
