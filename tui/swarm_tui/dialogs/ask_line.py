"""One line of text, judged while it is typed; only what is fine can be taken."""

from collections.abc import Callable
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.paint import title
from swarm_tui.widgets.verdict import VerdictLabel


class Judged(NamedTuple):
    """What a text would do, or what is wrong with it."""

    text: str
    is_fine: bool = True


class AskLine(Dialog[str]):
    """Asks `question` under `heading`; `hint` stands in the empty field, `text` in it at the beginning."""

    def __init__(
        self, heading: str, question: str, judge: Callable[[str], Judged], *, text: str = "", hint: str = ""
    ) -> None:
        super().__init__()
        self._heading = heading
        self._question = question
        self._judge = judge
        self._text = text
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = title(self._heading)
            box.border_subtitle = "enter take · esc cancel"
            yield Static(printable(self._question), classes="ask", markup=False)
            yield Input(self._text, compact=True, select_on_focus=False, id="line", placeholder=self._hint)
            yield VerdictLabel(is_whole=True, id="verdict")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_position = len(self._text)
        self._show(self._text)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._judge(event.value).is_fine:
            self.dismiss(event.value)

    def _show(self, text: str) -> None:
        judged = self._judge(text)
        self.query_one(VerdictLabel).show(judged.text, "muted" if judged.is_fine else "error")
