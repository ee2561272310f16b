"""One of a few on one line: `(•) container  ( ) process`; arrows, space or a click change it.

Where the line is too short for all of them, the chosen one stands between arrows, with how many there are.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, cut, to_strip, width_of

_GAP: Final = "  "
"""Between two options."""


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
        if not self._has_room:
            self.action_turn(1)
            return
        x = 0
        for option in self._options:
            end = x + width_of(self._spans(option))
            if x <= event.x < end:
                self.value = option
            x = end

    def on_key(self, event: events.Key) -> None:
        # Whoever types in a form means a field: no letter may lead elsewhere.
        if event.is_printable and event.character != " ":
            event.stop()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        spans = self._all_spans() if self._has_room else self._chosen_spans()
        return to_strip(self.palette, cut(spans, self.size.width), self.size.width)

    @property
    def _has_room(self) -> bool:
        return width_of(self._all_spans()) <= self.size.width

    def _all_spans(self) -> list[Span]:
        *spans, _ = (span for option in self._options for span in self._spans(option))
        return spans

    def _chosen_spans(self) -> list[Span]:
        role = "accent+bold" if self.has_focus else "text"
        place = f"  {self._options.index(self.value) + 1} of {len(self._options)}"
        return [("‹ ", role), (self.value, role), (" ›", role), (place, "muted")]

    def _spans(self, option: str) -> list[Span]:
        is_chosen = option == self.value
        role = ("accent+bold" if self.has_focus else "text") if is_chosen else "muted"
        return [("(•) " if is_chosen else "( ) ", role), (option, role), (_GAP, "text")]
