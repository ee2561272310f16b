"""The line in which a filter or a search is typed; what it does is felt with every key."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from swarm_tui.widgets.verdict import VerdictLabel


class FilterBar(Horizontal):
    """Hidden until opened. Posts `Typed` with each change, `Entered` or `Closed` when it is left. Up and down go through what was typed
    before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "clear", show=False),
        Binding("tab", "complete", "complete", show=False),
        Binding("up", "recall(1)", "earlier", show=False),
        Binding("down", "recall(-1)", "later", show=False),
    ]
    DEFAULT_CSS = """
    FilterBar { height: auto; max-height: 3; display: none; }
    FilterBar.-open { display: block; }
    FilterBar > Static { width: auto; padding: 0 1; }
    FilterBar > Input { width: 2fr; }
    FilterBar > VerdictLabel { width: 3fr; }
    """

    class Typed(Message):
        """The text is another."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Completing(Message):
        """Tab: the person wants the text completed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Entered(Message):
        """Enter: the text is to stay in force. The bar stays open until it is closed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """Left with escape: the text is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._earlier: Sequence[str] = ()
        self._back = 0
        """How many texts back the recalled one is; 0 is what the person types now."""
        self._own = ""

    def compose(self) -> ComposeResult:
        yield Static("/", markup=False, id="sign")
        yield Input(compact=True, select_on_focus=False)
        yield VerdictLabel(is_whole=True)

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return self.has_class("-open")

    def open(self, text: str, hint: str, earlier: Sequence[str] = (), *, sign: str = "/") -> None:
        """Show the bar with `text` in it and take the keys; `earlier` texts can be recalled, the newest first."""
        self.query_one("#sign", Static).update(sign)
        self.add_class("-open")
        self._earlier, self._back, self._own = [one for one in earlier if one != text], 0, text
        field = self.query_one(Input)
        field.placeholder = f"↑ {self._earlier[0]}   {hint}" if self._earlier else hint
        with self.prevent(Input.Changed):
            field.value = text
        field.cursor_position = len(text)
        self.judge("", "muted")
        field.focus()

    def take_focus(self) -> None:
        """Take the keys again."""
        self.query_one(Input).focus()

    def judge(self, text: str, role: str) -> None:
        """Say what the filter finds, or what is wrong with it."""
        self.query_one(VerdictLabel).show(text, role)

    def close(self) -> None:
        """Hide the bar; the filter is not touched."""
        self.remove_class("-open")

    def action_clear(self) -> None:
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self.close()
        self.post_message(self.Closed())

    def action_complete(self) -> None:
        self.post_message(self.Completing(self.query_one(Input).value))

    def set_text(self, text: str) -> None:
        """What stands there instead, as if it had been typed."""
        field = self.query_one(Input)
        field.value = text
        field.cursor_position = len(text)

    def action_recall(self, step: int) -> None:
        field = self.query_one(Input)
        if not self._back:
            self._own = field.value
        self._back = min(max(self._back + step, 0), len(self._earlier))
        field.value = self._earlier[self._back - 1] if self._back else self._own
        field.cursor_position = len(field.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered(event.value))
