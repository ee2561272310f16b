"""Reads one log after another, and says how the reading fares. One worker reads one query; a new one ends it.

Lines are collected and handed on at most ten times a second; when more come between two times than a log keeps, the oldest are left out and
counted. What is said of a reading is said once the lines before it stand there. When the stream breaks reading goes on by itself after the last line that came. When all that is followed has ended the reading
ends, and is taken up when tasks come again.
"""

from asyncio import TimerHandle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from swarm_core.client import logs
from swarm_core.client.errors import CallFailed, IncompleteLogs, Unreachable
from swarm_core.client.log_query import LogQuery
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from swarm_tui.clusters.log_end import LAST_LINES_S
from swarm_tui.clusters.session import Session
from swarm_tui.widgets.log_buffer import LINES_MAX
from swarm_tui.widgets.once import once

_PAINT_S: Final = 0.1
_LOOK_S: Final = 0.5
OVER: Final = "■ ended: every task has ended"
READ: Final = "■ read to the end"
LOST: Final = "◌ stream lost, trying again"


class LogReading:
    """`take` gets lines, `told` hears that `status` is another; workers and timers are those of `owner`."""

    def __init__(
        self,
        owner: Widget,
        session: Session,
        take: Callable[[Sequence[logs.LogLine]], None],
        told: Callable[[], None],
    ) -> None:
        self._owner = owner
        self._session = session
        self._take = take
        self._told = told
        self._query = LogQuery()
        self._waiting: list[logs.LogLine] = []
        self._timers: list[Timer] = []
        self._paint: TimerHandle | None = None
        self._over_for = 0
        self._reader: Worker[None] | None = None
        self.status = ""
        self.last_ns = 0
        """The time of the newest line that came."""
        self.left_out = 0
        """Lines that came faster than they could be shown."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes."""
        return self.status in (OVER, READ)

    def start(self, query: LogQuery) -> None:
        """Read this, and nothing else any more."""
        self.stop()
        self._query = query
        self.last_ns = self.left_out = 0
        self._read(query)
        if query.follow:
            self._timers = [self._owner.set_interval(_LOOK_S, self._look_for_the_end)]

    def go_on(self, query: LogQuery) -> None:
        """Read this from now on; what came stays, and what is known to have come is not asked for again."""
        self._query = query
        self._read_on()

    def stop(self) -> None:
        """Read nothing."""
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        for timer in self._timers:
            timer.stop()
        if self._paint is not None:
            self._paint.cancel()
        self._timers, self._paint = [], None
        self._over_for = 0
        self._waiting.clear()

    def _read(self, query: LogQuery) -> None:
        self._say("")
        self._reader = self._owner.run_worker(self._run(query), group="logs", exclusive=True)

    async def _run(self, query: LogQuery) -> None:
        try:
            await self._session.logs.run(query, self._gather, self._hear)
            self._say(READ)
        except IncompleteLogs as error:
            self._say(f"▲ {error}")
        except (CallFailed, Unreachable) as error:
            self._say(f"✖ {error}")

    def _hear(self, reason: str | None) -> None:
        """The stream broke, or goes on."""
        self._say("" if reason is None else LOST)

    def _say(self, status: str) -> None:
        # What came before stands there when it is said: "read to the end" above lines that are still to come would not be so.
        if self._paint is not None:
            self._paint.cancel()
            self._hand_on()
        self.status = status
        self._told()

    def _look_for_the_end(self) -> None:
        """Say so when all that is followed has ended, and go on when tasks come again."""
        if not self._session.is_log_over(self._session.mirror, self._query):
            was_told, self._over_for = self._over_for * _LOOK_S >= LAST_LINES_S, 0
            if was_told:
                self._read_on()
            return
        self._over_for += 1
        if self._over_for * _LOOK_S >= LAST_LINES_S and self.status != OVER:
            if self._reader is not None:
                self._reader.cancel()
            self._say(OVER)

    def _read_on(self) -> None:
        """Follow from behind the last line that came."""
        query = self._query
        self._read(replace(query, tail=None, since_ns=self.last_ns + 1) if self.last_ns else query)

    def _gather(self, lines: Sequence[logs.LogLine]) -> None:
        self._waiting.extend(lines)
        if len(self._waiting) > LINES_MAX:
            surplus = len(self._waiting) - LINES_MAX
            self.left_out += surplus
            del self._waiting[:surplus]
        if self._paint is None:
            self._paint = once(self._owner, _PAINT_S, self._hand_on)

    def _hand_on(self) -> None:
        self._paint = None
        if not self._waiting:
            return  # they were handed on already
        lines, self._waiting = self._waiting, []
        self.last_ns = max(self.last_ns, max(line.at_ns for line in lines))
        self._take(lines)
