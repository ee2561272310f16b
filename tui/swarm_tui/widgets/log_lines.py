"""Log lines of many sources in one time order, kept in a ring.

Lines are inserted where their time puts them, so that replicas whose lines arrive late still read in
order. The ring holds `LINES_MAX` lines, or as many as have `CHARACTERS_MAX`; the oldest leave in lots, and are counted. While following, the
view stays at the end; scrolling up stops that, the end key takes it up again.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from textual.message import Message
from textual.reactive import reactive

from swarm_tui.resources.printable import without_escapes
from swarm_tui.widgets import sgr
from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.lines import LinesView
from swarm_tui.widgets.paint import Span, Spans

LINES_MAX: Final = 100_000
TEXT_MAX: Final = 256 * 1024
"""Characters of a line that are kept; drawing one costs as much as it is long."""
CHARACTERS_MAX: Final = 64 * 1024 * 1024
"""Characters that are kept of all lines."""
_LOT: Final = 10_000
_SOURCE_ROLES: Final = ("accent", "special", "ok", "calm", "muted")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: when, from whom (a short label), what; and its text as spans where the program coloured it."""

    time_ns: int
    source: str
    text: str
    is_error: bool = False
    coloured: Spans = ()

    @staticmethod
    def of_program(time_ns: int, source: str, text: str, *, is_error: bool) -> "LogLine":
        """A line as a program wrote it: its colours are kept, its other commands to a terminal are not."""
        if len(text) > TEXT_MAX:
            text = f"{text[:TEXT_MAX]} … ({len(text) - TEXT_MAX} more characters)"
        if "\x1b" not in text:
            return LogLine(time_ns, source, without_escapes(text), is_error)
        spans = tuple(sgr.spans(text, _role(is_error)))
        return LogLine(time_ns, source, "".join(part for part, _ in spans), is_error, spans)


def _role(is_error: bool) -> str:
    return "warning" if is_error else "text"


class LogBuffer:
    """The ring: lines by time, oldest first."""

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self._lines: list[LogLine] = []
        self._lines_max = lines_max
        self._characters = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> LogLine:
        return self._lines[index]

    def add(self, lines: Iterable[LogLine]) -> int:
        """Insert `lines` by time; how many of the oldest had to leave."""
        for line in lines:
            self._characters += len(line.text)
            if not self._lines or self._lines[-1].time_ns <= line.time_ns:
                self._lines.append(line)
            else:
                insort(self._lines, line, key=lambda other: other.time_ns)
        leaving = 0
        if len(self._lines) > self._lines_max:
            leaving = len(self._lines) - self._lines_max + min(_LOT, self._lines_max // 10)
        self._characters -= sum(len(line.text) for line in self._lines[:leaving])
        while self._characters > CHARACTERS_MAX and leaving < len(self._lines) - 1:
            self._characters -= len(self._lines[leaving].text)
            leaving += 1
        del self._lines[:leaving]
        self.dropped += leaving
        return leaving

    def clear(self) -> None:
        """Forget every line."""
        self._lines.clear()
        self._characters = 0


class LogLines(LinesView):
    """The view of a LogBuffer."""

    is_following: reactive[bool] = reactive(True, repaint=False)
    shows_times: reactive[bool] = reactive(True)

    class FollowChanged(Message):
        """Following stopped or was taken up again."""

        def __init__(self, is_following: bool) -> None:
            super().__init__()
            self.is_following = is_following

    def __init__(self, *, lines_max: int = LINES_MAX, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.buffer = LogBuffer(lines_max)
        self._source_roles: dict[str, str] = {}
        self._source_width = 0

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take in new lines and show them if following."""
        left = self.buffer.add(lines)
        for line in lines:
            self._note_source(line.source)
        if left and not self.is_following:
            self.scroll_lines_to(max(self.scroll_offset.y - left, 0))
        if left and self._match >= 0:
            self._match = max(self._match - left, -1)
        self.lines_changed()
        if self.is_following:
            self._to_end()

    def reset(self) -> None:
        """Start again with nothing."""
        self.buffer.clear()
        self._source_roles.clear()
        self._source_width = 0
        self._widest = 0
        self.is_following = True
        self.lines_changed()

    def line_count(self) -> int:
        return len(self.buffer)

    def line(self, index: int) -> Spans:
        line = self.buffer[index]
        spans: list[Span] = []
        if self.shows_times:
            spans.append((time_of_day(line.time_ns, millis=True) + " ", "muted"))
        spans.append((line.source.ljust(self._source_width), self._source_roles[line.source]))
        spans.append((" │ ", "faint"))
        spans.extend(line.coloured or ((line.text, _role(line.is_error)),))
        return spans

    def line_text(self, index: int) -> str:
        return self.buffer[index].text

    def watch_is_following(self, is_following: bool) -> None:
        if is_following and self.is_mounted:
            self._to_end()
        self.post_message(self.FollowChanged(is_following))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.max_scroll_y:
            self.is_following = False

    def on_resize(self) -> None:
        super().on_resize()
        if self.is_following:
            self._to_end()

    def action_scroll_edge(self, direction: int) -> None:
        super().action_scroll_edge(direction)
        self.is_following = direction > 0

    def _to_end(self) -> None:
        self.scroll_lines_to(self.max_scroll_y)

    def _note_source(self, source: str) -> None:
        if source not in self._source_roles:
            self._source_roles[source] = _SOURCE_ROLES[len(self._source_roles) % len(_SOURCE_ROLES)]
            self._source_width = max(self._source_width, len(source))
