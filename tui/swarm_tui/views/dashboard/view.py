"""The dashboard: nodes, services and tasks, and beside them what moves, what is wrong and what changed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from swarm_tui.clusters.session import Session
from swarm_tui.resources import nodes, services, tasks
from swarm_tui.resources.model import Problem
from swarm_tui.views.actions import Context, bindings
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.widgets.notes import Note, Notes


class SidePane(Vertical):
    """A bordered list of notes; the border tells how many."""

    def __init__(self, title: str, empty: str, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, classes="holder")
        self.notes = Notes(empty=empty)
        self.notes.add_class("pane")
        self.notes.border_title = title

    def compose(self) -> ComposeResult:
        yield self.notes

    def show(self, notes: Sequence[Note], *, total: int = 0) -> None:
        """Show these notes, the first of `total`."""
        self.notes.show(notes)
        count = max(total, len(notes))
        self.notes.border_subtitle = str(count) if count else ""


class DashboardView(Horizontal):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Context.LIST)]

    def __init__(self, session: Session) -> None:
        super().__init__(id="dashboard")
        self.nodes = ObjectPane(session, nodes.KIND, id="dash-nodes")
        # What needs a person stands first here; the list of services keeps its names in order.
        self.services = ObjectPane(session, services.KIND, id="dash-services", sort="health")
        self.tasks = ObjectPane(session, tasks.KIND, id="dash-tasks")
        self.motion = SidePane("In motion", "nothing is in motion", id="in-motion")
        self.problems = SidePane("Problems", "no problem known", id="problems")
        self.changes = SidePane("Changes", "no change since the start", id="changes")

    def compose(self) -> ComposeResult:
        with Vertical(id="main-column", classes="column holder"):
            with Vertical(id="upper", classes="column holder"):
                yield self.nodes
                yield self.services
            yield self.tasks
        with Vertical(id="side-column", classes="column holder"):
            yield self.motion
            yield self.problems
            yield self.changes

    @property
    def object_panes(self) -> tuple[ObjectPane, ...]:
        """The lists of objects, from the top."""
        return self.nodes, self.services, self.tasks

    @property
    def side_panes(self) -> tuple[SidePane, ...]:
        """The notes beside the lists, from the top."""
        return self.motion, self.problems, self.changes

    def zoom(self, pane: Any) -> None:
        """Give one pane the whole view, or (None) each its part again."""
        self.set_class(pane is not None, "-zoomed")
        for one in (*self.object_panes, *self.side_panes):
            one.set_class(one is pane, "-zoom")
        for column in self.query(".column"):
            column.set_class(pane is not None and column in pane.ancestors, "-zoom")

    @property
    def has_side(self) -> bool:
        """Whether the notes beside the lists are displayed."""
        return self.display and self.query_one("#side-column").display

    @property
    def is_zoomed(self) -> bool:
        """Whether one pane has the whole view."""
        return self.has_class("-zoomed")


def problem_note(problem: Problem) -> Note:
    """A problem as a sentence: who, in numbers, the cause, and the key that leads on."""
    look = problem.health
    sentences = [[(problem.cause.replace("\n", " "), "text")]]
    if problem.key:
        sentences.append([(problem.key, "accent+bold"), (f" {problem.verb}", "muted")])
    return Note(
        [(f"{look.glyph} ", look.role), (problem.name, "text+bold"), (f"  {problem.summary}", "muted")],
        sentences,
        problem.ref,
    )
