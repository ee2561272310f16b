"""A plan before it is carried out: what changes, what it comes to, what to weigh. It is never cut: what has no room is scrolled to."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from swarm_tui.dialogs.confirm import Confirm
from swarm_tui.operations.describe import Description
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.paint import title


class PlanDialog(Confirm):
    """Shows a description; True once it is to be carried out: by y, or by typing what `description.word` says."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
        Binding("j", "scroll(1)", show=False),
    ]

    def __init__(self, description: Description) -> None:
        super().__init__(description.title, (), description.word, is_dangerous=bool(description.cautions))
        self._description = description

    def compose(self) -> ComposeResult:
        shown = self._description
        with Vertical(classes="dialog danger" if self._is_dangerous else "dialog") as box:
            box.border_title = title(shown.title)
            box.border_subtitle = "enter go on · esc cancel" if self._word else "y go on · esc cancel"
            way_back = "reversible" if shown.is_reversible else "cannot be taken back"
            yield Static(f"level {int(shown.level)} · {way_back}", classes="ask", markup=False)
            with VerticalScroll(can_focus=False):
                for name, text in shown.changes:
                    yield Static(printable(f"~ {name}: {text}"), markup=False)
                for text in shown.cautions:
                    yield Static(printable(f"▲ {text}"), classes="caution", markup=False)
                for text in shown.effects:
                    yield Static(printable(text), markup=False)
            if self._word:
                yield from self.ask_for_word()

    def action_scroll(self, lines: int) -> None:
        """Move the plan under the eye."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
