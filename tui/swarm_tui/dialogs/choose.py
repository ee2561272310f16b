"""One of a few: a short list to pick from."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.widgets.paint import title


class Choose(Dialog[str]):
    """Answers the id of the option taken; `options` are (id, text), `current` is where the cursor starts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "app.simulate_key('down')", show=False),
        Binding("k", "app.simulate_key('up')", show=False),
    ]

    def __init__(self, title: str, options: Sequence[tuple[str, str]], current: str = "") -> None:
        super().__init__()
        self._title = title
        self._options = options
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = title(self._title)
            box.border_subtitle = "enter take · esc cancel"
            yield OptionList(
                *(Option(text, id=id_) for id_, text in self._options), markup=False, compact=True
            )

    def on_mount(self) -> None:
        ids = [id_ for id_, _ in self._options]
        self.query_one(OptionList).highlighted = ids.index(self._current) if self._current in ids else 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)
