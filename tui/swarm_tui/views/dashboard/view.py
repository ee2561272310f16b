"""The dashboard: nodes, services and tasks, and beside them what moves, what is wrong and what changed."""

from collections.abc import Iterable
from itertools import chain
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.resources import nodes, services, tasks
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.dashboard.feed import ChangeFeed
from swarm_tui.views.dashboard.motion import MotionBoard
from swarm_tui.views.dashboard.problem_notes import line, problem_notes
from swarm_tui.views.dashboard.side import SidePane
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.place import Place
from swarm_tui.views.view import ClusterPorts, Context, View, ViewKind
from swarm_tui.widgets.notes import Notes
from swarm_tui.widgets.paint import Span, Spans
from swarm_tui.widgets.paragraphs import Paragraphs

NAME: Final = "dashboard"
PROBLEMS_MAX: Final = 50
"""Problems that are written out; how many more there are stands on the border."""


class DashboardView(View):
    """See the module's text."""

    def __init__(self, ports: ClusterPorts) -> None:
        super().__init__(id=NAME)
        session = ports.session
        self._session = session
        self._problem_board = ports.problems
        self._motion_board = MotionBoard(session.mirror)
        self._feed = ChangeFeed(session.mirror)
        self._has_news = False
        self.nodes = ObjectPane(session, nodes.KIND, id="dash-nodes")
        # What needs a person stands first here; the list of services keeps its names in order.
        self.services = ObjectPane(session, services.KIND, id="dash-services", sort="health")
        self.tasks = ObjectPane(session, tasks.KIND, id="dash-tasks")
        self._brief = Paragraphs(indent=2, id="brief")
        """What matters most of the side's panes, where there is no room for them."""
        self.motion = SidePane("In motion", "nothing is in motion", id="in-motion")
        self.problems = SidePane("Problems", "connecting …", id="problems")
        self.changes = SidePane("Changes", "no change since the start", id="changes")

    def compose(self) -> ComposeResult:
        with Vertical(id="main-column", classes="column holder"):
            # Above the lists: notices stand at the other end, and cover it nowhere.
            yield self._brief
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

    # -- told by the shell -------------------------------------------------------------------------

    def arrive(self, place: Place) -> None:
        left = place.cursor
        lists = (
            pane.table for pane in self.object_panes if left is not None and pane.table.cursor_id == left
        )
        (self._zoomed or next(lists, self.services.table)).focus()
        self._show_side_panes()

    def apply(self, changes: Changes) -> None:
        now_ns = self._session.now_ns
        self._motion_board.apply(changes, now_ns)
        self._has_news |= self._feed.apply(changes)
        for pane in self.object_panes:
            pane.apply(changes)
        if not changes.is_before_tick:
            self._show_side_panes()

    def tick(self) -> None:
        for pane in self.object_panes:
            pane.tick()
        self._show_side_panes()

    def set_stale(self, is_stale: bool) -> None:
        for pane in self.object_panes:
            pane.set_stale(is_stale)
        for side in self.side_panes:
            side.notes.set_dimmed(is_stale)
        self._show_side_panes()

    def on_resize(self) -> None:
        # Notes that had no room before are not kept up to date; they may have it now.
        self.call_after_refresh(self._show_side_panes)

    def on_notes_opened(self, event: Notes.Opened) -> None:
        event.stop()
        self.post_message(self.Opened(event.target))

    # -- asked by the shell and by verbs -----------------------------------------------------------

    @property
    def parts(self) -> Iterable[object]:
        found = self._focused_pane or self._focused_side
        return (self,) if found is None else (self, found)

    @property
    def selected_kind(self) -> str:
        pane, note = self._focused_pane, self._focused_note
        return pane.selected_kind if pane is not None else note.kind if note is not None else ""

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        pane, note = self._focused_pane, self._focused_note
        return pane.selected if pane is not None else (note,) if note is not None else ()

    @property
    def cursor(self) -> ObjectRef | None:
        pane = self._focused_pane
        return pane.table.cursor_id if pane is not None else None

    @property
    def can_clear(self) -> bool:
        pane = self._focused_pane or self._focused_side
        return self.is_zoomed or (pane is not None and pane.can_clear)

    def clear_one(self) -> bool:
        pane = self._focused_pane or self._focused_side
        if pane is not None and pane.clear_one():
            return True
        if self.is_zoomed:
            self.toggle_zoom()
            return True
        return False

    def toggle_zoom(self) -> None:
        """Give the pane with the focus the whole view, or each its part again."""
        pane = None if self.is_zoomed or self.screen.focused is None else self.screen.focused.parent
        self.set_class(pane is not None, "-zoomed")
        for one in (*self.object_panes, *self.side_panes):
            one.set_class(one is pane, "-zoom")
        for column in self.query(".column"):
            column.set_class(pane is not None and column in pane.ancestors, "-zoom")
        self.post_message(self.KeysChanged())

    @property
    def is_zoomed(self) -> bool:
        """Whether one pane has the whole view."""
        return self.has_class("-zoomed")

    @property
    def _zoomed(self) -> Widget | None:
        """What takes the keys in the pane that has the whole view: the others are not to be seen."""
        lists = (pane.table for pane in self.object_panes if pane.has_class("-zoom"))
        notes = (side.notes for side in self.side_panes if side.has_class("-zoom"))
        return next(chain[Widget](lists, notes), None)

    @property
    def _focused_pane(self) -> ObjectPane | None:
        focused = self.screen.focused
        return next((pane for pane in self.object_panes if pane.table is focused), None)

    @property
    def _focused_side(self) -> SidePane | None:
        focused = self.screen.focused
        return next((side for side in self.side_panes if side.notes is focused), None)

    @property
    def _focused_note(self) -> ObjectRef | None:
        side = self._focused_side
        return side.notes.target if side is not None else None

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _has_side(self) -> bool:
        return self.display and self.query_one("#side-column").display

    def _show_side_panes(self) -> None:
        if not self._has_side:
            if self.display:
                self._show_brief()
            return
        stream = self._session.mirror.stream
        is_known = stream.phase is not Phase.CONNECTING
        self.problems.set_empty("no problem known" if is_known else stream.waiting_text)
        moving = self._motion_board.targets
        self.motion.show(self._motion_board.notes(self._session.now_ns), total=len(moving))
        problems = [one for one in self._problem_board.all() if one.ref not in moving]
        self.problems.show(problem_notes(problems[:PROBLEMS_MAX]), total=len(problems))
        if self._has_news:
            self._has_news = False
            self.changes.show(self._feed.notes())

    def _show_brief(self) -> None:
        """The worst problem whole, what is in motion, and how many more there are of each."""
        problems, moving = self._problem_board.all(), self._motion_board.notes(self._session.now_ns)
        told: list[Spans] = []
        if problems:
            told.append([*line(problems[0]), *_more(len(problems))])
        if moving:
            told.append([*moving[0].line, *_more(len(self._motion_board.targets))])
        self._brief.say(told)
        self._brief.set_class(bool(told), "-told")


def _more(count: int) -> list[Span]:
    return [(f"  +{count - 1} more", "muted")] if count > 1 else []


VIEW: Final = ViewKind(
    NAME, Context.LIST, DashboardView, lambda view, ports: view(ports), key="1", help="the dashboard"
)
