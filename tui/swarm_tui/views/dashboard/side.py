"""A bordered list of notes beside the lists: what moves, what is wrong, what changed. It can be narrowed down by a text."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from swarm_tui.views.view import Findable, Verdict
from swarm_tui.widgets.notes import Note, Notes


class SidePane(Vertical, Findable):
    """See the module's text; the border tells how many notes there are."""

    find_label = "filter"
    find_hint = "any words"

    def __init__(self, title: str, empty: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, classes="holder")
        self.notes = Notes(empty=empty)
        self.notes.add_class("pane")
        self._title = title
        self.notes.label(title)
        self._empty = empty
        self._all: Sequence[Note] = ()
        self._total = 0
        self._needle = ""

    def compose(self) -> ComposeResult:
        yield self.notes

    def show(self, notes: Sequence[Note], *, total: int = 0) -> None:
        """Show these notes, the first of `total`."""
        self._all, self._total = notes, max(total, len(notes))
        self._show_found()

    def set_empty(self, text: str) -> None:
        """What stands there when there is no note."""
        self._empty = text
        self._show_found()

    @property
    def found_text(self) -> str:
        return self._needle

    def find(self, text: str) -> Verdict:
        self._needle = text.strip()
        return Verdict(f"{self._show_found()} of {len(self._all)}")

    def take_focus(self) -> None:
        self.notes.focus()

    @property
    def can_clear(self) -> bool:
        """Whether there is a filter to take back."""
        return bool(self._needle)

    def clear_one(self) -> bool:
        """Take back the filter; False when there is none."""
        if not self._needle:
            return False
        self.find("")
        return True

    def _show_found(self) -> int:
        """Show the notes that hold every word typed; how many they are."""
        words = self._needle.lower().split()
        found = [note for note in self._all if all(word in note.text.lower() for word in words)]
        self.notes.set_empty("nothing matches · esc shows all" if words and self._all else self._empty)
        self.notes.show(found)
        counts = [f"{len(found)} of {self._total}", f"/{self._needle}"] if words else [str(self._total)]
        self.notes.label(self._title, " · ".join(counts) if self._all or words else "")
        return len(found)
