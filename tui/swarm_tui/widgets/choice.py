"""One of a few on one line: `(•) container  ( ) process`; arrows, space or a click change it."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, cut, to_strip, width_of


class Choice(Painted, can_focus=True):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "turn(-1)", "previous", show=False),
        Binding("right,down,space", "turn(1)", "next", show=False),
    ]
    DEFAULT_CSS = "Choice { height: 1; }"

    value: reactive[str] = reactive("")
    """Watch it to hear of a change."""

    def __init__(self, options: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._options = tuple(options)
        self.set_reactive(Choice.value, self._options[0])

    def action_turn(self, step: int) -> None:
        index = self._options.index(self.value) + step
        self.value = self._options[index % len(self._options)]

    def on_click(self, event: events.Click) -> None:
        x = 0
        for option in self._options:
            end = x + width_of(self._spans(option))
            if x <= event.x < end:
                self.value = option
            x = end

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        spans = [span for option in self._options for span in self._spans(option)]
        return to_strip(self.palette, cut(spans, self.size.width), self.size.width)

    def _spans(self, option: str) -> list[Span]:
        is_chosen = option == self.value
        role = ("accent+bold" if self.has_focus else "text") if is_chosen else "muted"
        return [("(•) " if is_chosen else "( ) ", role), (option, role), ("  ", "text")]
