"""One row of a form: a label, a field, and a verdict of one or two words to the right of it.

Label and verdict are painted by the row itself: a form has many of them, and each widget costs with every key.
"""

from collections.abc import Callable
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive
from textual.strip import Strip
from textual.widgets import Input

from swarm_tui.resources.printable import printable
from swarm_tui.widgets.choice import Choice
from swarm_tui.widgets.paint import Painted, Span, cut, fit, to_strip

LABEL_WIDTH: Final = 13
_VERDICT_WIDTH: Final = 24
_FIELD_MIN: Final = 12
_FIELD_MAX: Final = 46


class FieldInput(Input):
    """A line that tells of what is pasted before it takes it. A text with characters that cannot be shown stays whole while nobody changes
    it."""

    class Pasted(Message):
        """Lines were pasted; who handles them calls `take` for those that are nothing else."""

        def __init__(self, field: "FieldInput", text: str) -> None:
            super().__init__()
            self.field = field
            self.text = text

    virtual_size = Reactive(Size(0, 0))
    """Not as the toolkit has it: a row has one height, and a letter more in it lays nothing out anew."""

    def __init__(self, text: str, hint: str, *, is_hidden: bool, is_replaced: bool, id: str | None) -> None:  # noqa: A002
        super().__init__(
            printable(text),
            placeholder=hint,
            compact=True,
            password=is_hidden,
            select_on_focus=is_replaced,
            id=id,
        )
        self._whole = text

    @property
    def text(self) -> str:
        """What is typed."""
        return self._whole if self.value == printable(self._whole) else self.value

    def show(self, text: str) -> None:
        """Hold another text; nothing happens to the one that is there already."""
        if text != self.text:
            self._whole = text
            self.value = printable(text)
            self.cursor_position = len(self.value)

    def _on_paste(self, event: events.Paste) -> None:
        if len(event.text.strip().split()) > 1:
            event.prevent_default()
            event.stop()
            self.post_message(self.Pasted(self, event.text))

    def take(self, text: str) -> None:
        """Put pasted text where the cursor is."""
        self.insert_text_at_cursor(printable(text.strip("\r\n")))


class FieldRow(Painted):
    """See the module's text. With `options` the field is a choice. `changed` is called whenever it holds something else."""

    def __init__(
        self,
        label: str,
        text: str,
        changed: Callable[[], None],
        *,
        hint: str = "",
        options: tuple[str, ...] = (),
        is_hidden: bool = False,
        is_replaced: bool = False,
        field_id: str | None = None,
    ) -> None:
        super().__init__()
        self._label = label
        self._changed = changed
        self._verdict: Span = ("", "muted")
        self.field: FieldInput | Choice
        if options:
            self.field = Choice(options, id=field_id)
            self.field.set_reactive(Choice.value, text if text in options else options[0])
        else:
            self.field = FieldInput(text, hint, is_hidden=is_hidden, is_replaced=is_replaced, id=field_id)

    def compose(self) -> ComposeResult:
        yield self.field

    def on_mount(self) -> None:
        # Watched, not told by a message: what a key leads to is painted with it, and the next key finds it done.
        self.watch(self.field, "value", self._changed, init=False)

    @property
    def text(self) -> str:
        """What is typed or chosen."""
        return self.field.value if isinstance(self.field, Choice) else self.field.text

    def show(self, text: str) -> None:
        """Hold another text."""
        if isinstance(self.field, Choice):
            self.field.value = text
        else:
            self.field.show(text)

    def judge(self, text: str, role: str) -> None:
        """Show a verdict; nothing is painted when it is the same."""
        if (text, role) != self._verdict:
            self._verdict = (text, role)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        label = fit([(self._label, "muted")], LABEL_WIDTH - 1)
        behind = LABEL_WIDTH + self.field.outer_size.width
        spans: list[Span] = [*label, (" " * max(behind - LABEL_WIDTH + 1, 1), "text")]
        spans += cut([("  ", "text"), self._verdict], max(width - behind, 0))
        return to_strip(self.palette, cut(spans, width), width)
