"""Brings everything that shows one cluster up to date when its mirror tells of changes, and once a second for what only
time changes. It asks the cluster for nothing.

Frames are paid for: after a frame the painter rests until the frame budget allows the next, so that a storm of changes
leaves the processor to others. What comes meanwhile is merged and shown in one frame, with what came up to its beginning.
"""

from asyncio import get_running_loop
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from time import thread_time
from typing import Final, Protocol

from google.protobuf.message import Message

from swarm_tui.clusters.changes import Changes, Phase
from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry
from swarm_tui.resources.problems import ProblemBoard
from swarm_tui.shell import header
from swarm_tui.shell.alarms import Alarms, text_of
from swarm_tui.shell.frame_budget import FLOOD, STORM, FrameBudget
from swarm_tui.shell.notices import Notices
from swarm_tui.views.view import View
from swarm_tui.widgets.bars import Part
from swarm_tui.widgets.paint import Spans

TICK_S: Final = 1.0
PAINTED_S: Final = 0.04
REST_S_MIN: Final = 0.01
STORM_REST_S_MIN: Final = 0.13
"""A storm is shown six times a second at most, however little it costs: more of it nobody can follow."""
STORM_OBJECTS: Final = 50
"""Fewer objects in one frame are no storm: as often as the mirror tells that is less than 500 changes a second."""
FLOOD_OBJECTS: Final = 500
"""So many in one frame are about a thousand changes a second."""
STALE_PHASES: Final = (Phase.STALE, Phase.RESYNCING)


class Face(Protocol):
    """What the painter paints on beside the views, and the beat it works to. Implemented by the screen."""

    def show_header(self, left: list[Part], right: list[Part], summary: Spans) -> None:
        """Show what stands above everything, and the summary for terminals that have room for nothing else."""

    def tell(self, text: str) -> None:
        """Say something that just happened."""

    def alarm(self, text: str) -> None:
        """Something failed: tell who does not look."""

    def soon(self, work: Callable[[], object]) -> None:
        """Call `work` in a handler of the screen's own."""

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Call `work` after some time."""

    def every(self, seconds: float, work: Callable[[], object]) -> None:
        """Call `work` again and again."""

    @property
    def painting_s(self) -> float:
        """The processor time that the toolkit has taken so far to bring to the terminal what changed."""


class Painter:
    """See the module's text. `views` gives the views that exist."""

    def __init__(
        self, session: Session, problems: ProblemBoard, views: Callable[[], Iterable[View]], face: Face
    ) -> None:
        self._session = session
        self._problems = problems
        self._views = views
        self._face = face
        self._notices = [Notices(part) for part in session.mirror.parts]
        self._alarms = Alarms()
        self._frame_budget = FrameBudget()
        self._last_cost_s = 0.0
        """Of the last frame, as it was paid for."""
        self._unlisten: Callable[[], None] | None = None
        self._pending: Changes | None = None
        self._is_painting = False
        """From the first change until a frame has been paid for and nothing waits for the next."""
        self._is_tick_due = False
        self._lag_ns = 0

    def start(self) -> None:
        """Paint what is known, and from now on what changes."""
        mirror = self._session.mirror
        self._unlisten = mirror.listen(self._hear)
        self._face.every(TICK_S, self._tick)
        # Where nothing is known yet, why that is so may have been told already; it is told once.
        self.apply(Changes(is_reset=mirror.stream.phase is not Phase.CONNECTING, is_stream=True))
        self._show_header()

    def stop(self) -> None:
        """Hear no more of the mirror."""
        if self._unlisten is not None:
            self._unlisten()
            self._unlisten = None

    @property
    def is_settled(self) -> bool:
        """Whether all that the mirror told is on screen."""
        return self._pending is None and not self._is_painting

    def meet(self, view: View) -> None:
        """Tell a new view what the others were told of the stream."""
        view.set_stale(self._is_stale)

    @property
    def _is_live(self) -> bool:
        return self._session.mirror.stream.phase is Phase.LIVE

    @property
    def _is_stale(self) -> bool:
        return self._session.mirror.stream.phase in STALE_PHASES

    # -- what the mirror tells ---------------------------------------------------------------------

    def _hear(self, changes: Changes) -> None:
        """Called by the mirror outside of any handler: the work is done in one of the screen's own."""
        self._pending = changes if self._pending is None else merged(self._pending, changes)
        if not self._is_painting:
            self._is_painting = True
            self._face.soon(self._apply_pending)

    def _apply_newest(self) -> None:
        """Show what came until now: what was waited for is not to be as old as the mirror's last telling too."""
        self._session.mirror.flush()
        self._apply_pending()

    def _apply_pending(self) -> None:
        changes, self._pending = self._pending, None
        if changes is None:
            self._is_painting = False
            return
        started, painted_s = thread_time(), self._face.painting_s
        shows_time = self._is_tick_due
        self.apply(replace(changes, is_before_tick=shows_time and self._is_live))
        if shows_time:
            self.show_time()
        applied_s = thread_time() - started
        # The toolkit paints at its own next beat: only after it is the frame's cost known.
        objects = sum(map(len, changes.ids.values()))
        self._face.later(PAINTED_S, partial(self._rest, applied_s, painted_s, objects, shows_time))

    def _rest(self, applied_s: float, painted_s: float, objects: int, shows_time: bool) -> None:
        """Let the frame be paid for before the next, unless it showed so little that people wait for it. It pays for nothing that others did
        meanwhile. What time alone changes comes once a second, storm or none: a frame that shows it too is paid for as the one before."""
        cost_s = applied_s + self._face.painting_s - painted_s
        if shows_time:
            cost_s = min(cost_s, self._last_cost_s)
        self._last_cost_s = cost_s
        if objects >= STORM_OBJECTS:
            pace = FLOOD if objects >= FLOOD_OBJECTS else STORM
            rest = self._frame_budget.spent(cost_s, get_running_loop().time(), pace)
            self._face.later(max(rest, STORM_REST_S_MIN), self._apply_newest)
        else:
            self._face.later(REST_S_MIN, self._apply_pending)

    def apply(self, changes: Changes) -> None:
        """Bring everything that shows the cluster up to date."""
        now_ns = self._session.now_ns
        if changes.is_reset:
            self._problems.rebuild(now_ns)
        else:
            self._problems.apply(changes.ids, now_ns)
        for view in self._views():
            if changes.is_reset or changes.ids:
                view.apply(changes)
            if changes.is_stream:
                view.set_stale(self._is_stale)
        if not self._session.is_past:
            # What is different after a step through time is no news.
            for one in self._notices:
                for text in one.of(changes):
                    self._face.tell(self._said(one, text))
            self._sound()
        self._show_header()

    def _said(self, notices: Notices, text: str) -> str:
        """Of several clusters it is said which."""
        return text if len(self._notices) == 1 else f"{notices.cluster}: {text}"

    def _sound(self) -> None:
        if news := self._alarms.news(self._problems.take_begun(), self._session.now_ns):
            self._face.alarm(text_of(news))

    # -- time --------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """A second passed. While frames come anyway, the next one shows it too."""
        if self._is_painting:
            self._is_tick_due = True
        else:
            self.show_time()

    def show_time(self) -> None:
        """Repaint what only time changes: ages, the stream's age, the clock."""
        self._is_tick_due = False
        if self._is_live:
            self._refresh_problems()
            for view in self._views():
                view.tick()
        self._lag_ns = self._session.mirror.lag_ns
        self._show_header()

    def _refresh_problems(self) -> None:
        """Sentences about problems hold ages."""
        touched: dict[type[Message], list[str]] = {}
        for problem in self._problems.all():
            touched.setdefault(registry.by_noun(problem.ref.kind).message, []).append(problem.ref.id)
        self._problems.apply(touched, self._session.now_ns)

    def _show_header(self) -> None:
        failures, warnings = self._problems.counts()
        self._face.show_header(
            header.left_parts(self._session),
            header.right_parts(self._session, failures, warnings, self._lag_ns),
            header.summary(self._session, failures, warnings),
        )


def merged(first: Changes, second: Changes) -> Changes:
    """What two flushes told, as one."""
    kinds = {*first.ids, *second.ids}
    return Changes(
        {kind: first.of(kind) | second.of(kind) for kind in kinds},
        is_reset=first.is_reset or second.is_reset,
        is_stream=first.is_stream or second.is_stream,
    )
