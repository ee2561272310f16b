"""A verdict of one or two words, coloured by role."""

from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, cut, to_strip


class VerdictLabel(Painted):
    """One line that says whether a field is right."""

    DEFAULT_CSS = "VerdictLabel { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.text = ""
        self._role = "muted"

    def show(self, text: str, role: str) -> None:
        """Show `text` in `role`; nothing is painted when they are the same."""
        if (text, role) != (self.text, self._role):
            self.text, self._role = text, role
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return to_strip(self.palette, cut([("  ", "text"), (self.text, self._role)], width), width)
