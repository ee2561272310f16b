"""The frame of every dialog: a modal screen with one quiet box, closed by escape."""

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

T = TypeVar("T")


class Dialog(ModalScreen[T | None]):
    """A question; None is the answer of who leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "cancel", show=False)]

    def action_leave(self) -> None:
        self.dismiss(None)
