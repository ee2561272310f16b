"""The parts of a form on screen: the rows of each field, and each section with its bar, which folds.

They are no widgets themselves: rows and bars stand in one column of the pane, since each widget costs with every key. The rows of a field are made
when it is first shown: few people open all sections.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from textual.widget import AwaitMount, Widget

from swarm_tui.operations.forms.fields import Field, Section, Texts, Verdict
from swarm_tui.resources.printable import printable
from swarm_tui.widgets.field_row import FieldRow
from swarm_tui.widgets.section_bar import SectionBar

EMPTY: Texts = ("",)
Typed = Callable[[str, Texts], object]
"""Told at once of what stands in a field now: keys that follow find the form as it is then."""


class FieldBox:
    """A field: one row, or as many as its list has. The verdict stands on the first."""

    def __init__(self, field: Field, texts: Texts, typed: Typed) -> None:
        self.field = field
        self._typed = typed
        self._texts = texts or EMPTY
        self._is_being_filled = False
        """Whether the rows are being given other texts."""
        self.rows = [self._row(text, is_first=number == 0) for number, text in enumerate(self._texts)]
        self.is_shown = True

    def _row(self, text: str, *, is_first: bool) -> FieldRow:
        one = self.field
        return FieldRow(
            one.label if is_first else "",
            text,
            self._tell,
            hint=one.hint,
            options=one.options,
            is_hidden=one.is_hidden,
            is_replaced=one.is_replaced,
            field_id=None if one.is_list else one.key,
        )

    @property
    def texts(self) -> Texts:
        """What is typed."""
        return tuple(row.text for row in self.rows)

    @property
    def has_focus(self) -> bool:
        """Whether the cursor is in it."""
        return any(row.field.has_focus for row in self.rows)

    def show(self, texts: Texts) -> None:
        """Hold other texts. Rows that are there already stay, and with them the cursor."""
        texts = texts or EMPTY
        if texts == self.texts or (self.field.is_list and texts == _said(self.texts)):
            return
        self._texts, self._is_being_filled = texts, True
        for row in self.rows[len(texts) :]:
            row.remove()
        del self.rows[len(texts) :]
        for row, text in zip(self.rows, texts, strict=False):
            row.show(text)
        self._is_being_filled = False
        more = [self._row(text, is_first=False) for text in texts[len(self.rows) :]]
        if more:
            _column(self.rows[-1]).mount(*more, after=self.rows[-1])
            self.rows += more

    def judge(self, verdict: Verdict) -> None:
        """Show a verdict."""
        self.rows[0].judge(verdict.text, verdict.role)

    def display(self, is_shown: bool) -> None:
        """Show the rows, or not."""
        if is_shown != self.is_shown:
            self.is_shown = is_shown
            for row in self.rows:
                row.display = is_shown

    def take_focus(self) -> None:
        """Put the cursor into it: into the last row of a list."""
        self.rows[-1].field.focus()

    # -- rows of a list ------------------------------------------------------------------------------

    async def add_row(self) -> None:
        """A new row below the one with the cursor."""
        at = self._at + 1
        row = self._row("", is_first=False)
        self.rows.insert(at, row)
        await _column(self.rows[at - 1]).mount(row, after=self.rows[at - 1])
        row.field.focus()

    async def drop_row(self) -> None:
        """Take the row with the cursor away; the only one is emptied."""
        at = self._at
        if len(self.rows) == 1:
            self.rows[0].show("")
            return
        neighbour, texts = self.rows[max(at - 1, 0)], self.texts
        if at == 0:
            # The first row has the label and the verdict: the others move up.
            self._is_being_filled = True
            for row, text in zip(self.rows, texts[1:], strict=False):
                row.show(text)
            self._is_being_filled = False
            at = len(self.rows) - 1
        neighbour.field.focus()
        gone = self.rows.pop(at)
        await gone.remove()
        self._tell()

    def take_lines(self, lines: Sequence[str]) -> None:
        """Put pasted lines into rows, from the one with the cursor on."""
        at = self._at
        self.show((*self.texts[:at], *lines, *self.texts[at + 1 :]))
        self._typed(self.field.key, self._texts)

    @property
    def is_in_last_row(self) -> bool:
        """Whether the cursor is in the last row, and something stands there."""
        return self._at == len(self.rows) - 1 and bool(self.rows[-1].text.strip())

    @property
    def _at(self) -> int:
        """The row with the cursor; the last where none has it."""
        return next(
            (number for number, row in enumerate(self.rows) if row.field.has_focus), len(self.rows) - 1
        )

    def _tell(self) -> None:
        if not self._is_being_filled and (texts := self.texts) != self._texts:
            self._texts = texts
            self._typed(self.field.key, texts)


def _said(texts: Texts) -> Texts:
    """The rows that say something."""
    return tuple(text for text in texts if text.strip()) or EMPTY


def _column(widget: Widget) -> Widget:
    """What a row or a bar stands in."""
    column = widget.parent
    assert isinstance(column, Widget)
    return column


class SectionBox:
    """A section: its bar, and its fields once it was opened. One without a title has no bar and is always open."""

    def __init__(self, section: Section, typed: Typed) -> None:
        self.section = section
        self.is_open = not section.title
        self.bar = SectionBar(section.title) if section.title else None
        self._typed = typed
        self._made: dict[str, FieldBox] = {}

    @property
    def boxes(self) -> Iterator[FieldBox]:
        """The fields that were made, in their order."""
        for one in self.section.fields:
            if one.key in self._made:
                yield self._made[one.key]

    def box(self, key: str) -> FieldBox | None:
        """One of them."""
        return self._made.get(key)

    @property
    def widgets(self) -> Iterator[Widget]:
        """Bar and rows, in the order in which they stand."""
        if self.bar is not None:
            yield self.bar
        for box in self.boxes:
            yield from box.rows

    @property
    def first_shown(self) -> FieldBox | None:
        """The field that stands first of those that mean something now."""
        return next((box for box in self.boxes if box.is_shown), None)

    @property
    def has_focus(self) -> bool:
        """Whether the cursor is in one of its fields."""
        return any(box.has_focus for box in self.boxes)

    async def open(self, keys: Collection[str], texts: Mapping[str, Texts], column: Widget) -> None:
        """Show the fields, so that the cursor can be put into those of `keys`."""
        self.is_open = True
        for one in self._mount(keys, texts, column):
            await one

    def make(self, keys: Collection[str], texts: Mapping[str, Texts]) -> None:
        """Rows for these fields, before anything is on screen."""
        for one in self.section.fields:
            if one.key in keys and one.key not in self._made:
                self._made[one.key] = FieldBox(one, texts.get(one.key, EMPTY), self._typed)

    def judge(
        self, verdicts: Mapping[str, Verdict], texts: Mapping[str, Texts], holds: str, column: Widget
    ) -> None:
        """Show what is said of it; `verdicts` has the fields that mean something now, of which rows are made in `column`."""
        shown = [one.key for one in self.section.fields if one.key in verdicts]
        if self.is_open:
            self._mount(shown, texts, column)
        for key, box in self._made.items():
            box.display(self.is_open and key in verdicts)
            if key in verdicts:
                box.judge(verdicts[key])
        if self.bar is None:
            return
        self.bar.display = bool(shown)
        wrong = next((verdicts[key] for key in shown if verdicts[key].is_bad), None)
        text, role = (holds, "text") if wrong is None else (f"{holds}  {wrong.text}".strip(), "error")
        self.bar.show(printable(text), role, is_open=self.is_open)

    def _mount(self, keys: Collection[str], texts: Mapping[str, Texts], column: Widget) -> list[AwaitMount]:
        """Rows for those of the fields `keys` that have none yet, each behind the field before it."""
        missing = [key for key in keys if key not in self._made]
        if not missing:
            return []
        self.make(missing, texts)
        before: Widget | None = self.bar
        mounted = []
        for box in self.boxes:
            if box.field.key in missing:
                mounted.append(
                    column.mount(*box.rows, before=0)
                    if before is None
                    else column.mount(*box.rows, after=before)
                )
            before = box.rows[-1]
        return mounted
