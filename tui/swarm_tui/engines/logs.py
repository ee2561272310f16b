"""Logs of containers of any engines, merged in the order of time. Implements `clusters.session.Logs`.

Rules (docs/design/engine-views.md 18.4)
1. A query's tasks are containers here, by their items' ids.
2. A stream that ends is taken up where it ended: when its container runs again, or its engine answers again. What is gone ends.
3. Lines come in frames, or as they are where the container has a terminal; each begins with its time, which the engine's clock wrote.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine, merge
from swarm_core.engines.api import EngineApi
from swarm_core.engines.attached import STDERR, STDOUT, Frames
from swarm_core.engines.cluster import EngineCluster
from swarm_core.engines.errors import EngineAway, EngineError, EngineRefused

from swarm_tui.clusters.session import Clock
from swarm_tui.engines.mirror import EngineMirror
from swarm_tui.resources.engines.items import ContainerItem

LOOK_S: Final = 1.0
LINE_BYTES_MAX: Final = 1 << 20
_BATCHES_AHEAD_MAX: Final = 64
_NS: Final = 1_000_000_000
Queue = asyncio.Queue[list[LogLine] | EngineError | None]


class EngineLogs:
    """See the module's text."""

    def __init__(self, cluster: EngineCluster, mirror: EngineMirror, clock: Clock) -> None:
        self._cluster, self._mirror, self._clock = cluster, mirror, clock

    async def run(
        self,
        query: LogQuery,
        sink: Callable[[Sequence[LogLine]], None],
        heard: Callable[[str | None], None] = lambda reason: None,
    ) -> None:
        """As `client.logs.LogReader.run`: until all has been read, or for ever where it is followed."""
        queue: Queue = asyncio.Queue(_BATCHES_AHEAD_MAX)

        async def read() -> None:
            async with asyncio.TaskGroup() as group:
                for id_ in query.task_ids:
                    group.create_task(_Reading(self, id_, query, queue, heard).run())
            await queue.put(None)

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            await merge(queue, sink, self._clock)

    def container(self, id_: str) -> ContainerItem | None:
        """The container, while it is there."""
        return self._mirror.get(ContainerItem, id_)

    def api(self, item: ContainerItem) -> EngineApi:
        """Calls to its engine. Raises EngineError."""
        return self._cluster.api(item.record.engine)

    async def pause(self) -> None:
        """Before something is looked at again."""
        await self._clock.sleep(LOOK_S)


@dataclass
class _Reading:
    """One container's log."""

    logs: EngineLogs
    id: str
    query: LogQuery
    queue: Queue
    heard: Callable[[str | None], None]
    _last_ns: int = 0
    _is_broken: bool = False
    _lines: list[LogLine] = field(default_factory=list)

    async def run(self) -> None:
        """To the end."""
        while True:
            item = self.logs.container(self.id)
            if item is None:
                return
            try:
                await self._read(item)
            except EngineRefused as error:
                await self._say(f"its engine gives no log: {error}")
                return
            except EngineAway as error:
                self._tell(str(error))
            except EngineError as error:
                await self._say(str(error))
                return
            else:
                if not self.query.follow:
                    return
            await self.logs.pause()
            while not self._goes_on():
                if self.logs.container(self.id) is None:
                    return
                await self.logs.pause()

    def _goes_on(self) -> bool:
        """Whether it may write more."""
        item = self.logs.container(self.id)
        return item is not None and (item.record.is_running or self._is_broken)

    def _tell(self, reason: str | None) -> None:
        self._is_broken = reason is not None
        self.heard(reason)

    async def _say(self, text: str) -> None:
        """Between the lines, as a line of its own."""
        await self.queue.put([self._line(self._last_ns + 1, text.encode(), is_stderr=True)])

    async def _read(self, item: ContainerItem) -> None:
        api, path = self.logs.api(item), f"/containers/{item.record.id}"
        whole = await api.get_object(f"{path}/json")
        streams = {STDOUT: _Cut(LINE_BYTES_MAX), STDERR: _Cut(LINE_BYTES_MAX)}

        def hear(stream: int, data: bytes) -> None:
            for line in streams[max(stream, STDOUT)].take(data):
                self._take(line, is_stderr=stream == STDERR)

        frames = Frames(hear, has_terminal=bool((whole.get("Config") or {}).get("Tty")))
        async with api.open("GET", f"{path}/logs", self._asked()) as response:
            if self._is_broken:
                self._tell(None)
            async for data in response.content.iter_any():
                try:
                    frames.feed(data)
                except ValueError as error:
                    raise EngineRefused(200, f"it answered {error}") from None
                await self._hand_on()
        for stream, cut in streams.items():
            if rest := cut.rest:
                self._take(rest, is_stderr=stream == STDERR)
        await self._hand_on()

    def _asked(self) -> dict[str, str | bool]:
        asked: dict[str, str | bool] = {
            "stdout": True,
            "stderr": True,
            "timestamps": True,
            "follow": self.query.follow,
        }
        since_ns = self._last_ns + 1 if self._last_ns else self.query.since_ns
        if since_ns:
            asked["since"] = f"{since_ns // _NS}.{since_ns % _NS:09d}"
        elif self.query.tail is not None:
            asked["tail"] = str(self.query.tail)
        return asked

    def _take(self, line: bytes, *, is_stderr: bool) -> None:
        stamp, _, text = line.partition(b" ")
        at_ns = _time_ns(stamp)
        if at_ns is None:
            at_ns, text = self._last_ns, line
        if at_ns > self._last_ns or not self._last_ns:
            self._last_ns = at_ns
        self._lines.append(self._line(at_ns, text.removesuffix(b"\r"), is_stderr=is_stderr))

    def _line(self, at_ns: int, data: bytes, *, is_stderr: bool) -> LogLine:
        return LogLine(at_ns, self.id, "", self.id.partition("/")[0], is_stderr, data)

    async def _hand_on(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            await self.queue.put(lines)


class _Cut:
    """Bytes of one stream, cut into lines; one that is too long is cut where the limit is."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.rest = b""

    def take(self, data: bytes) -> list[bytes]:
        """The lines that are whole now."""
        *whole, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > self._bytes_max:
            whole, self.rest = [*whole, self.rest], b""
        return whole


def _time_ns(stamp: bytes) -> int | None:
    """Of a time such as 2026-01-02T03:04:05.123456789Z; None where it is none."""
    try:
        text = stamp.decode("ascii")
        second, _, rest = text.removesuffix("Z").partition(".")
        at = datetime.fromisoformat(f"{second}+00:00")
        return int(at.timestamp()) * _NS + int(rest.ljust(9, "0")[:9] or 0)
    except ValueError:
        return None


def is_over(mirror: object, query: LogQuery) -> bool:
    """Whether every container that is followed is gone: one that ended may be started again."""
    assert isinstance(mirror, EngineMirror)
    return bool(query.task_ids) and all(mirror.get(ContainerItem, id_) is None for id_ in query.task_ids)
