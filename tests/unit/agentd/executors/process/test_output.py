"""What the shim writes, the reader finds again: framing, rotation, tail and since."""

import os
import resource
import signal
from pathlib import Path

import pytest
from swarm_agentd.executors.process.logs import end_of, files, read, read_batch, tail_of
from swarm_agentd.executors.process.shim import LINE_BYTES_MAX, STDERR, STDOUT, OutputLog
from swarm_core.api.proto.logbroker_pb2 import LogSubscriptionOptions
from swarm_core.runtime.clock import SystemClock

ALL = (STDOUT, STDERR)


def sizes(directory: Path) -> list[int]:
    return [path.stat().st_size for path in directory.iterdir()]


async def texts(directory: Path, **options: object) -> list[bytes]:
    asked = LogSubscriptionOptions(**options)  # type: ignore[arg-type]
    return [message.data async for message in read(directory, asked, SystemClock(), lambda: True)]


async def test_lines_are_kept_whole(tmp_path: Path) -> None:
    """A line that comes in pieces is one record; what has no line end is kept at the end."""
    log = OutputLog(str(tmp_path), 1 << 20, 3)
    log.add(STDOUT, b"hel", 1)
    log.add(STDERR, b"err\n", 2)
    log.add(STDOUT, b"lo\nrest", 3)
    assert await texts(tmp_path) == [b"err\n", b"hello\n"]
    log.flush(4)
    assert await texts(tmp_path) == [b"err\n", b"hello\n", b"rest"]


async def test_long_lines_are_cut(tmp_path: Path) -> None:
    """No record is longer than the limit, and no byte is lost."""
    log = OutputLog(str(tmp_path), 1 << 20, 3)
    line = os.urandom(3 * LINE_BYTES_MAX).replace(b"\n", b"x") + b"\n"
    for at in range(0, len(line), 5000):
        log.add(STDOUT, line[at : at + 5000], 1)
    records = await texts(tmp_path)
    assert b"".join(records) == line and max(map(len, records)) <= LINE_BYTES_MAX


async def test_tail_counts_lines_not_their_pieces(tmp_path: Path) -> None:
    """The last line is given whole, however many records it takes."""
    log = OutputLog(str(tmp_path), 1 << 20, 3)
    line = b"y" * (3 * LINE_BYTES_MAX) + b"z\n"
    log.add(STDOUT, b"before\n", 1)
    log.add(STDERR, b"between\n", 1)
    log.add(STDOUT, line, 1)
    assert b"".join(await texts(tmp_path, tail=-2)) == line
    assert b"".join(await texts(tmp_path, tail=-3)) == b"between\n" + line


async def test_files_rotate_and_stay_bounded(tmp_path: Path) -> None:
    """However much is written, files are few and small, and the newest lines are there in order."""
    log = OutputLog(str(tmp_path), 1000, 3)
    for number in range(2000):
        log.add(STDOUT, b"line %d\n" % number, number)
    assert len(files(tmp_path)) == 3 and max(sizes(tmp_path)) <= 1000
    records = await texts(tmp_path)
    first = int(records[0].split()[1])
    assert records == [b"line %d\n" % number for number in range(first, 2000)]
    assert await texts(tmp_path, tail=-61) == records[-60:]


async def test_tail_counts_the_wanted_streams(tmp_path: Path) -> None:
    """tail of one stream is not shortened by the other's lines, and since cuts by time."""
    log = OutputLog(str(tmp_path), 1 << 20, 3)
    for number in range(10):
        log.add(STDOUT, b"o%d\n" % number, number * 10**9)
        log.add(STDERR, b"e%d\n" % number, number * 10**9)
    assert await texts(tmp_path, streams=[STDERR], tail=-3) == [b"e8\n", b"e9\n"]
    assert await texts(tmp_path, streams=[STDOUT], since={"seconds": 9}) == [b"o9\n"]
    assert tail_of(tmp_path, 0, ALL) == end_of(tmp_path)
    assert await texts(tmp_path, tail=-100) == await texts(tmp_path)


def test_half_a_frame_is_not_there_yet(tmp_path: Path) -> None:
    """A reader that comes in the middle of a write sees the whole frames only, and the rest later."""
    log = OutputLog(str(tmp_path), 1 << 20, 3)
    log.add(STDOUT, b"one\ntwo\n", 1)
    file = tmp_path / "00000001"
    whole = file.read_bytes()
    file.write_bytes(whole[:-2])
    frames, position = read_batch(tmp_path, end_of(tmp_path / "nowhere"))
    assert [frame.data for frame in frames] == [b"one\n"]
    file.write_bytes(whole)
    assert [frame.data for frame in read_batch(tmp_path, position)[0]] == [b"two\n"]


async def test_no_room_loses_lines_not_the_log(tmp_path: Path) -> None:
    """When a write fails half way, what was there and what comes later can still be read."""
    log = OutputLog(str(tmp_path), 1 << 20, 3)
    log.add(STDOUT, b"before\n", 1)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30, old[1]))
        log.add(STDOUT, b"lost for want of room\n", 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    log.add(STDOUT, b"after\n", 3)
    assert await texts(tmp_path) == [b"before\n", b"after\n"]


@pytest.mark.parametrize("follow", [False, True])
async def test_nothing_written_is_nothing_read(tmp_path: Path, follow: bool) -> None:
    """A task that never wrote, or has no directory any more, has no records."""
    assert await texts(tmp_path / "gone", follow=follow) == []
