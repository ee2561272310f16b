"""A plan before it is carried out: what changes, what it comes to, what to weigh. It is never cut: what has no room is scrolled to."""

from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Static

from swarm_tui.clusters.allowance import named
from swarm_tui.dialogs.confirm import Confirm
from swarm_tui.dialogs.frame import SHORT
from swarm_tui.operations.describe import Description
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.paint import title

_ROWS_AROUND: Final = 7
"""Border and padding, the level, the answers with the line above them."""
_ROWS_AROUND_SHORT: Final = 4
"""The same without blank rows."""
_ROWS_OF_WORD: Final = 3
_CHANGES_SEEN: Final = 3
"""More are counted above them: some may be out of sight."""


class PlanDialog(Confirm):
    """Shows a description; True once it is to be carried out: by y, or by typing what `description.word` says. With a `refusal` it is only
    shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, description: Description, refusal: str = "") -> None:
        word = "" if refusal else description.word
        super().__init__(description.title, (), word, is_dangerous=bool(description.cautions))
        self._description = description
        self._refusal = refusal

    def compose(self) -> ComposeResult:
        shown = self._description
        with Vertical(classes="dialog danger" if self._is_dangerous else "dialog") as box:
            box.border_title = title(shown.title)
            box.border_subtitle = self._keys
            count = len(shown.changes)
            counted = f" · {count} changes" if count > _CHANGES_SEEN else ""
            yield Static(
                printable(f"{named(shown.level)} · {shown.way_back}{counted}"),
                classes="ask",
                markup=False,
            )
            with VerticalScroll(can_focus=False):
                if self._refusal:
                    yield Static(
                        printable(f"✖ It cannot be carried out: {self._refusal}."),
                        classes="refusal",
                        markup=False,
                    )
                for text in shown.cautions:
                    yield Static(printable(f"▲ {text}"), classes="caution", markup=False)
                for name, text in shown.changes:
                    yield Static(printable(f"~ {name}: {text}"), markup=False)
                for text in shown.effects:
                    yield Static(printable(text), markup=False)
                for text in shown.docker.lines:
                    yield Static(printable(f"Same as: {text}"), classes="same", markup=False)
                if shown.docker.why_none:
                    yield Static(printable(shown.docker.why_none), classes="same", markup=False)
            if self._word:
                yield from self.ask_for_word()
            with Horizontal(classes="answers"):
                yield Button("Cancel", id="cancel", compact=True)
                if not self._word and not self._refusal:
                    yield Button("Apply", id="apply", compact=True)

    @property
    def _keys(self) -> str:
        if self._refusal:
            return "esc close"
        return "enter go on · esc cancel" if self._word else "y go on · esc cancel"

    def on_mount(self) -> None:
        # Whoever presses enter without reading cancels. Where a word is to be typed it is that which guards.
        self.query_one("#word" if self._word else "#cancel").focus()

    def on_resize(self, event: events.Resize) -> None:
        # What is asked stays in sight: the plan has the rows that are left.
        height = event.size.height
        rows = height - _ROWS_AROUND_SHORT if height < SHORT else height * 9 // 10 - _ROWS_AROUND
        rows -= _ROWS_OF_WORD if self._word else 0
        self.query_one(VerticalScroll).styles.max_height = max(rows, 2)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action == "go_on" and self._refusal else super().check_action(action, parameters)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(True if event.button.id == "apply" else None)

    def action_scroll(self, lines: int) -> None:
        """Move the plan under the eye."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
