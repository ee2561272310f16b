"""Confirmation of something that cannot be taken back, by typing a word."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from swarm_tui.dialogs.frame import Dialog


class Confirm(Dialog[bool]):
    """Shows what will happen; True once `word` (a name, or a count for several) has been typed."""

    def __init__(self, title: str, sentences: Sequence[str], word: str) -> None:
        super().__init__()
        self._title = title
        self._sentences = sentences
        self._word = word

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog danger") as box:
            box.border_title = self._title
            box.border_subtitle = "esc cancel"
            for sentence in self._sentences:
                yield Static(sentence, markup=False)
            yield Static(f"Type {self._word} and press enter to go on.", classes="ask", markup=False)
            yield Input(compact=True, id="word")
            yield Static("", id="verdict", classes="verdict", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#verdict", Static).update("✓ enter goes on" if event.value == self._word else "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value == self._word:
            self.dismiss(True)
        else:
            self.query_one("#verdict", Static).update(f"✖ that is not {self._word}")
