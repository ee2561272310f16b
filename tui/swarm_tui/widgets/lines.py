"""Scrolling text that is drawn line by line, with search, wrapping and marks: the ground for describe, YAML and logs.

A subclass (or `TextLines`, for text that is all there) says how many lines there are and what each holds; only visible lines are ever asked
for, except while lines take several rows, which has to be known of all. Matches of the search are highlighted where they stand, so that
their context stays readable.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from swarm_tui.resources.text_search import Search
from swarm_tui.widgets.paint import ELLIPSIS, Span, Spans, highlighted, to_strip, width_of, wrap
from swarm_tui.widgets.row_map import RowMap
from swarm_tui.widgets.scrolled import Scrolled

MATCH_ROLE = "warning+reverse"
_MARK: Span = ("▸", "special+bold")
_NO_MARK: Span = (" ", "text")


class LinesView(Scrolled):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_lines(1)", "down", show=False),
        Binding("up,k", "scroll_lines(-1)", "up", show=False),
        Binding("left", "scroll_columns(-8)", "left", show=False),
        Binding("right", "scroll_columns(8)", "right", show=False),
        Binding("pagedown,space", "scroll_pages(1)", "page down", show=False),
        Binding("pageup", "scroll_pages(-1)", "page up", show=False),
        Binding("home,g", "scroll_edge(-1)", "top", show=False),
        Binding("end,G", "scroll_edge(1)", "bottom", show=False),
    ]
    DEFAULT_CSS = """
    LinesView { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; overflow-x: hidden; }
    """

    class SearchChanged(Message):
        """The search or the match it stands on is another: `position` of `count`, counted from 1."""

        def __init__(self, needle: str, position: int, count: int) -> None:
            super().__init__()
            self.needle = needle
            self.position = position
            self.count = count

    class LookChanged(Message):
        """Wrapping or the marks are others."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._search: Search | None = None
        self._current = -1
        """The line that a match or a mark was found on last."""
        self._position = self._count = 0
        """Of the match that was found last, among all."""
        self._widest = 0
        self._is_wrapped = False
        self.wrap_indent = 2
        """That of all rows of a line but the first."""
        self._rows: RowMap | None = None
        """None while each line is a row."""
        self._painted: dict[int, Sequence[Spans]] | None = None
        """The rows of the lines of this frame: of a long line the screen may show dozens."""
        self._marks: set[Hashable] = set()

    # -- what a subclass says ----------------------------------------------------------------------

    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line(self, index: int) -> Spans:
        """The line at `index`."""
        raise NotImplementedError

    def before(self, index: int) -> Spans:
        """What stands before the line: it is not searched, and not wrapped."""
        return ()

    def line_text(self, index: int) -> str:
        """What the search looks through at `index`."""
        return "".join(text for text, _ in self.line(index))

    def key_of(self, index: int) -> Hashable:
        """What a mark on the line holds on to."""
        return index

    def folded(self, spans: Spans, width: int) -> list[list[Span]]:
        """A line in rows of `width`."""
        return wrap(spans, width, indent=self.wrap_indent)

    def rows_of(self, index: int) -> Sequence[Spans]:
        """The rows of a line, while lines may take several."""
        return self.folded(self._lit(self.line(index)), self._body_width(index))

    def heights(self, first: int) -> Iterable[int]:
        """How many rows `rows_of` gives, of each line from `first` on."""
        return (len(self.rows_of(index)) for index in range(first, self.line_count()))

    @property
    def has_tall_lines(self) -> bool:
        """Whether lines may take several rows now."""
        return self._is_wrapped

    @property
    def text_width(self) -> int:
        """Cells that a line has on screen."""
        return self.scrollable_content_region.width

    # -- what others ask and tell ------------------------------------------------------------------

    @property
    def needle(self) -> str:
        """What is searched for; empty for nothing."""
        return "" if self._search is None else self._search.typed

    @property
    def search_problem(self) -> str:
        """What is wrong with the search: it cannot be read, or took too long. Empty when nothing is."""
        return "" if self._search is None else self._search.problem

    @property
    def is_wrapped(self) -> bool:
        """Whether a long line takes several rows, and is not cut at the edge."""
        return self._is_wrapped

    @property
    def mark_count(self) -> int:
        """How many lines are marked."""
        return len(self._marks)

    def lines_changed(self, *, first: int = 0, dropped: int = 0) -> None:
        """Lines came or went, the oldest `dropped` and then those from `first` on: bring the scroll range in line and repaint."""
        if self._rows is not None:
            self._rows.drop(dropped)
            self._rows.replace_from(first, self.heights(first))
        width = self.text_width if self._is_wrapped else max(self._widest, self.text_width)
        beside = self.scrollable_content_region.width - self.text_width
        self.set_extent(width + beside, self._row_count)
        self.refresh()

    def search(self, needle: str) -> None:
        """Highlight what `needle` finds everywhere and go to its next occurrence from the top of the screen."""
        self._search = Search(needle) if needle else None
        self._current = self._top - 1
        self.refresh()
        if needle:
            self.next_match(1)
        else:
            self._current = -1
            self._tell_search(0, 0)

    def next_match(self, direction: int) -> bool:
        """Go to the next (1) or previous (-1) line that matches, around the end; False: there is none."""
        matches = self._matches()
        if not matches:
            self._current = -1
            self._tell_search(0, 0)
            return False
        self._current = _next(matches, self._current, direction)
        self.show_line(self._current)
        self.refresh()
        self._tell_search(matches.index(self._current) + 1, len(matches))
        return True

    def show_line(self, index: int) -> None:
        """Scroll so that the line stands in the middle of the screen."""
        middle = self.scrollable_content_region.height // 2
        self.scroll_lines_to(max(self._row_of(index) - middle, 0))

    def toggle_wrap(self) -> None:
        """Let long lines take several rows, or be cut at the edge again."""
        with_line = self._top
        self._is_wrapped = not self._is_wrapped
        self.scroll_to(x=0, animate=False, immediate=True, force=True)
        self.fold_anew(with_line)
        self.post_message(self.LookChanged())

    def fold_anew(self, top: int) -> None:
        """Lines may have other numbers of rows now; the line `top` is to be the first on screen."""
        self._rows = RowMap() if self.has_tall_lines else None
        self.lines_changed()
        self.scroll_lines_to(self._row_of(top))

    def toggle_mark(self) -> None:
        """Mark the line that was found last if it is on screen, else the first one on screen; or take its mark back."""
        index = self._current if self._is_on_screen(self._current) else self.marked_by_default
        if 0 <= index < self.line_count():
            top, had_marks = self._top, bool(self._marks)
            self._marks ^= {self.key_of(index)}
            self._current = index
            if self._rows is not None and had_marks != bool(self._marks):
                self.fold_anew(top)  # the column of the marks came, or went
            self.refresh()
            self.post_message(self.LookChanged())

    def next_mark(self) -> bool:
        """Go to the next marked line, around the end; False: there is none."""
        marked = [index for index in range(self.line_count()) if self.key_of(index) in self._marks]
        if not marked:
            return False
        here = self._current if self._is_on_screen(self._current) else self._top - 1
        self._current = _next(marked, here, 1)
        self.show_line(self._current)
        self.refresh()
        return True

    def clear_marks(self) -> bool:
        """Take all marks back; False: there is none."""
        if not self._marks:
            return False
        top = self._top
        self._marks.clear()
        if self._rows is not None:
            self.fold_anew(top)
        self.refresh()
        self.post_message(self.LookChanged())
        return True

    @property
    def marked_by_default(self) -> int:
        """The line that is marked where none was found."""
        return self._top

    # -- keys --------------------------------------------------------------------------------------

    def action_scroll_lines(self, lines: int) -> None:
        self.scroll_lines_to(self.scroll_offset.y + lines)

    def action_scroll_columns(self, columns: int) -> None:
        if not self._is_wrapped:
            self.scroll_to(x=self.scroll_offset.x + columns, animate=False, immediate=True, force=True)

    def action_scroll_pages(self, pages: int) -> None:
        self.action_scroll_lines(pages * max(self.scrollable_content_region.height - 1, 1))

    def action_scroll_edge(self, direction: int) -> None:
        self.scroll_lines_to(self._row_count if direction > 0 else 0)

    # -- drawing -----------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        self._painted = {}
        try:
            return super().render_lines(crop)
        finally:
            self._painted = None

    def render_line(self, y: int) -> Strip:
        width, row = self.text_width, self.scroll_offset.y + y
        if row >= self._row_count:
            return Strip.blank(width, self.palette.style("text"))
        index, part = (row, 0) if self._rows is None else self._rows.at(row)
        before = self._before(index)
        if self._rows is None:
            spans: Spans = [*before, *self._lit(self.line(index))]
        else:
            rows = self._rows_painted(index)
            head: Spans = before if part == 0 else [(" " * width_of(before), "text")]
            spans = [*head, *(rows[part] if part < len(rows) else ())]
        self._note_width(width_of(spans))
        ground = "selection" if index == self._current else "screen"
        left = self.scroll_offset.x
        strip = to_strip(self.palette, spans, width, ground)
        is_cut = strip.cell_length > left + width
        shown = strip.crop_extend(left, left + width, self.palette.style("text", ground))
        return self._marked(shown, width, ground, before=left > 0 and width_of(spans) > 0, behind=is_cut)

    def _rows_painted(self, index: int) -> Sequence[Spans]:
        if self._painted is None:
            return self.rows_of(index)
        if index not in self._painted:
            self._painted[index] = self.rows_of(index)
        return self._painted[index]

    def _before(self, index: int) -> list[Span]:
        if not self._marks:
            return list(self.before(index))
        return [_MARK if self.key_of(index) in self._marks else _NO_MARK, *self.before(index)]

    def _body_width(self, index: int) -> int:
        return self.text_width - width_of(self._before(index))

    def _lit(self, spans: Spans) -> Spans:
        """The line with what the search finds in it set off."""
        if self._search is None:
            return spans
        found = self._search.stretches("".join(text for text, _ in spans))
        return highlighted(spans, found, MATCH_ROLE)

    def _marked(self, strip: Strip, width: int, ground: str, *, before: bool, behind: bool) -> Strip:
        """The line with a sign at each end where it goes on beyond the screen."""
        sign = Strip([Segment(ELLIPSIS, self.palette.style("muted", ground))], 1)
        if before and width > 1:
            strip = Strip.join([sign, strip.crop(1, width)])
        if behind and width > 1:
            strip = Strip.join([strip.crop(0, width - 1), sign])
        return strip

    def on_resize(self) -> None:
        if self._rows is None:
            self.lines_changed()
        else:
            self.fold_anew(self._top)

    def on_mount(self) -> None:
        super().on_mount()
        self.lines_changed()

    def _note_width(self, width: int) -> None:
        """Let the view scroll sideways as far as the widest line that was drawn."""
        if width > self._widest and not self._is_wrapped:
            self._widest = width
            self.call_after_refresh(self.lines_changed)

    # -- rows and lines ----------------------------------------------------------------------------

    @property
    def _row_count(self) -> int:
        return self.line_count() if self._rows is None else len(self._rows)

    def _row_of(self, line: int) -> int:
        line = min(max(line, 0), self.line_count())
        return line if self._rows is None else self._rows.start(line)

    def _line_at(self, row: int) -> int:
        return row if self._rows is None else self._rows.at(row)[0]

    @property
    def _top(self) -> int:
        """The first line on screen."""
        return self._line_at(self.scroll_offset.y)

    def _is_on_screen(self, line: int) -> bool:
        top = self.scroll_offset.y
        return (
            0 <= line < self.line_count()
            and top <= self._row_of(line) < top + self.scrollable_content_region.height
        )

    # -- the search --------------------------------------------------------------------------------

    def _tell_search(self, position: int, count: int) -> None:
        self._position, self._count = position, count
        self.post_message(self.SearchChanged(self.needle, position, count))

    def _matches(self) -> list[int]:
        if self._search is None:
            return []
        return self._search.where(map(self.line_text, range(self.line_count())))


def _next(indices: Sequence[int], here: int, direction: int) -> int:
    """The index behind `here`, or before it, around the end."""
    if direction > 0:
        return next((index for index in indices if index > here), indices[0])
    return next((index for index in reversed(indices) if index < here), indices[-1])


class TextLines(LinesView):
    """Text that is all there, such as a description."""

    def __init__(self, lines: Sequence[Spans] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: Sequence[Spans] = lines

    def show(self, lines: Sequence[Spans], *, keep_place: bool = False) -> None:
        """Show other text, from its top unless it is the same text grown older."""
        self._lines = lines
        if not keep_place:
            self._widest = 0
            self._current = -1
            self._marks.clear()
            self.scroll_to(x=0, y=0, animate=False, immediate=True, force=True)
        self.lines_changed()

    def line_count(self) -> int:
        return len(self._lines)

    def line(self, index: int) -> Spans:
        return self._lines[index]


class WrappedLines(TextLines):
    """Text that is wrapped to the width it has; `indent` is that of all lines of a sentence but the first."""

    DEFAULT_CSS = "WrappedLines { scrollbar-gutter: stable; }"

    def __init__(self, *, indent: int = 0, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._indent = indent
        self._sentences: Sequence[Spans] = ()
        self._wrapped_to = 0

    def say(self, sentences: Sequence[Spans]) -> None:
        """Show other sentences, where the old ones were read."""
        self._sentences = sentences
        self._wrap()

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._wrapped_to:
            self._wrap()
        super().on_resize()

    def _wrap(self) -> None:
        self._wrapped_to = width = self.scrollable_content_region.width
        if width > 0:
            lines = [line for one in self._sentences for line in wrap(one, width, indent=self._indent)]
            self.show(lines, keep_place=True)
