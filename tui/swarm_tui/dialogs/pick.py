"""Some of many: each is taken or left out with the space bar; at least one must be taken."""

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from swarm_tui.dialogs.frame import Dialog
from swarm_tui.widgets.paint import title


class Pick(Dialog[frozenset[str]]):
    """Answers the ids that are taken; `options` are (id, text), `taken` those that are so at the beginning."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "app.simulate_key('down')", show=False),
        Binding("k", "app.simulate_key('up')", show=False),
        Binding("space", "turn", show=False, priority=True),
        Binding("equals_sign", "take_only", show=False),
        Binding("asterisk", "take_all", show=False),
    ]

    hint: ClassVar[str] = "space one · = only this · * all · enter take · esc cancel"

    def __init__(self, heading: str, options: Sequence[tuple[str, str]], taken: Collection[str]) -> None:
        super().__init__()
        self._heading = heading
        self._options = options
        self._taken = {id_ for id_, _ in options if id_ in taken}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = title(self._heading)
            box.border_subtitle = self.hint
            yield OptionList(
                *(Option(self._prompt(id_, text), id=id_) for id_, text in self._options),
                markup=False,
                compact=True,
            )

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self.begins_at

    @property
    def begins_at(self) -> int:
        """The row where the cursor starts."""
        return 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if answer := self.answer:
            self.dismiss(answer)

    @property
    def answer(self) -> frozenset[str]:
        """What enter answers; nothing keeps the question open."""
        return frozenset(self._taken)

    def action_turn(self) -> None:
        self._taken ^= {self._here}
        self._show()

    def action_take_only(self) -> None:
        self._taken = {self._here}
        self._show()

    def action_take_all(self) -> None:
        self._taken = {id_ for id_, _ in self._options}
        self._show()

    @property
    def _here(self) -> str:
        return self._options[self.query_one(OptionList).highlighted or 0][0]

    def _prompt(self, id_: str, text: str) -> str:
        return f"{'✓' if id_ in self._taken else ' '} {text}"

    def _show(self) -> None:
        shown = self.query_one(OptionList)
        for id_, text in self._options:
            shown.replace_option_prompt(id_, self._prompt(id_, text))


class PickOneOrMore(Pick):
    """The same, where nothing needs to be taken: then the answer is the row under the cursor."""

    hint: ClassVar[str] = "enter go · space several as one · esc cancel"

    def __init__(
        self, heading: str, options: Sequence[tuple[str, str]], taken: Collection[str], current: str
    ) -> None:
        super().__init__(heading, options, taken)
        self._current = current

    @property
    def begins_at(self) -> int:
        ids = [id_ for id_, _ in self._options]
        return ids.index(self._current) if self._current in ids else 0

    @property
    def answer(self) -> frozenset[str]:
        return super().answer or frozenset({self._here})
