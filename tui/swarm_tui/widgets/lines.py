"""Scrolling text that is drawn line by line, with search: the ground for describe, YAML and logs.

A subclass (or `TextLines`, for text that is all there) says how many lines there are and what each
holds; only visible lines are ever asked for. Matches of the search are highlighted where they stand, so
that their context stays readable.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from swarm_tui.widgets.paint import ELLIPSIS, Span, Spans, highlighted, to_strip, width_of, wrap
from swarm_tui.widgets.scrolled import Scrolled

MATCH_ROLE = "warning+reverse"


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

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._needle = ""
        self._match = -1
        self._widest = 0

    # -- what a subclass says ----------------------------------------------------------------------

    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line(self, index: int) -> Spans:
        """The line at `index`."""
        raise NotImplementedError

    def line_text(self, index: int) -> str:
        """What the search looks through at `index`."""
        return "".join(text for text, _ in self.line(index))

    # -- what others ask and tell ------------------------------------------------------------------

    @property
    def needle(self) -> str:
        """What is searched for; empty for nothing."""
        return self._needle

    def lines_changed(self) -> None:
        """Lines came or went: bring the scroll range in line and repaint."""
        width = max(self._widest, self.scrollable_content_region.width)
        self.set_extent(width, self.line_count())
        self.refresh()

    def search(self, needle: str) -> None:
        """Highlight `needle` everywhere and go to its next occurrence from the top of the screen."""
        self._needle = needle
        self._match = self.scroll_offset.y - 1
        self.refresh()
        if needle:
            self.next_match(1)
        else:
            self.post_message(self.SearchChanged("", 0, 0))

    def next_match(self, direction: int) -> bool:
        """Go to the next (1) or previous (-1) line that matches, around the end; False: there is none."""
        matches = self._matches()
        if not matches:
            self.post_message(self.SearchChanged(self._needle, 0, 0))
            return False
        if direction > 0:
            self._match = next((index for index in matches if index > self._match), matches[0])
        else:
            self._match = next((index for index in reversed(matches) if index < self._match), matches[-1])
        self.show_line(self._match)
        self.refresh()
        self.post_message(self.SearchChanged(self._needle, matches.index(self._match) + 1, len(matches)))
        return True

    def show_line(self, index: int) -> None:
        """Scroll so that the line stands in the middle of the screen."""
        middle = self.scrollable_content_region.height // 2
        self.scroll_lines_to(max(index - middle, 0))

    # -- keys --------------------------------------------------------------------------------------

    def action_scroll_lines(self, lines: int) -> None:
        self.scroll_lines_to(self.scroll_offset.y + lines)

    def action_scroll_columns(self, columns: int) -> None:
        self.scroll_to(x=self.scroll_offset.x + columns, animate=False, immediate=True, force=True)

    def action_scroll_pages(self, pages: int) -> None:
        self.action_scroll_lines(pages * max(self.scrollable_content_region.height - 1, 1))

    def action_scroll_edge(self, direction: int) -> None:
        self.scroll_lines_to(self.line_count() if direction > 0 else 0)

    # -- drawing -----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        if index >= self.line_count():
            return Strip.blank(width, self.palette.style("text"))
        spans: Sequence[Span] = self.line(index)
        if self._needle:
            spans = highlighted(spans, self._needle, MATCH_ROLE)
        self._note_width(width_of(spans))
        ground = "selection" if self._needle and index == self._match else "screen"
        left = self.scroll_offset.x
        strip = to_strip(self.palette, spans, width, ground)
        is_cut = strip.cell_length > left + width
        shown = strip.crop_extend(left, left + width, self.palette.style("text", ground))
        return self._marked(shown, width, ground, before=left > 0 and width_of(spans) > 0, behind=is_cut)

    def _marked(self, strip: Strip, width: int, ground: str, *, before: bool, behind: bool) -> Strip:
        """The line with a mark at each end where it goes on beyond the screen."""
        mark = Strip([Segment(ELLIPSIS, self.palette.style("muted", ground))], 1)
        if before and width > 1:
            strip = Strip.join([mark, strip.crop(1, width)])
        if behind and width > 1:
            strip = Strip.join([strip.crop(0, width - 1), mark])
        return strip

    def on_resize(self) -> None:
        self.lines_changed()

    def on_mount(self) -> None:
        super().on_mount()
        self.lines_changed()

    def _note_width(self, width: int) -> None:
        """Let the view scroll sideways as far as the widest line that was drawn."""
        if width > self._widest:
            self._widest = width
            self.call_after_refresh(self.lines_changed)

    def _matches(self) -> list[int]:
        needle = self._needle.lower()
        if not needle:
            return []
        return [index for index in range(self.line_count()) if needle in self.line_text(index).lower()]


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
            self._match = -1
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
