"""What simulated tasks write, computed when somebody reads it.

Rules:
1. A line follows from the task's id and the line's number alone: every reader sees the same lines, and nobody pays for
   lines that nobody reads.
2. A task writes that it begins, then a line per interval, somewhere within it. One that ends by itself has a last line:
   why it failed, on standard error, or that its work is done. A kill leaves no words.
3. A task may write as JSON or in logfmt, with time, level and message.
4. The newest LINES_KEPT lines are kept, as a log that rotates does: reading costs the same however long a task has run.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple
from zlib import crc32

LINES_KEPT: Final = 2000
STDOUT, STDERR = 1, 2
_ERROR_EVERY: Final = 11
_PATHS: Final = (
    "/",
    "/health",
    "/orders",
    "/orders/{n}",
    "/cart",
    "/login",
    "/search?page={p}",
    "/static/app.js",
)
_METHODS: Final = ("GET", "GET", "GET", "POST", "PUT")
_WORK: Final = (
    "INFO cache hit for session {n}",
    "INFO cache miss for session {n}, read in {ms} ms",
    "INFO job {n} taken from the queue, {p} more waiting",
    "INFO job {n} done in {ms} ms",
    "INFO {p} connections open, {ms} ms mean latency",
)
_TROUBLES: Final = (
    "WARN request {n} took {ms}0 ms",
    "WARN retrying upstream for request {n}, attempt {p} of 99",
    "ERROR request {n}: connection reset by peer",
)
_CAUSES: Final = (
    "FATAL cannot reach the database: connection refused",
    "FATAL out of file descriptors after request {n}",
    "FATAL assertion failed in worker {p}",
)


class Line(NamedTuple):
    at_ns: int
    stream: int
    text: str


class Form(StrEnum):
    """How a line is written."""

    PLAIN = "plain"
    JSON = "json"
    LOGFMT = "logfmt"


class End(Enum):
    """How a task came to its end."""

    RUNS = auto()
    STOPPED = auto()
    KILLED = auto()
    FINISHED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Story:
    """One task's life, as far as it has come."""

    task_id: str
    started_ns: int
    age_ns: int
    interval_ns: int
    end: End = End.RUNS
    exit_code: int = 0
    form: Form = Form.PLAIN

    def count(self) -> int:
        """How many lines there have been."""
        return 1 + self._regular() + (self.end in (End.STOPPED, End.FINISHED, End.FAILED))

    def lines(self, skip: int = 0) -> Iterator[Line]:
        """The lines from number `skip` on, oldest first, of those that are kept."""
        total = self.count()
        for number in range(max(skip, total - LINES_KEPT), total):
            yield _written(self._line(number), self.form)

    def _regular(self) -> int:
        """The lines between the first and the last: of each whole interval one."""
        return self.age_ns // self.interval_ns

    def _line(self, number: int) -> Line:
        chance = crc32(f"{self.task_id}/{number}".encode())
        if number == 0:
            return Line(self.started_ns, STDOUT, f"INFO starting, pid {2 + chance % 30_000}")
        if number > self._regular():
            return self._last(chance)
        early_ns = chance % 1000 * (self.interval_ns // 1000)
        at_ns = self.started_ns + number * self.interval_ns - early_ns
        if chance % _ERROR_EVERY == 0:
            return Line(at_ns, STDERR, _filled(_TROUBLES, chance))
        return Line(at_ns, STDOUT, _request(chance) if chance & 1 << 20 else _filled(_WORK, chance))

    def _last(self, chance: int) -> Line:
        at_ns = self.started_ns + self.age_ns
        if self.end is End.FAILED:
            return Line(at_ns, STDERR, f"{_filled(_CAUSES, chance)}; exit {self.exit_code}")
        return Line(
            at_ns, STDOUT, "INFO stop signal, closing" if self.end is End.STOPPED else "INFO all work done"
        )


def _written(line: Line, form: Form) -> Line:
    """A line in another form than the plain one, which begins with its level."""
    if form is Form.PLAIN:
        return line
    level, _, message = line.text.partition(" ")
    at = datetime.fromtimestamp(line.at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    if form is Form.JSON:
        return line._replace(text=json.dumps({"time": at, "level": level.lower(), "msg": message}))
    return line._replace(text=f"time={at} level={level.lower()} msg={json.dumps(message)}")


def _request(chance: int) -> str:
    method, path = _METHODS[chance % len(_METHODS)], _filled(_PATHS, chance >> 3)
    status = 404 if chance % 29 == 0 else 200
    return f"INFO {method} {path} {status} {1 + (chance >> 12) % 240} ms"


def _filled(choices: tuple[str, ...], chance: int) -> str:
    text = choices[(chance >> 5) % len(choices)]
    return text.format(n=1000 + chance % 9000, p=1 + (chance >> 9) % 40, ms=3 + (chance >> 16) % 400)
