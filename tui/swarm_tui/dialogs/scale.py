"""How many replicas: an absolute number or a change of the present one, judged while typing."""

import re
from dataclasses import dataclass
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.widgets.paint import title
from swarm_tui.widgets.verdict import VerdictLabel

REPLICAS_MAX: Final = 1_000_000
_AMOUNT: Final = re.compile(r"\s*([=+\-x]?)\s*([0-9]{1,9})\s*")


@dataclass(frozen=True, slots=True)
class Amount:
    """`sign` is = + - or x; what it makes of the present number is `of`."""

    sign: str
    number: int

    def of(self, replicas: int) -> int:
        """The new number of replicas; may be out of range."""
        match self.sign:
            case "+":
                return replicas + self.number
            case "-":
                return replicas - self.number
            case "x":
                return replicas * self.number
            case _:
                return self.number


def parse_amount(text: str) -> Amount | None:
    """`5`, `=5`, `+3`, `-1` or `x2`; None for anything else."""
    match = _AMOUNT.fullmatch(text)
    return Amount(match[1] or "=", int(match[2])) if match else None


def judge(text: str, current: int) -> tuple[int | None, str, str]:
    """The new number of replicas, or None where there is none to take; what to say, and in which role."""
    if not text.strip():
        return None, "", "muted"
    amount = parse_amount(text)
    if amount is None:
        return None, "✖ write 5, =5, +3, -1 or x2", "error"
    replicas = amount.of(current)
    if replicas < 0:
        return None, f"✖ {current} − {amount.number} is below zero", "error"
    if replicas > REPLICAS_MAX:
        return None, f"✖ more than {REPLICAS_MAX} replicas", "error"
    if replicas == current:
        return replicas, f"{current} already", "muted"
    return replicas, f"✓ {current} → {replicas}", "ok"


class Scale(Dialog[Amount]):
    """Asks for an amount for the named services; `current` is the first one's number of replicas."""

    def __init__(self, subject: str, current: int) -> None:
        super().__init__()
        self._subject = subject
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = title(f"Scale {self._subject}")
            box.border_subtitle = "enter scale · esc cancel"
            yield Static(f"{self._current} replicas now", classes="ask", markup=False)
            yield Input(compact=True, id="amount", placeholder="12   =12   +3   -1   x2")
            yield VerdictLabel(id="verdict")

    def on_input_changed(self, event: Input.Changed) -> None:
        _, text, role = judge(event.value, self._current)
        self.query_one(VerdictLabel).show(text, role)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        replicas, _, _ = judge(event.value, self._current)
        amount = parse_amount(event.value)
        if replicas is not None and amount is not None:
            self.dismiss(amount)
