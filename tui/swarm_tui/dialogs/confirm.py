"""Confirmation of something with consequences: by a key, or by typing a word where it cannot be taken back."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.paint import title
from swarm_tui.widgets.verdict import VerdictLabel


class Confirm(Dialog[bool]):
    """Shows what will happen; True once `word` (a name, or a count for several) has been typed, or without a word by y."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "go_on", "go on", show=False),
        Binding("n,q", "refuse", "cancel", show=False),
    ]

    def __init__(
        self, title: str, sentences: Sequence[str], word: str = "", *, is_dangerous: bool = True
    ) -> None:
        super().__init__()
        self._is_dangerous = is_dangerous
        self._title = title
        self._sentences = sentences
        self._word = word

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog danger" if self._is_dangerous else "dialog") as box:
            box.border_title = title(self._title)
            box.border_subtitle = "enter go on · esc cancel" if self._word else "y go on · esc cancel"
            for sentence in self._sentences:
                yield Static(printable(sentence), markup=False)
            if self._word:
                yield from self.ask_for_word()

    def ask_for_word(self) -> ComposeResult:
        """The line in which the word is typed."""
        yield Static(f"Type {printable(self._word)} to go on.", classes="ask", markup=False)
        yield Input(compact=True, id="word")
        yield VerdictLabel(id="verdict")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not self._word if action in ("go_on", "refuse") else super().check_action(action, parameters)

    def action_go_on(self) -> None:
        self.dismiss(True)

    def action_refuse(self) -> None:
        self.dismiss(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        is_right = event.value == self._word
        self.query_one(VerdictLabel).show("✓ enter goes on" if is_right else "", "ok")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value == self._word:
            self.dismiss(True)
        else:
            self.query_one(VerdictLabel).show(f"✖ that is not {printable(self._word)}", "error")
