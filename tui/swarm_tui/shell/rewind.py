"""The screen of the past: the same views on a mirror of a moment, a line of time above them, and beside them what is
different now and what happened around the moment. Nothing here can change the cluster.
"""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher

from swarm_tui.clusters.session import Session
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.shell.keyed import keyed
from swarm_tui.shell.past import PLAY_EVERY_S, Past
from swarm_tui.shell.screen import MainScreen
from swarm_tui.shell.work import Work
from swarm_tui.verbs.model import Verbs
from swarm_tui.views.dashboard.side import SidePane
from swarm_tui.views.logs import view as logs
from swarm_tui.views.view import Context
from swarm_tui.widgets.clock_text import time_of_day
from swarm_tui.widgets.notes import Note, Notes
from swarm_tui.widgets.scrubber import Scrubber


class RewindScreen(MainScreen):
    """See the module's text."""

    VERTICAL_BREAKPOINTS = [(0, "-flat"), (15, "-short"), (20, "-low"), (38, "-tall")]  # noqa: RUF012

    def __init__(self, session: Session, verbs: Verbs, work: Work, past: Past) -> None:
        super().__init__(session, verbs, work)
        self.past = past
        self.desk.past = past
        self._scrubber = Scrubber(_keys(verbs))
        self.since = SidePane("Changed since then", "nothing changed since", id="since")
        self.around = SidePane("Half a minute around", "nothing happened", id="around")

    def rekey(self, verbs: Verbs) -> None:
        super().rekey(verbs)
        self._scrubber.rekey(_keys(verbs))

    def compose_views(self) -> ComposeResult:
        yield self._scrubber
        with Horizontal(id="past-row", classes="holder"):
            with ContentSwitcher(initial=self.navigator.here.view):
                yield self.navigator.shown
            with Vertical(id="past-side", classes="holder"):
                yield self.since
                yield self.around

    def on_mount(self) -> None:
        super().on_mount()
        self.past.changed = self._moment_changed
        self.set_interval(PLAY_EVERY_S, self.past.play)
        # The views beside are not mounted before this is over.
        self.call_after_refresh(self._moment_changed)

    def on_notes_opened(self, event: Notes.Opened) -> None:
        """A line beside the views: its object as it was."""
        event.stop()
        self.runner.start(lambda: self.navigator.open(event.target), "open")

    def _moment_changed(self) -> None:
        if not self.is_mounted:
            return
        self._scrubber.show(self.past.moment)
        self.since.show(self._differences())
        self.around.show(self._neighbours())
        if self.navigator.here.view == logs.NAME and not self.past.is_playing:
            # They are of another moment now.
            self.navigator.shown.arrive(self.navigator.here)
        self.painter.show_time()

    def _differences(self) -> Sequence[Note]:
        return [
            Note([(one.name, "special"), (f"  {one.text}", "text")], target=one.ref)
            for one in self.past.differences()
        ]

    def _neighbours(self) -> Sequence[Note]:
        cluster = self.session.id
        return [
            Note(
                [
                    (time_of_day(one.at_ns), "muted" if one.at_ns <= self.past.at_ns else "accent"),
                    ("  ", "text"),
                    (one.name, "special"),
                    (f"  {one.text}", str(one.role)),
                ],
                target=ObjectRef(cluster, one.noun, one.id),
            )
            for one in self.past.around
        ]


def _keys(verbs: Verbs) -> list[tuple[str, str]]:
    """The keys of the line of time, with a word for each."""
    named = (
        (("global.step-back", "global.step-on"), "step"),
        (("global.incident-back", "global.incident-on"), "incident"),
        (("global.play",), "play"),
        (("global.rewind",), "live"),
    )
    return [(" ".join(verbs[one].key for one in ids), label) for ids, label in named]


def rewind_screen(session: Session, verbs: Verbs, work: Work, past: Past) -> RewindScreen:
    """The screen for a session of the past."""
    return keyed(RewindScreen, verbs.bindings(Context.GLOBAL))(session, verbs, work, past)
