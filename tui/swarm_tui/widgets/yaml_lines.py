"""A text in YAML to look at: it is wrapped, its keys are set off, and only lines that became others are painted anew."""

from collections.abc import Sequence

from textual import events
from textual.message import Message

from swarm_tui.widgets.lines import WrappedLines
from swarm_tui.widgets.paint import Spans
from swarm_tui.widgets.yaml_roles import spans_of

_MARGIN = " "
_INDENT = 3


class YamlLines(WrappedLines):
    """See the module's text. Who comes to it with the cursor wants to write."""

    class Entered(Message):
        """The cursor is here, or the person pointed here."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(indent=_INDENT, id=id)
        self._text = ""

    def show_text(self, text: str) -> None:
        """Show another text, where the old one was read."""
        if text != self._text:
            self._text = text
            self.say([[(_MARGIN, "text"), *spans_of(line)] for line in text.splitlines()])

    def show(self, lines: Sequence[Spans], *, keep_place: bool = False) -> None:
        before = self._lines
        if len(before) != len(lines) or not keep_place:
            super().show(lines, keep_place=keep_place)
            return
        self._lines = lines
        for number, (old, new) in enumerate(zip(before, lines, strict=True)):
            if old != new:
                self.refresh_line(number)

    def on_focus(self) -> None:
        self.post_message(self.Entered())

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Entered())
