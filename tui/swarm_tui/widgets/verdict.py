"""A verdict of a few words, coloured by role."""

from textual.geometry import Size
from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, cut, to_strip, wrap

_INDENT = 2


class VerdictLabel(Painted):
    """Says whether a field is right: in one line, or where it `is_whole` in as many as the sentence needs."""

    DEFAULT_CSS = """
    VerdictLabel { height: 1; width: 1fr; }
    VerdictLabel.-whole { height: auto; }
    """

    def __init__(self, *, is_whole: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._is_whole = is_whole
        self.set_class(is_whole, "-whole")
        self.text = ""
        self._role = "muted"

    def show(self, text: str, role: str) -> None:
        """Show `text` in `role`; nothing is painted when they are the same."""
        if (text, role) != (self.text, self._role):
            self.text, self._role = text, role
            self.refresh(layout=self._is_whole)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        lines = self._lines(self.size.width)
        return to_strip(self.palette, lines[y] if y < len(lines) else [], self.size.width)

    def _lines(self, width: int) -> list[list[Span]]:
        said: list[Span] = [(" " * _INDENT, "text"), (self.text, self._role)]
        return wrap(said, width, indent=_INDENT) if self._is_whole else [cut(said, width)]
