"""A text of several lines, judged while it is typed or pasted; only what is fine can be taken."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from swarm_tui.dialogs.ask_line import Judged
from swarm_tui.dialogs.frame import Dialog
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.paint import title
from swarm_tui.widgets.yaml_area import YamlArea


class AskText(Dialog[str]):
    """Asks `question` under `heading`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+g", "take", "take", show=False)]

    def __init__(self, heading: str, question: str, judge: Callable[[str], Judged]) -> None:
        super().__init__()
        self._heading = heading
        self._question = question
        self._judge = judge

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as box:
            box.border_title = title(self._heading)
            box.border_subtitle = "ctrl+g take · esc cancel"
            yield Static(printable(self._question), classes="ask", markup=False)
            yield YamlArea(id="text")
            yield Static(id="judged", markup=False)

    def on_mount(self) -> None:
        self.query_one(YamlArea).focus()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        text = event.text_area.text
        judged = self._judge(text) if text.strip() else Judged("")
        told = self.query_one("#judged", Static)
        told.update(printable(judged.text))
        told.set_class(not judged.is_fine, "-wrong")

    def action_take(self) -> None:
        text = self.query_one(YamlArea).text
        if text.strip() and self._judge(text).is_fine:
            self.dismiss(text)
