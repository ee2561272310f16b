"""Whether to quit: asked where a key that means back has nowhere left to go."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from swarm_tui.dialogs.frame import Dialog


class Leave(Dialog[bool]):
    """The same key again quits; the cluster goes on either way."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,y,enter", "quit_now", "quit", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog small") as box:
            box.border_title = "Quit"
            box.border_subtitle = "q quit · esc stay"
            yield Static("The cluster goes on without the dashboard.", classes="ask", markup=False)

    def action_quit_now(self) -> None:
        self.dismiss(True)
