"""Log lines of many sources in one time order, kept in a ring. Pure.

Lines are inserted where their time puts them, so that replicas whose lines arrive late still read in order. The ring holds `LINES_MAX`
lines, or as many as have `CHARACTERS_MAX`; the oldest leave in lots, and are counted.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from swarm_tui.resources.log_levels import Level, level_of
from swarm_tui.resources.printable import without_escapes
from swarm_tui.widgets import sgr
from swarm_tui.widgets.paint import Spans

LINES_MAX: Final = 100_000
TEXT_MAX: Final = 256 * 1024
"""Characters of a line that are kept; drawing one costs as much as it is long."""
CHARACTERS_MAX: Final = 64 * 1024 * 1024
"""Characters that are kept of all lines."""
_LOT: Final = 10_000


class LogLine(NamedTuple):
    """One line: when, of which source, what. A tuple, because a hundred thousand of them are made and kept."""

    time_ns: int
    source: str
    text: str
    is_stderr: bool = False
    level: Level = Level.NONE
    coloured: Spans = ()
    """The text as spans where the program coloured it."""
    is_rule: bool = False
    """Nobody wrote it: it tells what happened to its source, and is drawn as a rule across the screen."""

    @property
    def is_error(self) -> bool:
        """What `errors only` shows: a line that says so, or one of standard error that says nothing of its level."""
        return self.level is Level.ERROR or (self.is_stderr and self.level is Level.NONE)

    @property
    def role(self) -> str:
        """The colour of its text."""
        if self.level is Level.ERROR:
            return "error"
        return "warning" if self.level is Level.WARNING or self.is_stderr else "text"

    @staticmethod
    def of_program(time_ns: int, source: str, text: str, *, is_stderr: bool) -> "LogLine":
        """A line as a program wrote it: its colours are kept, its other commands to a terminal are not."""
        if len(text) > TEXT_MAX:
            text = f"{text[:TEXT_MAX]} … ({len(text) - TEXT_MAX} more characters)"
        if "\x1b" not in text:
            text = without_escapes(text)
            return LogLine(time_ns, source, text, is_stderr, level_of(text))
        spans = tuple(sgr.spans(text, "warning" if is_stderr else "text"))
        text = "".join(part for part, _ in spans)
        return LogLine(time_ns, source, text, is_stderr, level_of(text), spans)


class Added(NamedTuple):
    """What adding lines did: the oldest that had to leave, and the first index, after that, at which something is new."""

    left: Sequence[LogLine]
    first: int


class LogBuffer:
    """The ring: lines by time, oldest first; those of one moment in the order in which they came."""

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self._lines: list[LogLine] = []
        self._errors = bytearray()
        """One byte for each line: whether it is an error."""
        self.lines_max = lines_max
        self._characters = 0
        self.dropped = 0
        self.added = 0
        """How many lines ever came: two looks at the same number saw the same lines, unless they were cleared between."""

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> LogLine:
        return self._lines[index]

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self._lines)

    def add(self, lines: Iterable[LogLine]) -> Added:
        """Insert `lines` by time."""
        held, errors, first = self._lines, self._errors, len(self._lines)
        for line in lines:
            self.added += 1
            self._characters += len(line.text)
            if not held or held[-1].time_ns <= line.time_ns:
                held.append(line)
                errors.append(line.is_error)
            else:
                index = bisect_right(held, line.time_ns, key=_time_of)
                held.insert(index, line)
                errors.insert(index, line.is_error)
                first = min(first, index)
        left = held[: self._leaving()]
        self.drop(len(left))
        self.dropped += len(left)
        return Added(left, max(first - len(left), 0))

    def _leaving(self) -> int:
        leaving = 0
        if len(self._lines) > self.lines_max:
            leaving = len(self._lines) - self.lines_max + min(_LOT, self.lines_max // 10)
        characters = self._characters - sum(len(line.text) for line in self._lines[:leaving])
        while characters > CHARACTERS_MAX and leaving < len(self._lines) - 1:
            characters -= len(self._lines[leaving].text)
            leaving += 1
        return leaving

    def drop(self, count: int) -> None:
        """Let the oldest `count` lines go, uncounted."""
        self._characters -= sum(len(line.text) for line in self._lines[:count])
        del self._lines[:count]
        del self._errors[:count]

    def clear(self) -> None:
        """Forget every line."""
        self.drop(len(self._lines))

    def index_at(self, time_ns: int) -> int:
        """The first line that is not older; the number of lines when all are."""
        return bisect_left(self._lines, time_ns, key=_time_of)

    def index_of(self, line: LogLine) -> int | None:
        """Where the line stands."""
        for index in range(self.index_at(line.time_ns), len(self._lines)):
            if self._lines[index] is line:
                return index
            if self._lines[index].time_ns > line.time_ns:
                break
        return None

    def error_density(self, parts: int) -> list[float]:
        """The share of errors in each of `parts` equal stretches of the ring, from the oldest on."""
        count = len(self._lines)
        borders = [count * part // parts for part in range(parts + 1)] if parts else []
        return [
            self._errors.count(1, low, high) / (high - low) if high > low else 0.0
            for low, high in pairwise(borders)
        ]


def _time_of(line: LogLine) -> int:
    return line.time_ns
