"""A container's output from the engine: its frames and timestamps taken apart.

Rules: the engine's stream is read by a thread of its own and handed over through a bounded queue, so a slow reader slows the
engine down and memory stays bounded; leaving the generator ends the thread.
"""

import asyncio
import datetime
import struct
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from swarm_core.api.proto.logbroker_pb2 import LogMessage, LogSubscriptionOptions
from swarm_core.api.timestamps import timestamp, timestamp_ns

from swarm_agentd.executors.docker.engine import Engine, NotFound, close, stream_failures

STDOUT, STDERR = 1, 2
BATCH_RECORDS = 256
BATCHES_MAX = 16
_HEADER = struct.Struct(">BxxxI")
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    time_ns: int
    stream: int
    data: bytes
    details: tuple[tuple[str, str], ...] = ()
    """What the log driver was told to note with each line: labels and variables."""


async def read(
    engine: Engine, container: str, options: LogSubscriptionOptions, *, is_tty: bool
) -> AsyncIterator[LogMessage]:
    """Records as `options` asks (see the port Controller.logs)."""
    streams = frozenset(int(stream) for stream in options.streams) or frozenset((STDOUT, STDERR))
    since_ns = timestamp_ns(options.since)
    told_ns = -1
    if options.tail < 0:
        last: deque[Record] = deque(maxlen=-options.tail - 1)
        async with aclosing(_records(engine, container, streams, since_ns, is_tty, follow=False)) as records:
            async for record in records:
                told_ns = max(told_ns, record.time_ns)
                last.append(record)
        for record in last:
            yield _message(record)
        if not options.follow:
            return
    follow = _records(engine, container, streams, max(since_ns, told_ns), is_tty, follow=options.follow)
    async with aclosing(follow) as records:
        async for record in records:
            if record.time_ns > told_ns:
                yield _message(record)


def _message(record: Record) -> LogMessage:
    message = LogMessage(timestamp=timestamp(record.time_ns), stream=record.stream, data=record.data)  # type: ignore[arg-type]
    for key, value in record.details:
        message.attrs.add(key=key, value=value)
    return message


async def _records(
    engine: Engine, container: str, streams: Collection[int], since_ns: int, is_tty: bool, *, follow: bool
) -> AsyncGenerator[Record, None]:
    params = {
        "stdout": int(STDOUT in streams),
        "stderr": int(STDERR in streams),
        "timestamps": 1,
        "details": 1,
        "follow": int(follow),
        "since": f"{since_ns // 1_000_000_000}.{since_ns % 1_000_000_000:09d}",
        "tail": "all",
    }
    try:
        response = await engine.open_stream(f"/containers/{container}/logs", params)
    except NotFound:
        return
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[list[Record] | None] = asyncio.Queue(BATCHES_MAX)
    thread = ThreadPoolExecutor(1, thread_name_prefix="docker-logs")
    reading = loop.run_in_executor(thread, _pump, response, is_tty, loop, queue)
    try:
        while (batch := await queue.get()) is not None:
            for record in batch:
                if record.stream in streams and record.time_ns >= since_ns:
                    yield record
    finally:
        close(response)
        while not reading.done():  # the thread may wait for room in the queue
            _drain(queue)
            await asyncio.wait([reading], timeout=0.01)
        thread.shutdown(wait=False)


def _drain(queue: "asyncio.Queue[list[Record] | None]") -> None:
    while not queue.empty():
        queue.get_nowait()


def _pump(
    response: Any, is_tty: bool, loop: asyncio.AbstractEventLoop, queue: "asyncio.Queue[list[Record] | None]"
) -> None:
    """In the thread: read, cut into records, hand over in batches; None at the end."""

    def put(batch: list[Record] | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(batch), loop).result()

    split = LineSplitter() if is_tty else FrameSplitter()
    try:
        for chunk in _chunks(response):
            batch = list(split(chunk))
            for start in range(0, len(batch), BATCH_RECORDS):
                put(batch[start : start + BATCH_RECORDS])
    except stream_failures():
        pass  # the container or the engine has gone, or nobody listens any more
    put(None)


def _chunks(response: Any) -> Iterator[bytes]:
    """What has come, as soon as it has come."""
    read: Callable[..., bytes] = response.raw.read1 if hasattr(response.raw, "read1") else response.raw.read
    while chunk := read(_READ_BYTES):
        yield chunk


class FrameSplitter:
    """Takes the multiplexed stream apart: a header of stream number and length, then a line with its time and details."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, chunk: bytes) -> Iterator[Record]:
        data, at = self._rest + chunk, 0
        while at + _HEADER.size <= len(data):
            stream, length = _HEADER.unpack_from(data, at)
            end = at + _HEADER.size + length
            if end > len(data):
                break
            yield _record(stream, data[at + _HEADER.size : end])
            at = end
        self._rest = data[at:]


class LineSplitter:
    """A terminal's stream has no frames: every line begins with its time."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, chunk: bytes) -> Iterator[Record]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            yield _record(STDOUT, line + b"\n")


def _record(stream: int, line: bytes) -> Record:
    stamp, _, rest = line.partition(b" ")
    details, _, data = rest.partition(b" ")
    return Record(
        parse_time(stamp.decode("ascii", "replace")),
        STDERR if stream == STDERR else STDOUT,
        data,
        tuple(_details(details.decode("ascii", "replace"))) if details else (),
    )


def _details(text: str) -> Iterator[tuple[str, str]]:
    """key=value of each part between commas, escaped as in an address."""
    for part in text.split(","):
        key, _, value = part.partition("=")
        yield unquote_plus(key), unquote_plus(value)


def parse_time(text: str) -> int:
    """Nanoseconds of an RFC 3339 time in UTC."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    seconds = int(datetime.datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * 1_000_000_000 + int(rest.ljust(9, "0")[:9] or 0)
