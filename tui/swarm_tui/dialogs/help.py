"""What each key does, from the verb registry; handed in as lines, so that no list is kept twice."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.widgets.lines import WrappedLines
from swarm_tui.widgets.paint import Spans, title


class Help(Dialog[bool]):
    """A page of lines, wrapped to the width of the dialog with `indent`; the keys that open it (`closed_by`) close it too."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "close", show=False)]

    def __init__(
        self, heading: str, lines: Sequence[Spans], *, indent: int = 0, closed_by: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._heading = heading
        self._lines = lines
        self._indent = indent
        self._closed_by = closed_by

    def on_key(self, event: events.Key) -> None:
        if event.key in self._closed_by:
            event.stop()
            self.action_leave()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog help") as box:
            box.border_title = title(self._heading)
            box.border_subtitle = "esc close"
            text = WrappedLines(indent=self._indent, id="help-text")
            text.say(self._lines)
            yield text
