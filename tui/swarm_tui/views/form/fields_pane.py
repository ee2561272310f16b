"""The left side of a form: its sections, and a line that says what the field with the cursor takes, or what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input

from swarm_tui.operations.forms.fields import Field, Section, Texts, Verdict
from swarm_tui.views.form.boxes import EMPTY, FieldBox, SectionBox
from swarm_tui.widgets.field_row import FieldInput
from swarm_tui.widgets.paragraphs import Paragraphs
from swarm_tui.widgets.section_bar import SectionBar

_SECRET_VALUES = ("env",)
"""Fields of which a folded section tells the names alone."""


class FieldsPane(Vertical):
    """See the module's text. `typed` is called at once with what stands in a field now."""

    class Resized(Message):
        """The pane has another size: of what stands around it, it is the one that is drawn."""

    class Pasted(Message):
        """Several words were pasted into a field."""

        def __init__(self, box: FieldBox, field: FieldInput, text: str) -> None:
            super().__init__()
            self.box = box
            self.field = field
            self.text = text

    def __init__(
        self,
        sections: Sequence[Section],
        texts: Mapping[str, Texts],
        empty: Mapping[str, Texts],
        typed: Callable[[str, Texts], object],
    ) -> None:
        super().__init__(classes="pane", id="form-fields")
        self._sections = [SectionBox(one, typed) for one in sections]
        self._texts = texts
        self._empty = empty
        self._verdicts: Mapping[str, Verdict] = {}
        self._column = VerticalScroll(can_focus=False)
        self._note = Paragraphs(id="form-note")

    def compose(self) -> ComposeResult:
        for section in self._sections:
            if section.is_open:
                section.make(self._verdicts, self._texts)
        with self._column:
            for section in self._sections:
                yield from section.widgets
        yield self._note

    # -- what is shown -------------------------------------------------------------------------------

    def show(self, texts: Mapping[str, Texts]) -> None:
        """Hold other texts, which are not those that were typed here; who calls tells then what is to be said of them."""
        self._texts = texts
        for box in self.boxes:
            box.show(texts.get(box.field.key, EMPTY))

    def judge(self, texts: Mapping[str, Texts], verdicts: Mapping[str, Verdict]) -> None:
        """What is to be said of what is typed. The fields are left as they are: a key may have come that nobody has told of yet."""
        self._texts, self._verdicts = texts, verdicts
        if not self.is_mounted:
            return
        for one in self._sections:
            one.judge(verdicts, texts, self._holds(one.section), self._column)
        self._tell_note()

    def _holds(self, section: Section) -> str:
        """What a folded section says that an empty form does not."""
        parts = []
        for one in section.fields:
            texts = [text for text in self._texts.get(one.key, EMPTY) if text.strip()]
            if one.key not in self._verdicts or tuple(texts or EMPTY) == self._empty.get(one.key, EMPTY):
                continue
            if one.key in _SECRET_VALUES:
                texts = [text.partition("=")[0] for text in texts]
            parts.append(", ".join(texts) if one.is_list else f"{one.label.lower()} {' '.join(texts) or '–'}")
        return " · ".join(parts)

    @property
    def boxes(self) -> Iterator[FieldBox]:
        """Every field that was made."""
        for section in self._sections:
            yield from section.boxes

    @property
    def focused_box(self) -> FieldBox | None:
        """The field with the cursor."""
        return next((box for box in self.boxes if box.has_focus), None)

    # -- where the cursor is -------------------------------------------------------------------------

    def take_focus(self) -> None:
        """Put the cursor into the first field that is there."""
        first = next((box for box in self.boxes if box.is_shown), None)
        if first is not None:
            first.take_focus()

    async def go_to(self, key: str) -> None:
        """Put the cursor into that field, and open the section that it is in."""
        for section in self._sections:
            if any(one.key == key for one in section.section.fields):
                await self._open(section)
                box = section.box(key)
                assert box is not None
                box.take_focus()

    async def _open(self, section: SectionBox) -> None:
        await section.open(self._verdicts, self._texts, self._column)
        self.judge(self._texts, self._verdicts)

    def _fold(self, section: SectionBox) -> None:
        assert section.bar is not None
        section.bar.focus()
        section.is_open = False
        self.judge(self._texts, self._verdicts)

    async def on_section_bar_toggled(self, event: SectionBar.Toggled) -> None:
        event.stop()
        section = next(one for one in self._sections if one.bar is event.bar)
        if not event.is_open:
            self._fold(section)
            return
        await self._open(section)
        if (first := section.first_shown) is not None:
            first.take_focus()

    def fold_all(self) -> None:
        """Fold every section; who calls tells then what is to be said of them."""
        for section in self._sections:
            section.is_open = section.bar is None

    def fold_around(self) -> None:
        """Fold the section in which the cursor is."""
        for section in self._sections:
            if section.bar is not None and section.is_open and section.has_focus:
                self._fold(section)

    # -- what happens in the rows --------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        box = self.focused_box
        if box is not None and box.field.is_list and box.is_in_last_row:
            await box.add_row()
        else:
            self.screen.focus_next()

    def on_field_input_pasted(self, event: FieldInput.Pasted) -> None:
        event.stop()
        box = next(one for one in self.boxes if any(row.field is event.field for row in one.rows))
        self.post_message(self.Pasted(box, event.field, event.text))

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._tell_note()

    def _tell_note(self) -> None:
        box = self.focused_box
        if box is not None:
            text, role = _note(box.field, self._verdicts.get(box.field.key, Verdict("")))
        elif any(one.bar is not None and one.bar.has_focus for one in self._sections):
            text, role = "enter opens the section", "muted"
        else:
            return
        self._note.say([[(text, role)]])


def _note(field: Field, verdict: Verdict) -> tuple[str, str]:
    if verdict.sentence:
        return verdict.sentence[0].upper() + verdict.sentence[1:], verdict.role
    # Fields are typed into; one of a few is turned, which nothing else on screen says.
    return f"{field.help} ← → chooses." if field.options else field.help, "muted"
