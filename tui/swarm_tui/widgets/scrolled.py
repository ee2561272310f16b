"""The ground of widgets that scroll over lines they draw themselves.

A change in the number of lines must not lay out the whole screen anew, which costs more than painting it:
that happens only when a scrollbar appears or goes, or when the widget is as high as its content.
"""

from textual.geometry import Size
from textual.scroll_view import ScrollView

from swarm_tui.widgets.paint import Painted, title


class Scrolled(Painted, ScrollView, can_focus=True):
    """See the module's text."""

    _labels: tuple[str, str] = ("", "")

    def label(self, above: str, below: str = "") -> None:
        """Write on the border, above and below. The toolkit repaints the whole widget for each label that it is given, so
        it is given only another one."""
        if (above, below) == self._labels:
            return
        before, self._labels = self._labels, (above, below)
        if above != before[0]:
            self.border_title = title(above)
        if below != before[1]:
            self.border_subtitle = title(below)

    def set_extent(self, width: int, lines: int) -> None:
        """The content is `width` cells wide and `lines` lines high."""
        size = Size(width, lines)
        if size == self.virtual_size:
            return
        if self._needs_layout(size):
            self.virtual_size = size
            return
        self.set_reactive(ScrollView.virtual_size, size)
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.window_virtual_size = lines
        if self.show_horizontal_scrollbar:
            self.horizontal_scrollbar.window_virtual_size = width
        self.scroll_y = self.validate_scroll_y(self.scroll_y)

    def scroll_lines_to(self, y: int) -> None:
        """Put line `y` at the top, as far as there are lines enough."""
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def _needs_layout(self, size: Size) -> bool:
        room = self.container_size
        overflows = size.height > room.height, size.width > room.width and self.styles.overflow_x == "auto"
        return self.styles.auto_dimensions or overflows != (
            self.show_vertical_scrollbar,
            self.show_horizontal_scrollbar,
        )
