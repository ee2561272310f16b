"""The promises of the Disk port, kept by the real disk and by the one in memory."""

import asyncio
import os
import random
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.raft_node.errors import AccessDenied, DiskFailed, DiskFull, StateLocked
from swarm_core.raft_node.log.disk import Disk, SystemDisk
from swarm_testkit.disk import MemoryDisk, PowerCut
from swarm_testkit.host import lacking


@pytest.fixture(params=["system", "memory"])
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    disk: Disk = SystemDisk() if request.param == "system" else MemoryDisk()
    yield disk
    disk.close()


@pytest.fixture
def directory(disk: Disk, tmp_path: Path) -> Path:
    path = tmp_path / "raft" / "wal"
    disk.make_directory(path)
    return path


def test_append_read_and_position(disk: Disk, directory: Path) -> None:
    """What was appended is read back, behind what was there."""
    file = disk.open(directory / "a")
    file.cut(0, 4096)
    file.append(b"one")
    file.append(b"two")
    file.sync()
    assert (file.position, file.length) == (6, 4096)
    assert file.read().rstrip(b"\0") == b"onetwo"
    file.close()


def test_cut_drops_the_end_and_reserves_zeros(disk: Disk, directory: Path) -> None:
    """After a cut the old bytes never come back, and reserved space reads as zeros."""
    file = disk.open(directory / "a")
    file.append(b"x" * 3000)
    file.cut(1000, 2000)
    file.append(b"y")
    assert file.read().ljust(2000, b"\0") == b"x" * 1000 + b"y" + bytes(999)
    file.cut(1001, 0)
    assert file.length == 1001
    file.close()
    assert disk.read(directory / "a") == b"x" * 1000 + b"y"


def test_a_file_grows_past_its_reserve(disk: Disk, directory: Path) -> None:
    """The reserve is no limit."""
    file = disk.open(directory / "a")
    file.cut(0, 10)
    file.append(b"z" * 100)
    assert file.length == 100
    file.close()


def test_open_locks(disk: Disk, directory: Path) -> None:
    """A second opening is refused until the first one is closed."""
    file = disk.open(directory / "a")
    with pytest.raises(StateLocked, match="in use by another process"):
        disk.open(directory / "a")
    file.close()
    disk.open(directory / "a").close()


def test_names_rename_and_remove(disk: Disk, directory: Path) -> None:
    """Names come sorted, move with their directory, and go."""
    disk.write(directory / "b", b"2")
    disk.write(directory / "a", b"1")
    file = disk.open(directory / "c.tmp")
    file.rename(directory / "c")
    assert file.path == directory / "c"
    file.close()
    assert disk.names(directory) == ["a", "b", "c"]
    moved = directory.with_name("moved")
    disk.rename(directory, moved)
    assert disk.names(directory) == []
    assert disk.read(moved / "a") == b"1"
    disk.remove(moved / "a")
    assert disk.names(moved) == ["b", "c"]
    disk.remove(moved)
    assert disk.names(moved) == []
    assert "moved" not in disk.names(moved.parent)


def test_write_replaces(disk: Disk, directory: Path) -> None:
    """A whole file is replaced at once, and leaves nothing beside it."""
    disk.write(directory / "a", b"first")
    disk.write(directory / "a", b"2nd")
    assert disk.read(directory / "a") == b"2nd"
    assert disk.names(directory) == ["a"]


def test_missing_file_is_a_typed_error(disk: Disk, directory: Path) -> None:
    """Reading what is not there names the file."""
    with pytest.raises(DiskFailed, match="nothing"):
        disk.read(directory / "nothing")


async def test_run_returns_and_raises(disk: Disk) -> None:
    """Work off the loop hands back its result or its error."""
    assert await disk.run(lambda: 5) == 5
    assert await disk.run_aside(lambda: 6) == 6
    with pytest.raises(ZeroDivisionError):
        await disk.run(lambda: 1 // 0)


def test_files_are_private(tmp_path: Path) -> None:
    """Directories are 0700 and files 0600 whatever the umask; an open directory is refused."""
    disk = SystemDisk()
    old = os.umask(0)
    try:
        disk.make_directory(tmp_path / "a" / "b")
        disk.open(tmp_path / "a" / "b" / "log").close()
        disk.write(tmp_path / "a" / "b" / "snap", b"")
    finally:
        os.umask(old)
        disk.close()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in sorted((tmp_path / "a").rglob("*"))]
    assert modes == [0o700, 0o600, 0o600]
    (tmp_path / "a").chmod(0o755)
    with pytest.raises(AccessDenied, match="mode 0755"):
        disk.make_directory(tmp_path / "a")


def test_full_device_is_a_typed_error() -> None:
    """ENOSPC becomes DiskFull with the path in its sentence."""
    if not Path("/dev/full").exists():
        lacking("this host has no /dev/full")
    disk = SystemDisk()
    file = disk.open(Path("/dev/full"))
    with pytest.raises(DiskFull, match="no space left on the device of /dev/full"):
        file.append(b"x")
    file.close()
    disk.close()


async def test_cancelled_run_waits_for_its_work() -> None:
    """A cancelled caller leaves only when the thread is done with its files."""
    disk = SystemDisk()
    begun, let_go = threading.Event(), threading.Event()
    done = False

    def work() -> None:
        nonlocal done
        begun.set()
        let_go.wait(40)
        done = True

    task = asyncio.ensure_future(disk.run(work))
    assert await asyncio.to_thread(begun.wait, 40)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done
    disk.close()


def test_power_cut_keeps_synced_bytes_only_for_sure() -> None:
    """Synced bytes survive every crash; some crash loses unsynced ones, some keeps them."""
    outcomes = set()
    for seed in range(40):
        disk = MemoryDisk()
        disk.make_directory(Path("/d"))
        file = disk.open(Path("/d/a"))
        file.append(b"a" * 600)
        file.sync()
        file.append(b"b" * 600)
        disk.fail_after(0)
        with pytest.raises(PowerCut):
            file.sync()
        with pytest.raises(PowerCut):
            disk.read(Path("/d/a"))
        content = disk.reboot(random.Random(seed)).read(Path("/d/a"))
        assert content[:600] == b"a" * 600
        outcomes.add(content[600:])
    assert {b"", b"b" * 600} < outcomes


def test_memory_disk_fills_up() -> None:
    """Beyond the capacity an append writes what fits and raises."""
    disk = MemoryDisk(capacity=10)
    file = disk.open(Path("/a"))
    file.append(b"12345678")
    with pytest.raises(DiskFull):
        file.append(b"9012")
    assert file.read() == b"1234567890"
