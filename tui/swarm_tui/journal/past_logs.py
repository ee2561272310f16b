"""Logs as of a moment: of the cluster's agents, as far as they still have them, or those that were put into a file.

Rules (docs/design/journal.md 5 and 6)
1. Nothing later than the moment is shown, and nothing is followed: what came is what there is.
2. Agents are asked for the ten minutes before the moment, unless a time was asked for. They have what their engines keep.
3. A file has the lines of the services that were asked for when it was written, at most `LINES_MAX`, the newest.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from swarm_core.client.errors import CallFailed
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine

from swarm_tui.clusters.session import Logs
from swarm_tui.journal.replay import PastClock

LINES_MAX: Final = 100_000
BEFORE_NS: Final = 600 * 1_000_000_000
_TABLE: Final = """
CREATE TABLE log (
    at_ns INTEGER NOT NULL, task TEXT NOT NULL, service TEXT NOT NULL, node TEXT NOT NULL,
    is_stderr INTEGER NOT NULL, data BLOB NOT NULL
)
"""
Sink = Callable[[Sequence[LogLine]], None]
Heard = Callable[[str | None], None]


def _unheard(reason: str | None) -> None:
    """Nobody wants to know of losses."""


class PastLogs:
    """What the agents of now still have of a time before the moment. Implements `session.Logs`."""

    def __init__(self, source: Logs, clock: PastClock) -> None:
        self._source = source
        self._clock = clock

    async def run(self, query: LogQuery, sink: Sink, heard: Heard = _unheard) -> None:
        """Hand the lines to `sink`. Raises what reading logs raises."""
        at_ns = self._clock.at_ns
        since_ns = query.since_ns if query.since_ns is not None else at_ns - BEFORE_NS

        def until_then(lines: Sequence[LogLine]) -> None:
            if kept := [line for line in lines if line.at_ns <= at_ns]:
                sink(kept)

        asked = replace(query, follow=False, tail=None, since_ns=since_ns)
        await self._source.run(asked, until_then, heard)


class FileLogs:
    """What was put into a file. Implements `session.Logs`."""

    def __init__(self, path: Path, clock: PastClock) -> None:
        self._path = path
        self._clock = clock

    async def run(self, query: LogQuery, sink: Sink, heard: Heard = _unheard) -> None:
        """Hand the lines to `sink`. Raises CallFailed where the file has none."""
        lines = await asyncio.to_thread(_read, self._path, query, self._clock.at_ns)
        if lines is None:
            raise CallFailed(
                "FAILED_PRECONDITION",
                "There are no logs in this file; 'swarm-tui bundle --logs' puts them in.",
            )
        if lines:
            sink(lines)


def put(path: Path, lines: Iterable[LogLine]) -> None:
    """Put lines into a journal that is a file of its own."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(_TABLE)
        db.executemany(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)",
            ((one.at_ns, one.task_id, one.service_id, one.node_id, one.is_stderr, one.data) for one in lines),
        )


def _read(path: Path, query: LogQuery, at_ns: int) -> list[LogLine] | None:
    """The lines that are asked for, in their order; None where nobody put any in."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'log'").fetchall():
            return None
        rows = db.execute(
            "SELECT at_ns, task, service, node, is_stderr, data FROM log WHERE at_ns BETWEEN ? AND ? ORDER BY at_ns, rowid",
            (query.since_ns or 0, at_ns),
        )
        return [
            LogLine(at, task, service, node, bool(is_stderr), bytes(data))
            for at, task, service, node, is_stderr, data in rows
            if task in query.task_ids or service in query.service_ids or node in query.node_ids
        ]
