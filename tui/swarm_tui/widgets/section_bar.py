"""The heading of a part of a form that folds: `▾ Ports`, or folded `▸ Ports  8080:80` with what is in it."""

from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from swarm_tui.widgets.paint import Painted, Span, cut, fit, to_strip

_TITLE_WIDTH: Final = 13
"""As wide as the labels of rows, so that what is in a folded section stands below what is in fields."""


class SectionBar(Painted, can_focus=True):
    """Enter, space, an arrow or a click opens and folds."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "open_or_fold", "open or fold", show=False),
        Binding("right", "unfold(True)", "open", show=False),
        Binding("left", "unfold(False)", "fold", show=False),
    ]

    class Toggled(Message):
        """The person wants it open, or folded."""

        def __init__(self, bar: "SectionBar", *, is_open: bool) -> None:
            super().__init__()
            self.bar = bar
            self.is_open = is_open

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.title = title
        self.is_open = False
        self._holds: Span = ("", "muted")

    def show(self, holds: str, role: str, *, is_open: bool) -> None:
        """What is in it, in a few words."""
        if (holds, role, is_open) != (*self._holds, self.is_open):
            self._holds, self.is_open = (holds, role), is_open
            self.refresh()

    def action_open_or_fold(self) -> None:
        self.post_message(self.Toggled(self, is_open=not self.is_open))

    def action_unfold(self, is_open: bool) -> None:
        self.post_message(self.Toggled(self, is_open=is_open))

    def on_click(self, event: events.Click) -> None:
        self.action_open_or_fold()

    def on_key(self, event: events.Key) -> None:
        # Whoever types in a form means a field: no letter may lead elsewhere.
        if event.is_printable and event.character != " ":
            event.stop()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        ground = "selection" if self.has_focus else "screen"
        sign = "▾ " if self.is_open else "▸ "
        role = "text+bold" if self.is_open or self._holds[0] else "muted"
        spans: list[Span] = fit(
            [(sign, "accent" if self.has_focus else "muted"), (self.title, role)], _TITLE_WIDTH
        )
        if not self.is_open:
            spans += [self._holds]
        width = self.size.width
        return to_strip(self.palette, cut(spans, width), width, ground)
