"""Confirmation of something that cannot be taken back, by typing a word."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.widgets.paint import printable, title
from swarm_tui.widgets.verdict import VerdictLabel


class Confirm(Dialog[bool]):
    """Shows what will happen; True once `word` (a name, or a count for several) has been typed."""

    def __init__(self, title: str, sentences: Sequence[str], word: str) -> None:
        super().__init__()
        self._title = title
        self._sentences = sentences
        self._word = word

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog danger") as box:
            box.border_title = title(self._title)
            box.border_subtitle = "enter go on · esc cancel"
            for sentence in self._sentences:
                yield Static(printable(sentence), markup=False)
            yield Static(f"Type {printable(self._word)} to go on.", classes="ask", markup=False)
            yield Input(compact=True, id="word")
            yield VerdictLabel(id="verdict")

    def on_input_changed(self, event: Input.Changed) -> None:
        is_right = event.value == self._word
        self.query_one(VerdictLabel).show("✓ enter goes on" if is_right else "", "ok")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value == self._word:
            self.dismiss(True)
        else:
            self.query_one(VerdictLabel).show(f"✖ that is not {printable(self._word)}", "error")
