"""The one screen: header, the views under a switcher, filter line, key bar.

It brings everything that shows the cluster up to date when the mirror tells of changes, and once a second
for what only time changes. Nothing here asks the cluster for anything.
"""

from asyncio import get_running_loop
from collections.abc import Callable
from functools import partial
from time import thread_time
from typing import Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from textual import events
from textual.app import ComposeResult
from textual.widgets import ContentSwitcher

from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.session import Session
from swarm_tui.resources.cluster import quorum
from swarm_tui.resources.format import plural
from swarm_tui.resources.problems import ProblemBoard
from swarm_tui.shell import header
from swarm_tui.shell.frame_budget import FrameBudget
from swarm_tui.shell.navigation import STALE_PHASES, kind_of
from swarm_tui.shell.places import DASHBOARD
from swarm_tui.shell.verbs import VerbScreen
from swarm_tui.views.dashboard.feed import ChangeFeed
from swarm_tui.views.dashboard.motion import MotionBoard
from swarm_tui.views.dashboard.view import problem_note
from swarm_tui.views.detail.view import TextView
from swarm_tui.views.form.view import FormView
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.widgets.bars import HeaderBar, KeyBar
from swarm_tui.widgets.filter_bar import FilterBar
from swarm_tui.widgets.summary import SummaryLine

TICK_S: Final = 1.0
PAINTED_S: Final = 0.04
REST_S_MIN: Final = 0.01
STORM_OBJECTS: Final = 50
"""Fewer objects in one frame are no storm: at the mirror's pace that is less than 500 changes a second."""
PROBLEMS_MAX: Final = 50
"""Problems that are written out; how many more there are stands on the border."""
_TOAST_S: Final = 5.0


class MainScreen(VerbScreen):
    """See the module's text."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-wide"),
        (160, "-full"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (15, "-low"), (38, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = "#dash-services ObjectTable"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._board = ProblemBoard(session.mirror)
        self._motion = MotionBoard(session.mirror)
        self._feed = ChangeFeed(session.mirror)
        self._unlisten: Callable[[], None] | None = None
        self._pending: Changes | None = None
        self._is_paced = False
        self._frame_budget = FrameBudget()
        self._is_tick_due = False
        self._has_news = False
        self._lag_ns = 0
        self._leader = ""
        self._missed_told = 0

    def compose(self) -> ComposeResult:
        yield HeaderBar()
        with ContentSwitcher(initial=DASHBOARD):
            yield self.dashboard
        yield SummaryLine(id="too-small")
        yield FilterBar()
        yield KeyBar()

    def on_mount(self) -> None:
        mirror = self.session.mirror
        self._unlisten = mirror.listen(self._hear)
        self.set_interval(TICK_S, self._tick)
        if mirror.stream.phase is not Phase.CONNECTING:
            self.apply(Changes(is_reset=True, is_stream=True))
        self._show_header()

    def on_unmount(self) -> None:
        if self._unlisten is not None:
            self._unlisten()

    def on_resize(self) -> None:
        # Notes that had no room before are not kept up to date; they may have it now.
        self.call_after_refresh(self._show_side_panes)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.show_keys()

    def on_object_pane_selection_changed(self, event: ObjectPane.SelectionChanged) -> None:
        self.show_keys()

    # -- what the mirror tells ---------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Whether all that the mirror told is on screen."""
        return self._pending is None and not self._is_paced

    def _hear(self, changes: Changes) -> None:
        """Called by the mirror outside of any handler: the work is done in one of the screen's own."""
        self._pending = changes if self._pending is None else merged(self._pending, changes)
        if not self._is_paced:
            self._is_paced = True
            self.call_later(self._apply_pending)

    def _apply_pending(self) -> None:
        changes, self._pending = self._pending, None
        if changes is None:
            self._is_paced = False
            return
        started = thread_time()
        self.apply(changes)
        if self._is_tick_due:
            self.show_time()
        # The toolkit paints at its own next beat: only after it is the frame's cost known.
        is_storm = sum(map(len, changes.ids.values())) >= STORM_OBJECTS
        self.set_timer(PAINTED_S, partial(self._rest, started, is_storm))

    def _rest(self, started: float, is_storm: bool) -> None:
        """Let the frame be paid for before the next, unless it showed so little that people wait for it."""
        rest = (
            self._frame_budget.spent(thread_time() - started, get_running_loop().time()) if is_storm else 0.0
        )
        self.set_timer(max(rest, REST_S_MIN), self._apply_pending)

    def apply(self, changes: Changes) -> None:
        """Bring everything that shows the cluster up to date."""
        if changes.is_reset or changes.ids:
            now_ns = self.session.now_ns
            if changes.is_reset:
                self._board.rebuild(now_ns)
            else:
                self._board.apply(changes.ids, now_ns)
            self._motion.apply(changes, now_ns)
            self._has_news |= self._feed.apply(changes, now_ns)
            for pane in self.all_panes():
                pane.apply(changes)
            self._apply_to_page(changes)
            self._show_side_panes()
            self._notice_leader(changes)
        if changes.is_stream:
            self._stream_changed()
        self._show_header()

    def _apply_to_page(self, changes: Changes) -> None:
        here, view = self.places.here, self.view
        if isinstance(view, TextView) and (
            changes.is_reset or here.id in changes.of(kind_of(here.kind).message)
        ):
            view.refresh_text()
        elif isinstance(view, FormView):
            view.form.judge_again()

    def place_changed(self) -> None:
        super().place_changed()
        self._show_side_panes()

    def _show_side_panes(self) -> None:
        if not self.dashboard.has_side:
            return
        dashboard, moving = self.dashboard, self._motion.targets
        dashboard.motion.show(self._motion.notes(), total=len(moving))
        problems = [one for one in self._board.all() if one.ref not in moving]
        dashboard.problems.show([problem_note(one) for one in problems[:PROBLEMS_MAX]], total=len(problems))
        if self._has_news:
            self._has_news = False
            dashboard.changes.show(self._feed.notes())

    def _stream_changed(self) -> None:
        stream = self.session.mirror.stream
        is_stale = stream.phase in STALE_PHASES
        for pane in self.all_panes():
            pane.set_stale(is_stale)
        for side in self.dashboard.side_panes:
            side.notes.set_dimmed(is_stale)
        if stream.phase is Phase.LIVE and stream.missed > self._missed_told:
            missed = plural(stream.missed - self._missed_told, "change")
            self.notify(f"Back again · {missed} while away", timeout=_TOAST_S)
        self._missed_told = stream.missed

    def _notice_leader(self, changes: Changes) -> None:
        if not changes.is_reset and not changes.of(objects_pb2.Node):
            return
        leader = quorum(self.session.mirror).leader
        if leader and self._leader and leader != self._leader:
            self.notify(f"{leader} leads now, after {self._leader}", timeout=_TOAST_S, markup=False)
        self._leader = leader or self._leader

    # -- time --------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """A second passed. While frames come anyway, the next one shows it too."""
        if self._is_paced:
            self._is_tick_due = True
        else:
            self.show_time()

    def show_time(self) -> None:
        """Repaint what only time changes: ages, the stream's age, the clock."""
        self._is_tick_due = False
        if self.session.mirror.stream.phase is Phase.LIVE:
            for pane in self.all_panes():
                if pane.is_shown:
                    pane.tick()
            if isinstance(self.view, TextView):
                self.view.refresh_text()
            self._refresh_problems()
        self._lag_ns = self.session.mirror.lag_ns
        self._show_header()

    def _refresh_problems(self) -> None:
        """Sentences about problems hold ages."""
        touched: dict[type[Message], list[str]] = {}
        for problem in self._board.all():
            touched.setdefault(kind_of(problem.ref.kind).message, []).append(problem.ref.id)
        if touched:
            self._board.apply(touched, self.session.now_ns)
            self._show_side_panes()

    def _show_header(self) -> None:
        failures, warnings = self._board.counts()
        bar = self.query_one(HeaderBar)
        bar.show(
            header.left_parts(self.session),
            header.right_parts(self.session, failures, warnings, self._lag_ns),
        )
        self.query_one(SummaryLine).show(header.summary(self.session, failures, warnings))


def merged(first: Changes, second: Changes) -> Changes:
    """What two flushes told, as one."""
    kinds = {*first.ids, *second.ids}
    return Changes(
        {kind: first.of(kind) | second.of(kind) for kind in kinds},
        is_reset=first.is_reset or second.is_reset,
        is_stream=first.is_stream or second.is_stream,
    )
