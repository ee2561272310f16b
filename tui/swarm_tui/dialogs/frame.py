"""The frame of every dialog: a modal screen with one quiet box, closed by escape, and by ctrl+c where no text is to be copied."""

from typing import ClassVar, Final, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

T = TypeVar("T")
SHORT: Final = 20
"""Below so many rows a dialog has no blank ones."""


class Dialog(ModalScreen[T | None]):
    """A question; None is the answer of who leaves it."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (SHORT, "-roomy")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "cancel", show=False)]

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_copy_text(self) -> None:
        """ctrl+c."""
        if self.get_selected_text() is None:
            self.action_leave()
        else:
            super().action_copy_text()
