"""Short notes one below the other: what is in motion, what is wrong, what changed.

A note is a heading and sentences under it, wrapped to the pane, and may lead to an object: with the
focus a cursor moves from note to note, and enter opens where it leads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from swarm_tui.resources.refs import ObjectRef
from swarm_tui.widgets.paint import Span, Spans, cut, dimmed, to_strip, wrap
from swarm_tui.widgets.scrolled import Scrolled

_INDENT = 2


@dataclass(frozen=True, slots=True)
class Note:
    """`target` names the object that the note leads to."""

    heading: Spans
    sentences: Sequence[Spans] = ()
    target: ObjectRef | None = None

    @property
    def line(self) -> Spans:
        """All that it says, one sentence after the other."""
        return [*self.heading, *(span for one in self.sentences for span in [("  ", "text"), *one])]

    @property
    def text(self) -> str:
        """All that it says."""
        return " ".join("".join(text for text, _ in line) for line in (self.heading, *self.sentences))


class Notes(Scrolled):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("home,g", "move(-1000000)", "top", show=False),
        Binding("end,G", "move(1000000)", "bottom", show=False),
        Binding("enter", "open", "open", show=False),
    ]
    DEFAULT_CSS = """
    Notes {
        height: 1fr; overflow-x: hidden; overflow-y: auto;
        /* Room for the bar always: text is wrapped beside it, not under it. */
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; scrollbar-gutter: stable;
    }
    """

    class Opened(Message):
        """Enter or a double click on a note that leads somewhere."""

        def __init__(self, target: ObjectRef) -> None:
            super().__init__()
            self.target = target

    def __init__(self, *, empty: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._empty = empty
        self._notes: tuple[Note, ...] = ()
        self._lines: list[tuple[int, list[Span]]] = []
        self._laid_to = 0
        self._cursor = 0
        self._is_dimmed = False

    def set_empty(self, text: str) -> None:
        """What stands there when there is no note."""
        if text != self._empty:
            self._empty = text
            self.refresh()

    def set_dimmed(self, is_dimmed: bool) -> None:
        """Draw everything grey, because what it says is old; or in its colours again."""
        if is_dimmed != self._is_dimmed:
            self._is_dimmed = is_dimmed
            self.refresh()

    @property
    def target(self) -> ObjectRef | None:
        """Where the note under the cursor leads."""
        return self._notes[self._cursor].target if self._cursor < len(self._notes) else None

    def show(self, notes: Sequence[Note]) -> None:
        """Show these notes; nothing is painted when they are the same."""
        if tuple(notes) == self._notes:
            return
        target = self.target
        self._notes = tuple(notes)
        same = (index for index, note in enumerate(self._notes) if target and note.target == target)
        self._cursor = next(same, min(self._cursor, max(len(self._notes) - 1, 0)))
        before = self._lines
        if self._lay_out():
            self._repaint_changed(before)
        else:
            self.refresh()

    def action_move(self, notes: int) -> None:
        self._set_cursor(self._cursor + notes)

    def action_open(self) -> None:
        if self.target is not None:
            self.post_message(self.Opened(self.target))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        line = -1 if offset is None else offset.y + self.scroll_offset.y
        if 0 <= line < len(self._lines):
            self._set_cursor(self._lines[line][0])
            if event.chain == 2:
                self.action_open()

    def on_mount(self) -> None:
        super().on_mount()
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = self.scroll_offset.y + y
        if width != self._laid_to:
            # The first paint of a list that was hidden comes before it is told of its size.
            self._lines = self._laid(width)
        if not self._lines:
            lines = wrap([(" " + self._empty, "muted")], width, indent=1)
            return to_strip(self.palette, lines[index] if index < len(lines) else [], width)
        if index >= len(self._lines):
            return Strip.blank(width, self.palette.style("text"))
        note, spans = self._lines[index]
        ground = "selection" if self.has_focus and note == self._cursor else "screen"
        return to_strip(self.palette, dimmed(spans) if self._is_dimmed else spans, width, ground)

    def _repaint_changed(self, before: list[tuple[int, list[Span]]]) -> None:
        """Repaint the lines on screen that read differently; all of them under the cursor, which may have moved."""
        if self.has_focus or not before or not self._lines:
            self.refresh()
            return
        size, top = self.scrollable_content_region.size, self.scroll_offset.y
        for y in range(size.height):
            index = top + y
            old, new = (lines[index][1] if index < len(lines) else None for lines in (before, self._lines))
            if old != new:
                self.refresh(Region(0, y, size.width, 1))

    def _lay_out(self) -> bool:
        """Whether what is on screen stands where it stood."""
        width = self.scrollable_content_region.width
        self._lines = self._laid(width)
        top = self.scroll_offset.y
        self.set_extent(width, max(len(self._lines), 1))
        return self.scroll_offset.y == top

    def _laid(self, width: int) -> list[tuple[int, list[Span]]]:
        """The lines, each with its note's number."""
        self._laid_to = width
        found: list[tuple[int, list[Span]]] = []
        for number, note in enumerate(self._notes):
            found.append((number, cut([(" ", "text"), *note.heading], width)))
            for sentence in note.sentences:
                indented = [(" " * (_INDENT + 1), "text"), *sentence]
                found.extend((number, line) for line in wrap(indented, width, indent=_INDENT + 1))
        return found

    def _set_cursor(self, index: int) -> None:
        if not self._notes:
            return
        self._cursor = min(max(index, 0), len(self._notes) - 1)
        lines = [line for line, (number, _) in enumerate(self._lines) if number == self._cursor]
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if lines[0] < top:
            self.scroll_lines_to(lines[0])
        elif lines[-1] >= top + height:
            self.scroll_lines_to(lines[-1] - height + 1)
        self.refresh()
