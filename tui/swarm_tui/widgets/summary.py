"""The whole interface in one line, for terminals too small for more."""

from collections.abc import Sequence

from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, Spans, cut, to_strip


class SummaryLine(Painted):
    """One line of spans and, where there is a second line, why there are no more."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._spans: tuple[Span, ...] = ()

    def show(self, spans: Spans) -> None:
        """Show these spans."""
        if tuple(spans) != self._spans:
            self._spans = tuple(spans)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines: Sequence[Spans] = (self._spans, [("60×15 shows more · ctrl+q quits", "muted")])
        spans = lines[y] if y < len(lines) else ()
        return to_strip(self.palette, cut(spans, width), width)
