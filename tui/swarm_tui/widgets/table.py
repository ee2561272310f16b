"""A table that draws only the lines that are seen.

Rules:

- A row's id is the ObjectRef of its object. Rows come from a `RowSource` in its order; the table asks for the cells of a
  row when that row is on screen, and keeps the strips it has drawn until the row, the width or the theme changes.
- The cursor and the marks are bound to ids, never to row numbers: when rows move, they go along.
- `rows_changed` and `order_changed` repaint what is visible of the change and nothing else.
- Text never wraps; a cell is cut with an ellipsis, and columns give way by their rank when room is short.
"""

from asyncio import get_running_loop
from collections.abc import Callable, Iterable, Sequence, Set
from typing import ClassVar, Final

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from swarm_tui.resources.model import Align
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.widgets.cells import cell_spans
from swarm_tui.widgets.columns import MARGIN, Placed, place
from swarm_tui.widgets.drawn_row import DrawnRow
from swarm_tui.widgets.marks import Marks
from swarm_tui.widgets.paint import Span, dimmed, fit, segments, to_strip, wrap
from swarm_tui.widgets.row_source import RowSource
from swarm_tui.widgets.scrolled import Scrolled

_STRIPS_MAX: Final = 1024
_HEADER_LINES: Final = 1
_MOVING_S: Final = 0.4
_MARK: Final = "▌"


class ObjectTable(Scrolled):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("home,g", "edge(-1)", "top", show=False),
        Binding("end,G", "edge(1)", "bottom", show=False),
        Binding("enter", "open", "open", show=False),
    ]
    DEFAULT_CSS = """
    ObjectTable { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    cursor_id: reactive[ObjectRef | None] = reactive(None, repaint=False)

    class Highlighted(Message):
        """The cursor is on another row, or on none."""

    class Opened(Message):
        """Enter or a double click on a row."""

        def __init__(self, row_id: ObjectRef) -> None:
            super().__init__()
            self.row_id = row_id

    class Shown(Message):
        """The table came on screen."""

    class HeadingClicked(Message):
        """A click on the heading of the column with this key."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, rows: RowSource, *, empty: str = "nothing here", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows = rows
        self._empty = empty
        self._marks = Marks()
        self._cursor_index = 0
        self._drawn: dict[ObjectRef, DrawnRow] = {}
        self._painted: dict[int, ObjectRef | None] = {}
        """The row that each line below the headings was last painted with."""
        self._placed: tuple[Placed, ...] = ()
        self._placed_width = -1
        self._moved_at = float("-inf")
        self._is_dimmed = False
        self._awaited: ObjectRef | None = None

    # -- what others ask and tell ------------------------------------------------------------------

    @property
    def rows(self) -> RowSource:
        """The rows shown."""
        return self._rows

    @property
    def marks(self) -> frozenset[ObjectRef]:
        """Ids that are marked, seen or not."""
        return frozenset(self._marks.ids)

    @property
    def selected_ids(self) -> list[ObjectRef]:
        """What a verb works on: the marked rows, or else the one under the cursor."""
        if self._marks.ids:
            return self._marks.in_order(self._rows)
        return [self.cursor_id] if self.cursor_id is not None else []

    @property
    def is_cursor_moving(self) -> bool:
        """Whether the person moved the cursor a moment ago."""
        return get_running_loop().time() - self._moved_at < _MOVING_S

    def set_empty(self, text: str) -> None:
        """What stands there when there is no row."""
        if text != self._empty:
            self._empty = text
            self.refresh()

    def set_dimmed(self, is_dimmed: bool) -> None:
        """Draw every row grey, because what it says is old; or in its colours again."""
        if is_dimmed != self._is_dimmed:
            self._is_dimmed = is_dimmed
            self._draw_anew()

    def show(self, rows: RowSource, *, empty: str | None = None) -> None:
        """Show another source from its top."""
        self._rows = rows
        self._empty = self._empty if empty is None else empty
        self._marks.clear()
        self._drawn.clear()
        self._placed_width = -1
        self._cursor_index = 0
        self.scroll_lines_to(0)
        self.cursor_id = rows.id_at(0) if len(rows) else None
        self.order_changed()
        self.refresh()

    def rows_changed(self, ids: Iterable[ObjectRef]) -> None:
        """The cells of these rows may be different; those that are visible and are get repainted."""
        top, lines = self.scroll_offset.y, self._page_lines
        for row_id in ids:
            if row_id not in self._drawn:
                continue
            index = self._rows.index_of(row_id)
            if index is None or not 0 <= index - top < lines:
                del self._drawn[row_id]
            else:
                self._renew(row_id, index - top)

    def _renew(self, row_id: ObjectRef, line: int) -> None:
        """Repaint a row that was drawn, on this line, if what is seen of it is different."""
        drawn = self._drawn.get(row_id)
        if drawn is not None and drawn.renew(self._rows.cells(row_id), self._placed):
            self.refresh(Region(0, line + _HEADER_LINES, self.size.width, 1))

    def objects_changed(self, ids: Set[str]) -> None:
        """The cells of these objects' rows may be different. Few rows are drawn, and many objects may change."""
        self.rows_changed([row_id for row_id in self._drawn if row_id.id in ids])

    def unseen_changed(self, ids: Set[str]) -> None:
        """The same before `time_passed`, which looks at all that is seen."""
        seen = set(self.visible_ids())
        for row_id in [row_id for row_id in self._drawn if row_id.id in ids and row_id not in seen]:
            del self._drawn[row_id]

    def order_changed(self) -> None:
        """Rows came, went or moved: bring cursor, marks and scroll range in line, and repaint."""
        count = len(self._rows)
        self.set_extent(self.scrollable_content_region.width, count + _HEADER_LINES)
        self._marks.keep_listed(self._rows)
        self._follow_cursor(count)
        if self._awaited is not None:
            self.await_row(self._awaited)
        self._repaint_moved(count)

    def visible_ids(self) -> list[ObjectRef]:
        """The rows on screen, from the top."""
        top = self.scroll_offset.y
        bottom = min(top + self._page_lines, len(self._rows))
        return [self._rows.id_at(index) for index in range(top, bottom)]

    def time_passed(self) -> None:
        """Ages may read differently: repaint the visible rows whose cells changed."""
        for line, row_id in enumerate(self.visible_ids()):
            self._renew(row_id, line)

    def heading_changed(self) -> None:
        """Another order, or other columns: draw everything anew, the line of headings too."""
        self._placed_width = -1
        self.refresh()

    def mark_range(self) -> None:
        """Mark every row from the last one that was marked to the cursor."""
        if len(self._rows):
            self._marks.mark_to(self._cursor_index, self._rows)
            self._draw_anew()

    def toggle_mark(self, row_id: ObjectRef) -> None:
        """Mark or unmark one row."""
        self._marks.toggle(row_id)
        self._forget(row_id)

    def mark_all(self) -> None:
        """Mark every row that is shown."""
        self._marks.mark_all(self._rows)
        self._draw_anew()

    def mark_those(self, wanted: Callable[[ObjectRef], bool]) -> None:
        """Mark every row that is shown and wanted, and no other."""
        self._marks.mark_those(self._rows, wanted)
        self._draw_anew()

    def clear_marks(self) -> bool:
        """Unmark every row; whether there was one."""
        had_marks = self._marks.clear()
        self._draw_anew()
        return had_marks

    def _draw_anew(self) -> None:
        self._drawn.clear()
        self.refresh()

    def move_to(self, row_id: ObjectRef) -> bool:
        """Put the cursor on a row and scroll it into view; False when it is not among the rows."""
        index = self._rows.index_of(row_id)
        if index is None:
            return False
        self._set_cursor(index)
        return True

    def await_row(self, row_id: ObjectRef) -> None:
        """Put the cursor on a row as soon as it is there, unless the person moves it first."""
        self._awaited = None if self.move_to(row_id) else row_id

    def forget_styles(self) -> None:
        self._drawn.clear()
        super().forget_styles()

    # -- keys and mouse ----------------------------------------------------------------------------

    def action_move(self, lines: int) -> None:
        self._move_cursor(self._cursor_index + lines)

    def action_page(self, pages: int) -> None:
        self._move_cursor(self._cursor_index + pages * max(self._page_lines - 1, 1))

    def action_edge(self, direction: int) -> None:
        self._move_cursor(len(self._rows) if direction > 0 else 0)

    def action_open(self) -> None:
        if self.cursor_id is not None:
            self.post_message(self.Opened(self.cursor_id))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y < _HEADER_LINES:
            columns = self._columns(self.scrollable_content_region.width)
            key = next((p.column.id for p in columns if p.x <= offset.x <= p.x + p.width), None)
            if key is not None:
                self.post_message(self.HeadingClicked(key))
            return
        index = self.scroll_offset.y + offset.y - _HEADER_LINES
        if index < len(self._rows):
            self._move_cursor(index)
            if event.chain == 2:
                self.action_open()

    def on_show(self) -> None:
        self.post_message(self.Shown())

    def on_hide(self) -> None:
        # What was drawn grows old meanwhile, and would be painted first when the list is shown again.
        self._drawn.clear()

    def on_focus(self) -> None:
        self._refresh_cursor()

    def on_blur(self) -> None:
        self._refresh_cursor()

    def on_resize(self) -> None:
        self._painted.clear()
        self.order_changed()
        self.refresh()

    def on_mount(self) -> None:
        super().on_mount()
        if self.cursor_id is None and len(self._rows):
            self.cursor_id = self._rows.id_at(0)
        self.order_changed()

    def watch_cursor_id(self, old: ObjectRef | None, new: ObjectRef | None) -> None:
        for row_id in (old, new):
            if row_id is not None:
                self._forget(row_id)
        self.post_message(self.Highlighted())

    # -- drawing -----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < _HEADER_LINES:
            return self._heading(width)
        index = self.scroll_offset.y + y - _HEADER_LINES
        row_id = self._rows.id_at(index) if index < len(self._rows) else None
        self._painted[y - _HEADER_LINES] = row_id
        if row_id is None:
            lines = [] if len(self._rows) else wrap([("  " + self._empty, "muted")], width, indent=2)
            return to_strip(self.palette, lines[index] if index < len(lines) else [], width)
        return self._row_strip(row_id, width)

    def _heading(self, width: int) -> Strip:
        sorted_key, descends = self._rows.sorted_by
        spans: list[Span] = []
        x = 0
        for placed in self._columns(width):
            spans.append((" " * (placed.x - x), "muted"))
            column = placed.column
            title, role = placed.title, "muted"
            if column.id == sorted_key and title:
                title, role = title + ("↓" if descends else "↑"), "text"
            spans.extend(fit([(title, role)], placed.width, right=column.align is Align.RIGHT))
            x = placed.x + placed.width
        return to_strip(self.palette, spans, width).crop(0, width)

    def _row_strip(self, row_id: ObjectRef, width: int) -> Strip:
        columns = self._columns(width)
        drawn = self._drawn.get(row_id)
        if drawn is None:
            if len(self._drawn) >= _STRIPS_MAX:
                self._drawn.clear()
            drawn = self._drawn[row_id] = DrawnRow(self._rows.cells(row_id))
        ground, is_marked = self._ground(row_id), row_id in self._marks.ids
        if drawn.ground != ground:
            drawn.parts.clear()
        if drawn.strip is None or (drawn.ground, drawn.is_marked) != (ground, is_marked):
            drawn.ground, drawn.is_marked = ground, is_marked
            drawn.strip = self._strip_of(drawn, columns, width)
        return drawn.strip

    def _strip_of(self, drawn: DrawnRow, columns: Sequence[Placed], width: int) -> Strip:
        line = self._segments([(_MARK if drawn.is_marked else " ", "accent")], drawn.ground)
        x = MARGIN
        for placed in columns if drawn.cells else ():
            part = drawn.parts.get(placed.index)
            if part is None:
                cell, is_right = drawn.cells[placed.index], placed.column.align is Align.RIGHT
                before: list[Span] = [(" " * (placed.x - x), "text")] if placed.x > x else []
                spans = [*before, *cell_spans(cell, placed.width, is_right=is_right)]
                part = drawn.parts[placed.index] = self._segments(spans, drawn.ground)
            line += part
            x = placed.x + placed.width
        if x < width:
            line.append(Segment(" " * (width - x), self.palette.style("text", drawn.ground)))
        return Strip(line, max(x, width))

    def _segments(self, spans: list[Span], ground: str) -> list[Segment]:
        return segments(self.palette, dimmed(spans) if self._is_dimmed else spans, ground)

    def _ground(self, row_id: ObjectRef) -> str:
        if row_id != self.cursor_id:
            return "screen"
        return "selection" if self.has_focus else "raised"

    def _columns(self, width: int) -> tuple[Placed, ...]:
        if width != self._placed_width:
            self._placed = place(self._rows.columns, width)
            self._placed_width = width
            self._drawn.clear()
        return self._placed

    # -- cursor ------------------------------------------------------------------------------------

    @property
    def _page_lines(self) -> int:
        return max(self.scrollable_content_region.height - _HEADER_LINES, 0)

    def _is_visible(self, index: int) -> bool:
        return 0 <= index - self.scroll_offset.y < self._page_lines

    def _move_cursor(self, index: int) -> None:
        self._moved_at = get_running_loop().time()
        self._awaited = None
        self._set_cursor(index)

    def _set_cursor(self, index: int) -> None:
        count = len(self._rows)
        if not count:
            return
        self._cursor_index = min(max(index, 0), count - 1)
        self.cursor_id = self._rows.id_at(self._cursor_index)
        self._scroll_to_cursor()

    def _follow_cursor(self, count: int) -> None:
        """After the rows changed: stay on the object, or on the row that took its place."""
        if not count:
            self._cursor_index = 0
            self.cursor_id = None
            return
        index = None if self.cursor_id is None else self._rows.index_of(self.cursor_id)
        if index is None:
            index = min(self._cursor_index, count - 1)
        was_visible = self._is_visible(self._cursor_index)
        self._cursor_index = index
        self.cursor_id = self._rows.id_at(index)
        if was_visible:
            self._scroll_to_cursor()

    def _scroll_to_cursor(self) -> None:
        lines = self._page_lines
        if lines <= 0:
            return
        top = self.scroll_offset.y
        if self._cursor_index < top:
            self.scroll_lines_to(self._cursor_index)
        elif self._cursor_index >= top + lines:
            self.scroll_lines_to(self._cursor_index - lines + 1)

    def _repaint_moved(self, count: int) -> None:
        """Repaint the lines that were painted with another row than they hold now."""
        top, width = self.scroll_offset.y, self.size.width
        for line, painted in self._painted.items():
            index = top + line
            if painted != (self._rows.id_at(index) if index < count else None):
                self.refresh(Region(0, line + _HEADER_LINES, width, 1))

    def _refresh_cursor(self) -> None:
        if self.cursor_id is not None:
            self._refresh_index(self._cursor_index)

    def _forget(self, row_id: ObjectRef) -> None:
        """Repaint one row if it is on screen."""
        index = self._rows.index_of(row_id)
        if index is not None:
            self._refresh_index(index)

    def _refresh_index(self, index: int) -> None:
        if self._is_visible(index):
            y = index - self.scroll_offset.y + _HEADER_LINES
            self.refresh(Region(0, y, self.size.width, 1))
