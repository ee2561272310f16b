"""Sentences that are wrapped to the width they have, in a widget that is as high as they need.

It knows its height before it has a place, and asks for another place only when that height becomes another.
"""

from collections.abc import Sequence

from textual.geometry import Size
from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, Spans, to_strip, wrap


class Paragraphs(Painted):
    """See the module's text. `indent` is that of all lines of a sentence but the first."""

    def __init__(self, *, indent: int = 0, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._indent = indent
        self._sentences: Sequence[Spans] = ()
        self._lines: list[list[Span]] = []
        self._wrapped_to = 0

    def say(self, sentences: Sequence[Spans]) -> None:
        """Say something else."""
        if sentences == self._sentences:
            return
        self._sentences = sentences
        height = len(self._lines)
        self._wrap(self._wrapped_to)
        self.refresh(layout=len(self._lines) != height)

    def _wrap(self, width: int) -> None:
        self._wrapped_to = width
        self._lines = [line for one in self._sentences for line in wrap(one, width, indent=self._indent)]

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if width != self._wrapped_to:
            self._wrap(width)
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if width != self._wrapped_to:
            self._wrap(width)
        spans = self._lines[y] if y < len(self._lines) else []
        return to_strip(self.palette, spans, width)
