"""Any of a few: a short list in which space takes an option or leaves it out."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import SelectionList
from textual.widgets.selection_list import Selection

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.widgets.paint import title


class Pick(Dialog[frozenset[str]]):
    """Answers the ids of the options that are taken, one at least; `options` are (id, text)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "app.simulate_key('down')", show=False),
        Binding("k", "app.simulate_key('up')", show=False),
        Binding("enter", "take", show=False, priority=True),
    ]

    def __init__(self, title: str, options: Sequence[tuple[str, str]], taken: Collection[str]) -> None:
        super().__init__()
        self._title = title
        self._options = options
        self._taken = taken

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = title(self._title)
            box.border_subtitle = "space on/off · enter take · esc cancel"
            yield SelectionList[str](
                *(Selection(title(text), id_, id_ in self._taken) for id_, text in self._options),
                compact=True,
            )

    def action_take(self) -> None:
        """Nothing at all is no choice: the dialog stays."""
        found = frozenset(self.query_one(SelectionList).selected)
        if found:
            self.dismiss(found)
