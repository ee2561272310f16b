"""The view of log lines: who wrote each, when and what, in the order of their time.

What is hidden by filters stays in the ring and comes back with them. A search highlights what it finds among the other lines, or hides
those (`shows_matches_only`). While following, the view stays at the end; scrolling up stops that, the end key takes it up again. The last
column is a map of the whole log: the more errors a stretch of it has, the higher its block.
"""

from collections.abc import Hashable, Iterable, Sequence
from enum import Enum
from typing import Final

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from swarm_tui.resources import log_records
from swarm_tui.resources.printable import padded
from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.lines import LinesView
from swarm_tui.widgets.log_buffer import LINES_MAX, Added, LogBuffer, LogLine
from swarm_tui.widgets.log_filter import LogFilter
from swarm_tui.widgets.log_sources import Sources
from swarm_tui.widgets.paint import Span, Spans, folded, to_strip, width_of

_NARROW: Final = 100
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_MAP_WIDTH: Final = 1
_RULE: Final = "─"
_SEPARATOR: Final = " │ "
_TIME_WIDTH: Final = len("00:00:00.000 ")


class Form(Enum):
    """How a line that is a JSON object is shown."""

    RAW = "as written"
    FIELDS = "fields"
    INDENTED = "indented"


class LogLines(LinesView):
    """See the module's text."""

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
        self.sources = Sources()
        self.filter = LogFilter()
        self.form = Form.RAW
        self.shows_matches_only = False
        self._shown = self.buffer
        """What passes; the ring itself while nothing is hidden."""
        self._folded_to = 0

    # -- lines in and out --------------------------------------------------------------------------

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take in new lines and show them if following."""
        for line in lines:
            if not line.is_rule:
                self.sources.of(line.source)
        found = self._shown[self._current] if 0 <= self._current < len(self._shown) else None
        top = self._shown[self._top] if self._top < len(self._shown) else None
        part = self.scroll_offset.y - self._row_of(self._top)
        was_fine = not self.search_problem
        added = self.buffer.add(lines)
        gone = len(self._passing(added.left)) if self._is_cut else len(added.left)
        if self._is_cut:
            self._shown.drop(gone)
            added = Added(added.left, self._shown.add(self._passing(lines)).first)
        self._count_found(added.left, -1)
        self._count_found(lines, 1)
        self._take_in(added.first, gone)
        index = None if found is None else self._shown.index_of(found)
        self._current = -1 if index is None else index
        if self.is_following:
            self._to_end()
        elif top is not None:
            # Lines may have left above it, and late ones come.
            index = self._shown.index_of(top)
            self.scroll_lines_to(0 if index is None else self._row_of(index) + part)
        if was_fine and self.search_problem:
            # One of them takes too long to be searched: what was found before counts no more either.
            self._show_anew()
            self._tell_search(0, 0)

    def _take_in(self, first: int, gone: int) -> None:
        """Lines came and went; with a longer name of a source all lines have less room."""
        if self._rows is not None and self._folded_to != self._plain_width:
            self.fold_anew(self._top)
        else:
            self.lines_changed(first=first, dropped=gone)

    def name_source(self, key: str, name: str, slot: str) -> None:
        """The source is called so from now on."""
        self.sources.name(key, name, slot)
        self._take_in(len(self._shown), 0)

    def reset(self) -> None:
        """Start again with nothing, as a log of something else."""
        self.buffer.clear()
        self.buffer.dropped = 0
        self.sources.clear()
        self._marks.clear()
        self.filter = LogFilter()
        self.search("")
        self.clear()
        self.is_following = True

    def clear(self) -> None:
        """Forget every line."""
        self.buffer.clear()
        self._current = -1
        self._widest = 0
        self._show_anew()

    # -- what is shown, and how --------------------------------------------------------------------

    @property
    def shown(self) -> LogBuffer:
        """The lines that no filter hides."""
        return self._shown

    def narrow(self, wanted: LogFilter) -> None:
        """Hide other lines than before."""
        if wanted != self.filter:
            self.filter = wanted
            self._show_anew()

    def toggle_matches_only(self) -> None:
        """Hide the lines that the search does not find, or show them around what it finds."""
        self.shows_matches_only = not self.shows_matches_only
        self._show_anew()
        self.post_message(self.LookChanged())

    def next_form(self) -> None:
        """Show JSON objects as written, as fields on a line, or indented."""
        forms = list(Form)
        self.form = forms[(forms.index(self.form) + 1) % len(forms)]
        self._widest = 0
        self.fold_anew(self._top)
        self.post_message(self.LookChanged())

    def fold_anew(self, top: int) -> None:
        was_following, self._folded_to = self.is_following, self._plain_width
        super().fold_anew(top)
        if was_following:
            self.is_following = True
            self._to_end()

    def search(self, needle: str) -> None:
        line = self._line_at_top()
        super().search(needle)
        if self.shows_matches_only:
            self._show_anew(line)
            if needle:
                self.next_match(1)

    @property
    def _is_cut(self) -> bool:
        return self._shown is not self.buffer

    def _passing(self, lines: Iterable[LogLine]) -> list[LogLine]:
        passing = list(filter(self.filter.passes, lines))
        if not self.shows_matches_only or self._search is None:
            return passing
        return [passing[index] for index in self._search.where(line.text for line in passing)]

    def _show_anew(self, line: LogLine | None = None) -> None:
        """Other lines pass now: stay where one reads."""
        stay = line or self._line_at_top()
        if self.filter.hides_something or (self.shows_matches_only and self._search is not None):
            self._shown = LogBuffer(self.buffer.lines_max)
            self._shown.add(self._passing(self.buffer))
        else:
            self._shown = self.buffer
        self._current = -1
        self.fold_anew(0 if stay is None else self._shown.index_at(stay.time_ns))

    def _line_at_top(self) -> LogLine | None:
        index = self._current if self._is_on_screen(self._current) else self._top
        return self._shown[index] if 0 <= index < len(self._shown) else None

    def _count_found(self, lines: Iterable[LogLine], step: int) -> None:
        """Lines came (1) or left (-1): what the search finds is more, or less."""
        if self._search is None:
            return
        found = len(self._search.where(line.text for line in lines if self.filter.passes(line)))
        if found:
            left = found if step < 0 else 0
            self._tell_search(max(self._position - left, 0), self._count + step * found)

    # -- what the ground asks ----------------------------------------------------------------------

    def line_count(self) -> int:
        return len(self._shown)

    def line_text(self, index: int) -> str:
        return self._shown[index].text

    def key_of(self, index: int) -> Hashable:
        line = self._shown[index]
        return line.time_ns, line.source, line.text

    @property
    def marked_by_default(self) -> int:
        """The newest line while following: what comes after it is new."""
        return self.line_count() - 1 if self.is_following else self._top

    @property
    def text_width(self) -> int:
        return max(super().text_width - _MAP_WIDTH, 1)

    @property
    def has_tall_lines(self) -> bool:
        return self._is_wrapped or self.form is Form.INDENTED

    def folded(self, spans: Spans, width: int) -> list[list[Span]]:
        return folded(spans, width) if self._is_wrapped else [list(spans)]

    def rows_of(self, index: int) -> Sequence[Spans]:
        width = self._body_width(index)
        return [
            row for spans in self._bodies(self._shown[index]) for row in self.folded(self._lit(spans), width)
        ]

    def heights(self, first: int) -> Iterable[int]:
        # All lines are asked when the width changes: of most the length says it.
        width, is_raw, shown = self._plain_width, self.form is Form.RAW, self._shown
        for index in range(first, len(shown)):
            line = shown[index]
            is_plain = is_raw or not line.text.lstrip().startswith("{")
            if line.is_rule or not (is_plain and line.text.isascii()):
                yield len(self.rows_of(index))
            else:
                yield -(-len(line.text) // width) or 1 if self._is_wrapped else 1

    @property
    def _plain_width(self) -> int:
        """Cells that a program's line has, behind what stands before it."""
        return max(self.text_width - self._head_width - bool(self._marks), 2)

    @property
    def _is_short(self) -> bool:
        """Whether a source is named by its letter and slot alone."""
        return self.size.width < _NARROW and self.sources.slot_width > 0

    @property
    def _head_width(self) -> int:
        sources = self.sources
        name = sources.slot_width if self._is_short else sources.width + 1
        return (_TIME_WIDTH if self.shows_times else 0) + sources.letter_width + name + len(_SEPARATOR)

    def before(self, index: int) -> Spans:
        line = self._shown[index]
        spans: list[Span] = []
        if self.shows_times:
            spans.append((time_of_day(line.time_ns, millis=True) + " ", "muted"))
        if line.is_rule:
            return spans
        source, sources = self.sources.of(line.source), self.sources
        name = source.slot if self._is_short else f" {source.name}"
        room = sources.slot_width if self._is_short else sources.width + 1
        spans.append((source.letter.ljust(sources.letter_width), source.role))
        spans.append((padded(name, room), source.role))
        spans.append((_SEPARATOR, "faint"))
        return spans

    def line(self, index: int) -> Spans:
        line = self._shown[index]
        return self._rule(line) if line.is_rule else self._bodies(line)[0]

    def _bodies(self, line: LogLine) -> Sequence[Spans]:
        """The line in as many rows as its form has."""
        if line.is_rule:
            return [self._rule(line)]
        record = None if self.form is Form.RAW else log_records.record_of(line.text)
        if record is None:
            return [line.coloured or ((line.text, line.role),)]
        if self.form is Form.INDENTED:
            return log_records.indented(record)
        return [log_records.on_one_line(record)]

    def _rule(self, line: LogLine) -> Spans:
        text = f"{_RULE * 3} {line.text} "
        room = self.text_width - width_of([(text, "")]) - bool(self._marks)
        room -= _TIME_WIDTH if self.shows_times else 0
        return [(text + _RULE * room, line.role if line.is_error else "muted")]

    # -- the map -----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        height = self.scrollable_content_region.height
        share = self._density(height)[y] if y < height else 0.0
        block = _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)] if share else " "
        return Strip.join([strip, to_strip(self.palette, [(block, "error")], _MAP_WIDTH)])

    def _density(self, height: int) -> Sequence[float]:
        """Looked at anew once for all lines of a frame."""
        key = (len(self._shown), self._shown.added, height)
        if key != self._density_key:
            parts = min(height, len(self._shown))
            shares = self._shown.error_density(parts)
            self._density_key, self._densities = key, [*shares, *[0.0] * (height - parts)]
        return self._densities

    _density_key: tuple[int, int, int] | None = None
    _densities: Sequence[float] = ()

    def on_click(self, event: events.Click) -> None:
        """A click on the map goes to that part of the log."""
        place = event.get_content_offset(self)
        height = self.scrollable_content_region.height
        if place is not None and place.x >= self.text_width and height:
            self.is_following = False
            self.show_line(self.line_count() * place.y // height)

    # -- following ---------------------------------------------------------------------------------

    def watch_is_following(self, is_following: bool) -> None:
        if is_following and self.is_mounted:
            self._to_end()
        self.post_message(self.FollowChanged(is_following))

    def watch_shows_times(self) -> None:
        if self.is_mounted and self.has_tall_lines:
            self.fold_anew(self._top)

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
