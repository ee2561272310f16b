"""One line of spans: what matters most where there is room for nothing else."""

from collections.abc import Sequence
from typing import Final

from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, Spans, cut, to_strip

_WHY: Final[Spans] = [("60×15 shows more · ctrl+q quits", "muted")]


class OneLine(Painted):
    """Spans on one line, cut where it ends."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._spans: tuple[Span, ...] = ()

    def show(self, spans: Spans) -> None:
        """Show these spans; nothing is painted when they are the same."""
        if tuple(spans) != self._spans:
            self._spans = tuple(spans)
            self.refresh()

    @property
    def lines(self) -> Sequence[Spans]:
        """What is drawn, from the top."""
        return (self._spans,)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        spans = self.lines[y] if y < len(self.lines) else ()
        return to_strip(self.palette, cut(spans, width), width)


class SummaryLine(OneLine):
    """The whole interface in one line, for terminals too small for more; in a second one, why there is no more."""

    @property
    def lines(self) -> Sequence[Spans]:
        return self._spans, _WHY
