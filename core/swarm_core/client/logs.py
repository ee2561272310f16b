"""Log lines of services, tasks and nodes, merged by the time they were written.

Each node publishes its own lines as they come; the broker relays them in order of arrival. `LogReader.run` holds a line
back for a short window, so that lines of different tasks come out in order of time, and hands whole batches to its sink.

Rules: at most LINES_HELD_MAX lines are held and as many messages are read ahead as the queue takes; then reading waits,
and with it the broker. A long line that came in pieces is one line again (`log_pieces`), a lost connection makes no gap and
no double line (`log_records`). A line older than what is already out comes out late rather than never.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from swarm_core.api.proto import logbroker_pb2
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.client.calls import Calls
from swarm_core.client.errors import ClientError
from swarm_core.client.log_query import LogQuery
from swarm_core.client.log_records import LogRecords
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

REORDER_WINDOW_S = 0.25
LINES_HELD_MAX = 10_000
_MESSAGES_AHEAD_MAX = 64
E = TypeVar("E", bound=Exception)


@dataclass(frozen=True, slots=True)
class LogLine:
    at_ns: int
    task_id: str
    service_id: str
    node_id: str
    is_stderr: bool
    data: bytes
    """One line without its line end."""
    details: str = ""
    """What the log driver noted with it: key=value, in order, between commas."""

    @property
    def text(self) -> str:
        """The line for people's eyes; bytes that are no UTF-8 are shown as replacements."""
        return self.data.decode("utf-8", "replace")


@dataclass(slots=True)
class ReorderWindow:
    """Lines on hold until `window_s` after they came; pure, told the time."""

    window_s: float = REORDER_WINDOW_S
    held_max: int = LINES_HELD_MAX
    _heap: list[tuple[int, int, LogLine]] = field(default_factory=list)
    _arrivals: deque[tuple[float, int]] = field(default_factory=deque)
    _count: int = 0

    def push(self, lines: Iterable[LogLine], now: float) -> None:
        """Take lines that came at `now`."""
        for line in lines:
            self._count += 1
            heapq.heappush(self._heap, (line.at_ns, self._count, line))
            self._arrivals.append((now, line.at_ns))

    def pop(self, now: float) -> list[LogLine]:
        """The lines that are due, oldest first: with each one everything written before it."""
        newest: int | None = None
        while self._arrivals and (
            self._arrivals[0][0] <= now - self.window_s or len(self._arrivals) > self.held_max
        ):
            _, at_ns = self._arrivals.popleft()
            newest = at_ns if newest is None else max(newest, at_ns)
        out: list[LogLine] = []
        while newest is not None and self._heap and self._heap[0][0] <= newest:
            out.append(heapq.heappop(self._heap)[2])
        return out

    def drain(self) -> list[LogLine]:
        """Everything that is left, oldest first."""
        out = [line for _, _, line in sorted(self._heap)]
        self._heap.clear()
        self._arrivals.clear()
        return out

    def due_in(self, now: float) -> float | None:
        """Seconds until `pop` gives something; None while nothing is held."""
        return max(self._arrivals[0][0] + self.window_s - now, 0.0) if self._arrivals else None


class LogReader:
    """Reads one query's lines."""

    def __init__(self, calls: Calls, *, clock: Clock, window_s: float = REORDER_WINDOW_S) -> None:
        self._calls = calls
        self._clock = clock
        self._window_s = window_s

    async def run(
        self,
        query: LogQuery,
        sink: Callable[[Sequence[LogLine]], None],
        heard: Callable[[str | None], None] = lambda reason: None,
    ) -> None:
        """Hand lines to `sink` until the logs end (never, when following). When the connection breaks `heard` is told why, and None
        once reading goes on, which it does by itself. Raises IncompleteLogs, CallFailed, Unreachable."""
        queue: asyncio.Queue[list[LogLine] | ClientError | None] = asyncio.Queue(_MESSAGES_AHEAD_MAX)
        records = LogRecords(self._calls, self._clock, query, heard)
        async with Group() as group:
            group.spawn(self._read(records, queue), name="log reader")
            failure = await merge(queue, sink, self._clock, self._window_s)
            group.cancel_all()
        if failure is not None:
            raise failure

    @staticmethod
    async def _read(records: LogRecords, queue: asyncio.Queue[list[LogLine] | ClientError | None]) -> None:
        try:
            async with aclosing(records.batches()) as batches:
                async for batch in batches:
                    await queue.put([line for one in batch for line in lines_of(one)])
            await queue.put(None)
        except ClientError as error:
            await queue.put(error)


class Timer(Protocol):
    def monotonic(self) -> float:
        """Seconds from some point in the past."""


async def merge(
    queue: asyncio.Queue[list[LogLine] | E | None],
    sink: Callable[[Sequence[LogLine]], None],
    clock: Timer,
    window_s: float = REORDER_WINDOW_S,
) -> E | None:
    """Hand on the lines that come through `queue`, in the order of their time, until something else comes: that is returned."""
    window = ReorderWindow(window_s)
    while True:
        try:
            async with asyncio.timeout(window.due_in(clock.monotonic())):
                item = await queue.get()
        except TimeoutError:
            pass
        else:
            if not isinstance(item, list):
                if rest := window.drain():
                    sink(rest)
                return item
            window.push(item, clock.monotonic())
        if due := window.pop(clock.monotonic()):
            sink(due)


def lines_of(message: logbroker_pb2.LogMessage) -> list[LogLine]:
    """The lines of one message; most hold one."""
    context = message.context
    is_stderr = message.stream == logbroker_pb2.LOG_STREAM_STDERR
    at_ns = timestamp_ns(message.timestamp)
    details = ",".join(sorted(f"{one.key}={one.value}" for one in message.attrs))
    return [
        LogLine(
            at_ns,
            context.task_id,
            context.service_id,
            context.node_id,
            is_stderr,
            part.removesuffix(b"\r"),
            details,
        )
        for part in message.data.removesuffix(b"\n").split(b"\n")
    ]
