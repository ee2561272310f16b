"""What a view is: one screenful of the interface, such as the list of services or the logs of a task.

Rules:
- The shell makes a view when it is first visited, keeps it, and tells it of changes, time and the stream's state.
- A view knows its own contents and nothing of keys, verbs or other views. Verbs sit above: they ask the view for the
  part that they work on (`part`), and do nothing where there is none.
- A new view is one module with its `ViewKind`, and one line in `views/registry.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.resources.model import Realm
from swarm_tui.resources.problems import ProblemBoard
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.place import Place

P = TypeVar("P")


class Context(StrEnum):
    """Which keys a view has; those of GLOBAL hold in all."""

    GLOBAL = "everywhere"
    LIST = "in lists"
    TEXT = "in texts"
    LOG = "in logs"
    FORM = "in forms"


@dataclass(frozen=True, slots=True)
class ClusterPorts:
    """What a view may use of one cluster: its session, and its problems, which the shell keeps up to date."""

    session: Session
    problems: ProblemBoard


class Verdict(NamedTuple):
    """What a typed text finds, or what is wrong with it; `role` is its colour."""

    text: str
    role: str = "muted"


class Findable:
    """Something that a line of text narrows down or searches."""

    find_label: ClassVar[str] = "search"
    find_hint: ClassVar[str] = "search"
    find_sign: ClassVar[str] = "/"

    @property
    def find_topic(self) -> str:
        """What was typed for one target is recalled for others of its topic."""
        return self.find_label

    @property
    def found_text(self) -> str:
        """The text in force, as it was typed."""
        raise NotImplementedError

    def find(self, text: str) -> Verdict:
        """Find `text`; the empty text ends it."""
        raise NotImplementedError

    def complete(self, text: str) -> tuple[str, str]:
        """`text` with as much as can only be meant, and the words that may come at its end."""
        return text, ""

    def begin(self) -> None:
        """The line is opened."""

    def accept(self, text: str) -> str:
        """The line was left with enter; why it cannot be, in a sentence: then it stays open."""
        verdict = self.find(text)
        return verdict.text.removeprefix("✖ ") if verdict.role == "error" else ""

    def take_focus(self) -> None:
        """Take the keys, after the line was left."""
        raise NotImplementedError


class View(Widget):
    """See the module's text. The methods do nothing here: a view has those that mean something to it."""

    DEFAULT_CSS = "View { width: 1fr; height: 1fr; layout: vertical; overflow: hidden hidden; }"

    class KeysChanged(Message):
        """Other verbs may apply now: the selection or the state of the view is another."""

    class Opened(Message):
        """The person opened what a line leads to."""

        def __init__(self, ref: ObjectRef) -> None:
            super().__init__()
            self.ref = ref

    origin = ""
    """Why it stands where it stands, for the border: before what it is about."""

    _had_focus: Widget | None = None
    """What in here last had the keys."""

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self._had_focus = event.widget

    # -- told by the shell -------------------------------------------------------------------------

    def regain_focus(self) -> None:
        """Nothing has the keys: give them to what in here had them last, or to the first that takes them."""
        known = [] if self._had_focus is None else [self._had_focus]
        candidates = (one for one in (*known, *self.query(Widget)) if one.focusable and is_displayed(one))
        found = next(candidates, None)
        if found is not None:
            found.focus()

    def arrive(self, place: Place) -> None:
        """Show what `place` is about, and take the focus."""

    def show(self, place: Place) -> None:
        """Show what `place` is about beside another view, which keeps the focus. For views that can stand there."""
        raise NotImplementedError

    def leave(self) -> None:
        """Another place is shown next: end what runs for nobody."""

    def apply(self, changes: Changes) -> None:
        """Objects changed. Told to every view that was ever visited; what is not on screen may wait for `arrive`."""

    def tick(self) -> None:
        """A second passed: ages read differently. Told to every view while the stream is live."""

    def set_stale(self, is_stale: bool) -> None:
        """Draw everything grey while what is known is old. Told to every view, and once to a new one."""

    # -- asked by the shell and by verbs -----------------------------------------------------------

    @property
    def parts(self) -> Iterable[object]:
        """What verbs may work on now, such as the list with the focus; the view itself is the first."""
        return (self,)

    def part(self, port: type[P]) -> P | None:
        """The part of this view that is a `port`, if it has one now."""
        for one in self.parts:
            if isinstance(one, port):
                return one
        return None

    @property
    def selected_kind(self) -> str:
        """The noun of what is selected; empty when nothing is."""
        return ""

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        """What a verb on objects works on."""
        return ()

    @property
    def cursor(self) -> ObjectRef | None:
        """The row to come back to: `arrive` gets it in the place."""
        return None

    @property
    def can_clear(self) -> bool:
        """Whether `clear_one` would take something back."""
        return False

    def clear_one(self) -> bool:
        """Take back the newest of search, filter, marks and the like; False when there is none of them."""
        return False


def is_displayed(widget: Widget) -> bool:
    return all(one.display for one in widget.ancestors_with_self if isinstance(one, Widget))


V = TypeVar("V", bound=View)


@dataclass(frozen=True)
class ViewKind(Generic[V]):
    """How a view is called, which keys it has, and how it is made.

    The shell gives `make` a class that is `view` with the keys of `context`; the rest of the arguments is its own.
    """

    name: str
    context: Context
    view: type[V]
    make: Callable[[type[V], ClusterPorts], V]
    key: str = ""
    """The key that leads there from everywhere, for a view that is about nothing in particular."""
    help: str = ""
    """What the key leads to, in a few words; the palette and the help page show it."""
    rank: int = 0
    """The key's place in the key bar; 0 keeps it out."""
    realms: frozenset[Realm] = frozenset((Realm.CLUSTER,))
    """Whose screens have it."""
