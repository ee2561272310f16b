"""How many tasks: an absolute number or a change of the present one, judged while typing."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.operations.scale import Amount, Verdict
from swarm_tui.widgets.paint import title
from swarm_tui.widgets.verdict import VerdictLabel


class Scale(Dialog[Amount]):
    """Asks for an amount for `subject`, which has `present` tasks; `judge` says what a text would do. `typed` stands there
    already."""

    def __init__(self, subject: str, present: str, judge: Callable[[str], Verdict], typed: str = "") -> None:
        super().__init__()
        self._subject = subject
        self._present = present
        self._judge = judge
        self._typed = typed

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = title(f"Scale {self._subject}")
            box.border_subtitle = "enter plan · esc cancel"
            yield Static(
                f"{self._present} {'replica' if self._present == '1' else 'replicas'} now",
                classes="ask",
                markup=False,
            )
            yield Input(self._typed, compact=True, id="amount", placeholder="12   =12   +3   -1   x2")
            yield VerdictLabel(is_whole=True, id="verdict")

    def on_input_changed(self, event: Input.Changed) -> None:
        verdict = self._judge(event.value)
        self.query_one(VerdictLabel).show(verdict.text, verdict.role)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        amount = self._judge(event.value).amount
        if amount is not None:
            self.dismiss(amount)
