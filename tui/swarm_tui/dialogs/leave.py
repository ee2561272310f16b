"""Whether to quit: asked where a key that means back has nowhere left to go."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.resources.printable import printable


class Leave(Dialog[bool]):
    """The same key again quits; `sentence` says what becomes of the cluster."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,y,enter", "quit_now", "quit", show=False)]

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self._sentence = sentence

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog small") as box:
            box.border_title = "Quit"
            box.border_subtitle = "q quit · esc stay"
            yield Static(printable(self._sentence), classes="ask", markup=False)

    def action_quit_now(self) -> None:
        self.dismiss(True)
