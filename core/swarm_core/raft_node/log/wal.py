"""The write-ahead log: what this member must not forget, in etcd's file format.

Files are named by sequence and first index. Each begins with the CRC so far and the metadata; all but the first repeat the hard
state. Nothing is buffered: `save` hands bytes to the file, `sync` makes them durable. After a failed write or sync nothing is
known about the end of the file, so nothing more is written. A file that has reached SEGMENT_BYTES is cut to its content, and a
new one follows, which appears under its final name only when it is complete. Calls block, and come from one thread at a time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swarm_core.api.wire import delimited, varint
from swarm_core.raft.types import ConfState, Entry, HardState
from swarm_core.raft_node.codec import encode_conf_state, encode_entry, encode_hard_state
from swarm_core.raft_node.errors import DiskFailed
from swarm_core.raft_node.log.disk import Disk, LogFile
from swarm_core.raft_node.log.frames import FrameEncoder, RecordType

SEGMENT_BYTES = 64_000_000

_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.wal")


@dataclass(frozen=True, slots=True)
class SnapshotMark:
    """Says in the log that a snapshot of this index and term was stored."""

    index: int = 0
    term: int = 0
    conf_state: ConfState | None = None


@dataclass(frozen=True, slots=True)
class SegmentName:
    """`first_index` is the index of the first entry that the file may hold."""

    sequence: int
    first_index: int

    def __str__(self) -> str:
        return f"{self.sequence:016x}-{self.first_index:016x}.wal"


def segment_names(names: Iterable[str]) -> list[SegmentName]:
    """The segments among the names of a directory, in order."""
    matches = (_NAME.fullmatch(name) for name in sorted(names))
    return [SegmentName(int(match[1], 16), int(match[2], 16)) for match in matches if match]


def encode_mark(mark: SnapshotMark) -> bytes:
    """walpb.Snapshot; the conf state is mandatory for any but the empty snapshot."""
    assert mark.index == 0 or mark.conf_state is not None
    head = b"\x08" + varint(mark.index) + b"\x10" + varint(mark.term)
    return head if mark.conf_state is None else head + delimited(3, encode_conf_state(mark.conf_state))


class WriteAheadLog:
    """The open log, ready to append. Made by `create` or by `wal_reader.open_log`."""

    def __init__(
        self,
        disk: Disk,
        directory: Path,
        metadata: bytes,
        *,
        segments: list[tuple[SegmentName, LogFile]],
        encoder: FrameEncoder,
        hard_state: HardState,
        last_index: int,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        assert segments
        self._disk = disk
        self._directory = directory
        self._metadata = metadata
        self._segments = segments  # oldest first, all locked; the last one is appended to
        self._encoder = encoder
        self._hard_state = hard_state
        self._last_index = last_index
        self._segment_bytes = segment_bytes
        self._is_sound = True

    @classmethod
    def create(
        cls,
        disk: Disk,
        directory: Path,
        metadata: bytes,
        *,
        hard_state: HardState,
        entries: Iterable[Entry] = (),
        segment_bytes: int = SEGMENT_BYTES,
    ) -> "WriteAheadLog":
        """A new log that begins with `entries` and `hard_state`: whole and durable, or not there."""
        temporary = directory.with_name(directory.name + ".tmp")
        if disk.names(temporary):
            disk.remove(temporary)
        disk.make_directory(temporary)
        encoder = FrameEncoder()
        frames = [
            encoder.encode(RecordType.CRC),
            encoder.encode(RecordType.METADATA, metadata),
            encoder.encode(RecordType.SNAPSHOT, encode_mark(SnapshotMark())),
        ]
        last_index = 0
        for entry in entries:
            frames.append(encoder.encode(RecordType.ENTRY, encode_entry(entry)))
            last_index = entry.index
        if hard_state != HardState():
            frames.append(encoder.encode(RecordType.HARD_STATE, encode_hard_state(hard_state)))
        name = SegmentName(0, 0)
        file = _new_file(disk, temporary / str(name), b"".join(frames), segment_bytes)
        position = file.position
        file.close()
        disk.rename(temporary, directory)
        file = disk.open(directory / str(name))
        file.cut(position, segment_bytes)
        return cls(
            disk,
            directory,
            metadata,
            segments=[(name, file)],
            encoder=encoder,
            hard_state=hard_state,
            last_index=last_index,
            segment_bytes=segment_bytes,
        )

    def save(self, hard_state: HardState | None, entries: Iterable[Entry]) -> None:
        """Append entries, then the hard state. Not durable before `sync`."""
        frames = []
        for entry in entries:
            frames.append(self._encoder.encode(RecordType.ENTRY, encode_entry(entry)))
            self._last_index = entry.index
        if hard_state is not None:
            frames.append(self._encoder.encode(RecordType.HARD_STATE, encode_hard_state(hard_state)))
            self._hard_state = hard_state
        self._append(b"".join(frames))

    def save_mark(self, mark: SnapshotMark) -> None:
        """Append a snapshot mark. Not durable before `sync`."""
        frame = self._encoder.encode(RecordType.SNAPSHOT, encode_mark(mark))
        # A snapshot from the leader may lie ahead of our entries: the next file begins after it.
        self._last_index = max(self._last_index, mark.index)
        self._append(frame)

    def sync(self) -> None:
        self._begin()
        self._tail.sync()
        self._is_sound = True

    def release(self, index: int) -> None:
        """Delete the files that hold nothing after `index`."""
        while len(self._segments) > 1 and self._segments[1][0].first_index <= index:
            _, file = self._segments.pop(0)
            file.close()
            self._disk.remove(file.path)

    def close(self) -> None:
        for _, file in self._segments:
            file.close()

    @property
    def is_sound(self) -> bool:
        """False after a write or sync has failed."""
        return self._is_sound

    @property
    def bytes_left(self) -> int:
        """How much fits into the file before a new one is begun."""
        return self._segment_bytes - self._tail.position

    @property
    def _tail(self) -> LogFile:
        return self._segments[-1][1]

    def _append(self, frames: bytes) -> None:
        self._begin()
        self._tail.append(frames)
        if self._tail.position >= self._segment_bytes:
            self._cut()
        self._is_sound = True

    def _begin(self) -> None:
        """Of what is done whole or is the last that is done: who comes to its end says that the log is sound. Raises DiskFailed."""
        if not self._is_sound:
            raise DiskFailed(f"write-ahead log {self._tail.path} failed before and takes no more writes")
        self._is_sound = False

    def _cut(self) -> None:
        """Close the tail at its size and go on in a new file."""
        self._tail.sync()
        self._tail.cut(self._tail.position, 0)
        name = SegmentName(self._segments[-1][0].sequence + 1, self._last_index + 1)
        encoder = FrameEncoder(self._encoder.crc)
        head = encoder.encode(RecordType.CRC) + encoder.encode(RecordType.METADATA, self._metadata)
        head += encoder.encode(RecordType.HARD_STATE, encode_hard_state(self._hard_state))
        file = _new_file(self._disk, self._directory / f"{name}.tmp", head, self._segment_bytes)
        self._segments.append((name, file))
        file.rename(self._directory / str(name))
        self._encoder = encoder


def _new_file(disk: Disk, path: Path, content: bytes, reserve: int) -> LogFile:
    """A file that holds `content`, durably, with space behind it."""
    file = disk.open(path)
    try:
        file.cut(0, reserve)
        file.append(content)
        file.sync()
    except BaseException:
        file.close()
        raise
    return file
