"""Snapshot files (docs/design/raft-node.md 2.11)."""

from pathlib import Path

import pytest
from google_crc32c import value as crc32c
from swarm_core.api.proto import raftpb_pb2
from swarm_core.raft.types import ConfState, Snapshot
from swarm_core.raft_node.errors import DiskFull
from swarm_core.raft_node.log.snapshots import SnapshotFiles
from swarm_testkit.disk import MemoryDisk

SNAP = Path("/raft/snap")


def snapshot(index: int, term: int = 1) -> Snapshot:
    return Snapshot(index, term, ConfState((1, 2)), b"data of %d" % index)


@pytest.fixture
def disk() -> MemoryDisk:
    disk = MemoryDisk()
    disk.make_directory(SNAP)
    return disk


def test_the_newest_is_loaded(disk: MemoryDisk) -> None:
    """The highest term and index count."""
    files = SnapshotFiles(disk, SNAP)
    assert files.load_newest() is None
    for one in (snapshot(5), snapshot(300), snapshot(20)):
        files.save(one)
    assert files.load_newest() == snapshot(300)


def test_format(disk: MemoryDisk) -> None:
    """Name by term and index; content is the CRC and the marshalled raftpb.Snapshot."""
    SnapshotFiles(disk, SNAP).save(snapshot(0x1F, 2))
    assert disk.names(SNAP) == ["0000000000000002-000000000000001f.snap"]
    content = disk.read(SNAP / disk.names(SNAP)[0])
    body = raftpb_pb2.Snapshot(
        data=b"data of 31",
        metadata=raftpb_pb2.SnapshotMetadata(
            conf_state=raftpb_pb2.ConfState(voters=[1, 2], auto_leave=False), index=31, term=2
        ),
    ).SerializeToString()
    assert content.endswith(b"\x12" + bytes([len(body)]) + body)
    assert content[0] == 0x08
    crc = sum((byte & 0x7F) << 7 * at for at, byte in enumerate(content[1 : -len(body) - 2]))
    assert crc == crc32c(body)


def test_every_damaged_byte_is_found_out(disk: MemoryDisk) -> None:
    """A damaged file is put aside as `.broken` and an older one is used."""
    files = SnapshotFiles(disk, SNAP)
    files.save(snapshot(5))
    name = "0000000000000001-0000000000000009.snap"
    files.save(snapshot(9))
    content = disk.read(SNAP / name)
    for offset in range(len(content)):
        changed = bytearray(content)
        changed[offset] ^= 0xFF
        disk.write(SNAP / name, bytes(changed))
        assert files.load_newest() == snapshot(5)
        assert disk.names(SNAP)[-1] == name + ".broken"
    disk.write(SNAP / name, b"")
    assert files.load_newest() == snapshot(5)


def test_collecting(disk: MemoryDisk) -> None:
    """The newest and as many older ones as asked for stay."""
    files = SnapshotFiles(disk, SNAP)
    assert files.remove_older(0) == 0
    for index in (1, 2, 3, 4):
        files.save(snapshot(index))
    assert files.remove_older(2) == 2
    assert files.remove_older(0) == 4
    assert len(disk.names(SNAP)) == 1


def test_full_disk(disk: MemoryDisk) -> None:
    """A snapshot that finds no room leaves the older one in force."""
    files = SnapshotFiles(disk, SNAP)
    files.save(snapshot(1))
    disk.capacity = 10
    with pytest.raises(DiskFull):
        files.save(snapshot(2))
    assert files.load_newest() == snapshot(1)
