"""What every form on screen has: fields in sections, rows of lists, and a way to send it."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from swarm_tui.operations.model import Plan
from swarm_tui.views.form.fields_pane import FieldsPane
from swarm_tui.views.view import View


class FormBase(View):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority they act before the next key is given to anybody: what is typed ahead goes to the right field.
        Binding("tab", "move(1)", "next field", show=False, priority=True),
        Binding("shift+tab", "move(-1)", "previous field", show=False, priority=True),
    ]

    @property
    def fields(self) -> FieldsPane:
        """The fields."""
        return self.query_one(FieldsPane)

    async def submit(self) -> Plan | None:
        """What sending it comes to; None when something is wrong with it, which the form then shows."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget what was typed: it was sent."""
        raise NotImplementedError

    def action_move(self, step: int) -> None:
        """Go to the next or the previous field."""
        if step > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    @property
    def is_in_list(self) -> bool:
        """Whether the cursor is in a field that has rows."""
        box = self.fields.focused_box
        return box is not None and box.field.is_list

    async def add_row(self) -> None:
        """A new row in the list with the cursor."""
        if (box := self.fields.focused_box) is not None:
            await box.add_row()

    async def drop_row(self) -> None:
        """Take the row with the cursor away."""
        if (box := self.fields.focused_box) is not None:
            await box.drop_row()

    def fold(self) -> None:
        """Fold the section with the cursor."""
        self.fields.fold_around()


class EditedForm(FormBase):
    """A form of which something can be written in an editor."""

    edited_name: ClassVar[str] = "service.yaml"
    """How its file is called there: editors go by the ending."""
    is_edited_secret: bool = False

    @property
    def text(self) -> str:
        """The text as it is now."""
        raise NotImplementedError

    @property
    def is_text_wrong(self) -> bool:
        """Whether it has to be mended before the form can be sent."""
        raise NotImplementedError

    def take_text(self, text: str) -> None:
        """What was written elsewhere, as in an editor. Raises ValueError with a sentence where it cannot be taken."""
        raise NotImplementedError


class TextForm(EditedForm):
    """A form with a text beside its fields, in which either can be written."""

    @property
    def is_in_twin(self) -> bool:
        """Whether the cursor is in the text."""
        raise NotImplementedError

    async def toggle_twin(self) -> None:
        """To the text, or from it back to the fields."""
        raise NotImplementedError
