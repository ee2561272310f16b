"""Reads the framed output files of a task, from any point, while the shim appends and rotates.

Rules: files are read in the order of their numbers; half a frame at the end is not there yet; a file that went away
under the reader is skipped. Reading is synchronous and in small steps, meant for a worker thread.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from swarm_core.api.proto.logbroker_pb2 import LogMessage, LogSubscriptionOptions
from swarm_core.api.timestamps import timestamp, timestamp_ns
from swarm_core.runtime.clock import Clock

from swarm_agentd.executors.process.shim import FRAME, LINE_BYTES_MAX

BATCH_BYTES = 256 * 1024
FOLLOW_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True, order=True)
class Position:
    number: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    at: Position
    time_ns: int
    stream: int
    data: bytes


async def read(
    directory: Path, options: LogSubscriptionOptions, clock: Clock, has_ended: Callable[[], bool]
) -> AsyncIterator[LogMessage]:
    """Records as `options` asks (see the port Controller.logs). `has_ended` says that nothing will be added."""
    streams = frozenset(int(stream) for stream in options.streams) or frozenset((1, 2))
    since_ns = timestamp_ns(options.since)
    end = None if options.follow else await asyncio.to_thread(end_of, directory)
    position = Position()
    if options.tail < 0:
        position = await asyncio.to_thread(tail_of, directory, -options.tail - 1, streams)
    while True:
        is_last = has_ended()
        frames, position = await asyncio.to_thread(read_batch, directory, position)
        for frame in frames:
            if end is not None and frame.at >= end:
                return
            if frame.stream in streams and frame.time_ns >= since_ns:
                yield LogMessage(
                    timestamp=timestamp(frame.time_ns),
                    stream=frame.stream,  # type: ignore[arg-type]
                    data=frame.data,
                )
        if frames:
            continue
        if end is not None or is_last:
            return
        await clock.sleep(FOLLOW_INTERVAL_S)


def files(directory: Path) -> list[int]:
    try:
        return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())
    except FileNotFoundError:
        return []


def end_of(directory: Path) -> Position:
    """Just behind what is written now."""
    for number in reversed(files(directory)):
        try:
            return Position(number, _file(directory, number).stat().st_size)
        except FileNotFoundError:
            continue
    return Position()


def read_batch(directory: Path, position: Position) -> tuple[list[Frame], Position]:
    """The next frames from `position`, a batch at most, and where to go on; none when there are no more now."""
    for number in files(directory):
        if number < position.number:
            continue
        at = position if number == position.number else Position(number)
        frames = _read_file(directory, at)
        if frames:
            last = frames[-1]
            return frames, replace(last.at, offset=last.at.offset + FRAME.size + len(last.data))
    return [], position


def tail_of(directory: Path, count: int, streams: Collection[int]) -> Position:
    """Where the last `count` lines of `streams` begin; a line that is cut into frames counts once in each file."""
    if count <= 0:
        return end_of(directory)
    found: deque[Position] = deque()
    for number in reversed(files(directory)):
        here: deque[Position] = deque(maxlen=count - len(found))
        position = Position(number)
        unfinished: set[int] = set()
        while frames := _read_file(directory, position):
            for frame in frames:
                if frame.stream in streams and frame.stream not in unfinished:
                    here.append(frame.at)
                goes_on = len(frame.data) >= LINE_BYTES_MAX and not frame.data.endswith(b"\n")
                (unfinished.add if goes_on else unfinished.discard)(frame.stream)
            last = frames[-1]
            position = replace(last.at, offset=last.at.offset + FRAME.size + len(last.data))
        found.extendleft(reversed(here))
        if len(found) >= count:
            break
    return found[0] if found else Position()


def _file(directory: Path, number: int) -> Path:
    return directory / f"{number:08d}"


def _read_file(directory: Path, position: Position) -> list[Frame]:
    try:
        with _file(directory, position.number).open("rb") as file:
            file.seek(position.offset)
            data = file.read(BATCH_BYTES)
    except FileNotFoundError:
        return []
    frames, offset = [], 0
    while offset + FRAME.size <= len(data):
        time_ns, stream, length = FRAME.unpack_from(data, offset)
        assert length <= LINE_BYTES_MAX, "the shim cuts longer lines"
        body = offset + FRAME.size
        if body + length > len(data):
            break
        at = Position(position.number, position.offset + offset)
        frames.append(Frame(at, time_ns, stream, data[body : body + length]))
        offset = body + length
    return frames
