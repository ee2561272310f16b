"""The write-ahead log: etcd's format, what survives, and what is refused (docs/design/raft-node.md 2.11)."""

import random
import struct
from pathlib import Path

import pytest
from google_crc32c import value as crc32c
from swarm_core.raft.types import ConfState, Entry, EntryType, HardState
from swarm_core.raft_node.errors import DiskFailed, DiskFull, StateLocked, StateUnusable, WalCorrupt
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.frames import FrameEncoder, FrameReader, RecordType
from swarm_core.raft_node.log.wal import SnapshotMark, WriteAheadLog
from swarm_core.raft_node.log.wal_reader import WalContent, open_log
from swarm_testkit.disk import MemoryDisk, PowerCut

WAL = Path("/raft/wal")
FIRST = WAL / "0000000000000000-0000000000000000.wal"
METADATA = b"metadata of this node"
SEGMENT = 16_384
RAFT_ID = 0x5DEECE66D1234567


def create(
    disk: MemoryDisk, segment_bytes: int = SEGMENT, entries: list[Entry] | None = None
) -> WriteAheadLog:
    disk.make_directory(WAL.parent)
    return WriteAheadLog.create(
        disk,
        WAL,
        METADATA,
        hard_state=HardState(1, 0, 1) if entries else HardState(),
        entries=entries or [],
        segment_bytes=segment_bytes,
    )


def reopen(disk: MemoryDisk, after: SnapshotMark | None = None) -> WalContent:
    log, content = open_log(disk, WAL, after or SnapshotMark(), segment_bytes=SEGMENT)
    log.close()
    return content


def entry(index: int, size: int = 20, term: int = 1) -> Entry:
    return Entry(term, index, EntryType.NORMAL, random.Random(index).randbytes(size))


def filled(count: int, size: int = 20) -> tuple[MemoryDisk, list[Entry]]:
    disk = MemoryDisk()
    log = create(disk)
    entries = [entry(index, size) for index in range(1, count + 1)]
    for one in entries:
        log.save(HardState(1, RAFT_ID, one.index), [one])
        log.sync()
    log.close()
    return disk, entries


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_crc_known_answers(data: bytes, expected: int) -> None:
    """CRC-32C gives the answers of RFC 3720, in one piece or chained."""
    assert crc32c(data) == expected
    encoder = FrameEncoder()
    encoder.encode(RecordType.ENTRY, data[:5])
    encoder.encode(RecordType.ENTRY, data[5:])
    assert encoder.crc == expected


def test_the_first_bytes_of_a_log() -> None:
    """A new log is, byte for byte: crc 0, the metadata, the empty snapshot, zeros."""
    disk = MemoryDisk()
    create(disk).close()
    content = disk.read(FIRST)
    crc_metadata = crc32c(METADATA)
    crc_mark = crc32c(METADATA + b"\x08\x00\x10\x00")

    def varint(value: int) -> bytes:
        out = b""
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    def frame(record: bytes) -> bytes:
        padding = -len(record) % 8
        top = 0x80 | padding if padding else 0
        return struct.pack("<Q", len(record) | top << 56) + record + bytes(padding)

    expected = frame(b"\x08\x04\x10\x00")
    expected += frame(b"\x08\x01\x10" + varint(crc_metadata) + b"\x1a" + varint(len(METADATA)) + METADATA)
    expected += frame(b"\x08\x05\x10" + varint(crc_mark) + b"\x1a\x04\x08\x00\x10\x00")
    assert content == expected.ljust(SEGMENT, b"\0")


def test_entries_and_hard_state_come_back() -> None:
    """What was saved is read, the newest hard state and the newest entry of an index."""
    disk = MemoryDisk()
    log = create(disk)
    log.save(HardState(1, 7, 0), [entry(1), entry(2), entry(3)])
    log.save(HardState(2, 7, 1), [entry(2, term=2)])
    log.sync()
    log.close()
    content = reopen(disk)
    assert content.metadata == METADATA
    assert content.hard_state == HardState(2, 7, 1)
    assert content.entries == [entry(1), entry(2, term=2)]


def test_segments_are_cut_named_and_chained() -> None:
    """A full file is cut to its size; the next is named by sequence and first index and carries the CRC on."""
    disk, entries = filled(300, 200)
    names = disk.names(WAL)
    assert len(names) > 4
    assert names[0] == FIRST.name
    firsts = [int(name[17:33], 16) for name in names]
    assert [int(name[:16], 16) for name in names] == list(range(len(names)))
    assert firsts == sorted(set(firsts))
    for name in names[:-1]:
        assert len(disk.read(WAL / name)) < SEGMENT + 1000
    second = disk.read(WAL / names[1])
    records = list(FrameReader(second, len(second), None))
    assert [record.type for record in records[:3]] == [
        RecordType.CRC,
        RecordType.METADATA,
        RecordType.HARD_STATE,
    ]
    assert reopen(disk).entries == entries


def test_appending_after_reopening() -> None:
    """A reopened log goes on where it ended, again and again."""
    disk, entries = filled(3)
    for index in range(4, 200):
        log, content = open_log(disk, WAL, SnapshotMark(), segment_bytes=SEGMENT)
        assert content.entries == entries
        entries.append(entry(index, 100))
        log.save(HardState(1, RAFT_ID, index), entries[-1:])
        log.sync()
        log.close()
    assert len(disk.names(WAL)) > 1


def _tail_start(disk: MemoryDisk, records: int) -> tuple[bytes, int, int]:
    """The content of the only file, where its last `records` records begin, and where they end."""
    content = disk.read(FIRST)
    reader = FrameReader(content, len(content), None)
    starts = [0]
    starts.extend(reader.offset for _ in reader)
    return content, starts[-1 - records], reader.offset


@pytest.mark.parametrize("preallocated", [True, False])
@pytest.mark.parametrize("size", [1, 20, 700])
def test_a_tail_torn_at_any_byte_is_mended(preallocated: bool, size: int) -> None:
    """Wherever the last write was cut short, the records before it stay, and the log can be used."""
    disk, entries = filled(4, size)
    content, start, end = _tail_start(disk, 4)
    for cut_at in range(start, end):
        torn = content[:cut_at]
        disk.replace(FIRST, torn, SEGMENT if preallocated else cut_at)
        log, read = open_log(disk, WAL, SnapshotMark(), segment_bytes=SEGMENT)
        survivors = read.entries
        assert survivors == entries[: len(survivors)]
        assert len(survivors) >= 2
        assert read.hard_state.commit in (len(survivors), len(survivors) - 1)
        following = entry(len(survivors) + 1)
        log.save(HardState(1, RAFT_ID, following.index), [following])
        log.sync()
        log.close()
        assert reopen(disk).entries == [*survivors, following]


def test_a_mended_log_keeps_a_copy() -> None:
    """The torn file is kept as it was, as `.broken`."""
    disk, _ = filled(2)
    content, start, _ = _tail_start(disk, 1)
    disk.replace(FIRST, content[: start + 10], start + 10)
    reopen(disk)
    assert disk.read(WAL / (FIRST.name + ".broken")) == content[: start + 10]
    disk.remove(WAL / (FIRST.name + ".broken"))
    reopen(disk)
    assert FIRST.name + ".broken" not in disk.names(WAL)


def test_a_torn_log_is_mended_without_room_for_a_copy() -> None:
    """A full disk may be what tore the log: it is mended there too, then without a copy."""
    disk, entries = filled(2)
    content, start, _ = _tail_start(disk, 1)
    disk.replace(FIRST, content[: start + 10], SEGMENT)
    disk.capacity -= disk.room()
    assert reopen(disk).entries == entries
    assert FIRST.name + ".broken" not in disk.names(WAL)


def test_a_lost_sector_of_the_last_write_is_torn() -> None:
    """A sector of zeros in the last record means that it was never synced, even if later sectors are there."""
    disk, entries = filled(3, 3000)
    content, start, end = _tail_start(disk, 2)
    lost = (start // 512 + 2) * 512
    assert lost + 512 < end
    disk.replace(FIRST, content[:lost] + bytes(512) + content[lost + 512 :], SEGMENT)
    assert reopen(disk).entries == entries[:2]


def test_every_flipped_byte_in_the_middle_is_refused() -> None:
    """Any changed byte of the synced middle gives one sentence with file and offset, and nothing is cut."""
    disk, entries = filled(12, 40)
    content, end, _ = _tail_start(disk, 6)
    reader = FrameReader(content, len(content), None)
    starts = [0, *(reader.offset for _ in reader)]
    padding = _padding_offsets(content, starts)
    for offset in range(end):
        for mask in (0x01, 0x80, 0xFF):
            changed = bytearray(content)
            changed[offset] ^= mask
            disk.replace(FIRST, bytes(changed), SEGMENT)
            if offset in padding:
                assert reopen(disk).entries == entries
                continue
            with pytest.raises(StateUnusable, match=r"/raft/wal") as refused:
                reopen(disk)
            if isinstance(refused.value, WalCorrupt):
                assert refused.value.path == FIRST
                assert f"at byte {refused.value.offset}: " in str(refused.value)
            assert disk.read(FIRST) == bytes(changed)


def _padding_offsets(content: bytes, starts: list[int]) -> set[int]:
    """Bytes behind a record's end carry no meaning."""
    out: set[int] = set()
    for start in starts[:-1]:
        word = struct.unpack_from("<Q", content, start)[0]
        size = word & (1 << 56) - 1
        padding = word >> 56 & 7 if word >> 63 else 0
        out.update(range(start + 8 + size, start + 8 + size + padding))
    return out


def test_damage_in_an_older_segment_is_refused() -> None:
    """Only the last file can be torn."""
    disk, _ = filled(300, 200)
    path = WAL / disk.names(WAL)[1]
    content = disk.read(path)
    disk.replace(path, content[:-20], len(content) - 20)
    with pytest.raises(WalCorrupt, match=path.name):
        reopen(disk)
    disk.replace(path, content[:-2000], len(content))
    with pytest.raises(WalCorrupt, match=path.name):
        reopen(disk)


def test_a_missing_segment_is_refused() -> None:
    """A gap in the sequence is named."""
    disk, _ = filled(300, 200)
    names = disk.names(WAL)
    disk.remove(WAL / names[2])
    with pytest.raises(StateUnusable, match=names[1]):
        reopen(disk)


def test_reading_from_a_snapshot_and_releasing() -> None:
    """A log opened at a mark gives the entries after it; files before it may go."""
    disk = MemoryDisk()
    log = create(disk)
    entries = [entry(index, 200) for index in range(1, 301)]
    mark = SnapshotMark(150, 1, ConfState((1,)))
    for one in entries:
        log.save(HardState(1, RAFT_ID, one.index), [one])
        if one.index == 200:
            log.save_mark(mark)
    before = len(disk.names(WAL))
    log.release(150)
    log.sync()
    log.close()
    assert len(disk.names(WAL)) < before
    content = reopen(disk, mark)
    assert content.entries == entries[150:]
    assert content.marks == [mark]
    with pytest.raises(StateUnusable, match="does not know the snapshot of index 151"):
        reopen(disk, SnapshotMark(151, 1))
    with pytest.raises(WalCorrupt, match="follows term 2"):
        reopen(disk, SnapshotMark(150, 2))
    with pytest.raises(StateUnusable, match="reaches back to index 0"):
        reopen(disk)


def test_a_snapshot_ahead_of_the_log() -> None:
    """A snapshot from the leader may lie ahead of all entries; the log goes on behind it."""
    disk = MemoryDisk()
    log = create(disk)
    log.save(HardState(1, 0, 2), [entry(1), entry(2)])
    mark = SnapshotMark(100, 3, ConfState((1, 2)))
    log.save_mark(mark)
    log.save(HardState(3, 0, 100), [entry(101, term=3)])
    log.sync()
    log.close()
    assert reopen(disk, mark).entries == [entry(101, term=3)]


def test_lock() -> None:
    """Two processes cannot use one log."""
    disk = MemoryDisk()
    log = create(disk)
    with pytest.raises(StateLocked):
        reopen(disk)
    log.close()
    reopen(disk)


def test_full_disk_when_cutting() -> None:
    """No room for the next file is DiskFull; everything synced before is still there."""
    disk = MemoryDisk(capacity=SEGMENT + 2000)
    log = create(disk)
    saved: list[Entry] = []
    with pytest.raises(DiskFull):
        for index in range(1, 1000):
            log.save(HardState(1, RAFT_ID, index), [entry(index, 300)])
            log.sync()
            saved.append(entry(index, 300))
    log.close()
    disk.capacity = 1 << 30
    assert reopen(disk).entries[: len(saved)] == saved


def test_nothing_is_written_after_a_failure() -> None:
    """A half-written record must stay the last one: the log takes no more, and a restart mends it."""
    disk = MemoryDisk()
    log = create(disk, 400)
    log.save(HardState(1, RAFT_ID, 0), [entry(1)])
    log.sync()
    disk.capacity -= disk.room()
    with pytest.raises(DiskFull):
        log.save(None, [entry(2, 500)])
    disk.capacity = 1 << 30
    assert not log.is_sound
    with pytest.raises(DiskFailed, match="takes no more writes"):
        log.save(None, [entry(2)])
    with pytest.raises(DiskFailed, match="takes no more writes"):
        log.sync()
    log.close()
    assert reopen(disk).entries == [entry(1)]


def test_power_cut_anywhere() -> None:
    """After a crash in any step, all synced entries are there and nothing that was never written is."""
    for seed in range(300):
        rng = random.Random(seed)
        disk = MemoryDisk()
        disk.make_directory(WAL.parent)
        disk.fail_after(rng.randrange(60))
        written, synced = 0, 0
        try:
            log = create(disk, 4096)
            for index in range(1, 200):
                written = index
                log.save(HardState(1, RAFT_ID, index - 1), [entry(index, rng.randrange(1500))])
                if rng.random() < 0.7:
                    log.sync()
                    synced = index
        except PowerCut:
            pass
        disk = disk.reboot(rng)
        if not disk.names(WAL):
            assert synced == 0, f"seed {seed}"
            continue
        content = reopen(disk)
        assert synced <= len(content.entries) <= written, f"seed {seed}"
        assert [one.index for one in content.entries] == list(range(1, len(content.entries) + 1))


def test_on_the_real_disk(tmp_path: Path) -> None:
    """The same on real files: create, cut, tear, mend."""
    disk = SystemDisk()
    directory = tmp_path / "raft" / "wal"
    disk.make_directory(directory.parent)
    log = WriteAheadLog.create(disk, directory, METADATA, hard_state=HardState(), segment_bytes=SEGMENT)
    entries = [entry(index, 500) for index in range(1, 100)]
    for one in entries:
        log.save(HardState(1, RAFT_ID, one.index), [one])
        log.sync()
    log.close()
    last = directory / disk.names(directory)[-1]
    assert last.stat().st_size == SEGMENT
    content = last.read_bytes().rstrip(b"\0")
    with last.open("r+b") as file:
        file.truncate(len(content) - 100)
    log, read = open_log(disk, directory, SnapshotMark(), segment_bytes=SEGMENT)
    log.close()
    disk.close()
    assert read.entries == entries[: len(read.entries)]
    assert len(read.entries) >= 98
    assert last.with_name(last.name + ".broken").stat().st_size == len(content) - 100
