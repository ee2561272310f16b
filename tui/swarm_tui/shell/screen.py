"""The one screen: header, the views under a switcher, the line for filters, key bar.

It puts the parts together and passes messages on, and decides nothing: where to go is the navigator's, what a key does the
verbs', what is shown the views', and when the painter's.
"""

from collections.abc import Mapping
from typing import Any, Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import ContentSwitcher

from swarm_tui.clusters.mirror import Mirror
from swarm_tui.clusters.session import Session
from swarm_tui.operations.runbook import Watched
from swarm_tui.resources.problems import ProblemBoard
from swarm_tui.shell import toolkit
from swarm_tui.shell.beside import Beside
from swarm_tui.shell.command_bar import CommandBar
from swarm_tui.shell.desk import Desk
from swarm_tui.shell.find_line import FindLine
from swarm_tui.shell.keyed import keyed
from swarm_tui.shell.navigator import Navigator, Stage
from swarm_tui.shell.operations import Operations
from swarm_tui.shell.painter import Painter
from swarm_tui.shell.painting import Painting
from swarm_tui.shell.recording import Recording
from swarm_tui.shell.rotations import Rotations
from swarm_tui.shell.runner import Runner
from swarm_tui.shell.selection import Selection
from swarm_tui.shell.tour import Tour
from swarm_tui.shell.work import Work
from swarm_tui.verbs.help_page import help_lines
from swarm_tui.verbs.model import Verbs
from swarm_tui.verbs.ports import Ports
from swarm_tui.views import registry as view_registry
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import ClusterPorts, Context, View, ViewKind, is_displayed
from swarm_tui.widgets.bars import HeaderBar, KeyBar
from swarm_tui.widgets.filter_bar import FilterBar
from swarm_tui.widgets.paint import Spans
from swarm_tui.widgets.summary import OneLine, SummaryLine
from swarm_tui.widgets.table import ObjectTable

WORK: Final = ("deploy", "removal", "surge")
"""What goes on in a cluster by this program, and has a line while it does."""


class MainScreen(Painting):
    """See the module's text. `main_screen` makes it, and gives it the keys that work everywhere."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-wide"),
        (160, "-full"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (15, "-low"), (38, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = ""

    def __init__(self, session: Session, verbs: Verbs, work: Work) -> None:
        super().__init__()
        self.session = session
        self._verbs = verbs
        self._cluster = ClusterPorts(session, problem_board(session.mirror))
        self._filter_bar = FilterBar()
        self._key_bar = KeyBar()
        self._find_line = FindLine(self._filter_bar, self._show_keys)
        stage = toolkit.Stage(self, lambda view: self.painter.meet(view), self._place_changed)
        self.elsewhere = toolkit.Elsewhere(self)
        views = view_registry.views(session.mirror.realm)
        self.beside = Beside(
            session.id,
            {kind.name: kind for kind in views},
            self.make_view,
            lambda view: self.painter.meet(view),
            place=lambda: self.navigator.here,
            regain=lambda: self.navigator.shown.regain_focus(),
            changed=self._beside_changed,
        )
        self.navigator = self.make_navigator(stage)
        self.selection = Selection(self.navigator)
        self.painter = Painter(
            session,
            self._cluster.problems,
            lambda: (*self.navigator.views, *self.beside.views),
            toolkit.Face(self),
        )
        workers = toolkit.Workers(self)
        self._recording = Recording(session, self._watched, self._show_recording)
        operations = Operations(session, workers.tell_outcome, self._recording)
        self.desk = Desk(self, session, self._find_line, self._help, work, self._recording)
        ports = Ports(self.navigator, self.selection, operations, self.desk, self.beside)
        self.runner = Runner(verbs, ports, self.navigator, workers, work)
        self.tour = Tour()
        self._tour_line = OneLine(id="tour")
        self._runbook_line = OneLine(id="runbook")
        self._work_lines = {name: OneLine(id=name) for name in WORK}
        self._rotation_line = OneLine(id="rotation")
        self.desk.rotations = Rotations(
            session, operations.deeds, self.desk.tell, self.desk.tell_failure, self._show_rotation
        )
        self.runner.ran = self._ran
        self.desk.toggle_tour = self._toggle_tour
        self.desk.command = CommandBar(self.runner, lambda: self.navigator.view.regain_focus())

    def rekey(self, verbs: Verbs) -> None:
        """The verbs have other keys now."""
        self._verbs = verbs
        self.runner.take(verbs)
        self.desk.command = CommandBar(self.runner, lambda: self.navigator.view.regain_focus())
        self._show_tour()
        self._show_keys()

    def _help(self) -> tuple[list[Spans], tuple[str, ...]]:
        """The lines of help, and the keys that lead to it."""
        return help_lines(self._verbs, self.navigator.context), self._verbs["global.help"].keys

    def compose(self) -> ComposeResult:
        yield HeaderBar()
        with Container(id="stage", classes="holder"):
            with Vertical(id="views", classes="holder"):
                yield from self.compose_views()
            yield self.beside.pin_pane
        yield self.beside.drawer
        yield SummaryLine(id="too-small")
        yield self._tour_line
        yield self._runbook_line
        yield from self._work_lines.values()
        yield self._rotation_line
        yield self._filter_bar
        yield self._key_bar

    def compose_views(self) -> ComposeResult:
        """What stands between header and key bar."""
        with ContentSwitcher(initial=self.navigator.here.view):
            yield self.navigator.shown

    def on_mount(self) -> None:
        self.painter.start()
        self.navigator.shown.arrive(self.navigator.here)

    def on_unmount(self) -> None:
        self.painter.stop()

    def make_navigator(self, stage: Stage) -> Navigator:
        """The navigator of this screen, with every view that is registered now."""
        mirror = self.session.mirror
        views = view_registry.views(mirror.realm)
        return Navigator(stage, views, self.make_view, mirror, self.elsewhere, lambda: self.beside.acting)

    def make_view(self, kind: ViewKind[Any]) -> View:
        """A view of this kind, with its keys."""
        view: View = kind.make(keyed(kind.view, self._verbs.bindings(kind.context)), self._cluster)
        assert view.id == kind.name, f"the view {kind.name!r} calls itself {view.id!r}"
        return view

    # -- the tour ----------------------------------------------------------------------------------

    def _toggle_tour(self) -> None:
        self.tour.toggle()
        self._show_tour()

    def _ran(self, verb_id: str) -> None:
        if self.tour.ran(verb_id):
            self._show_tour()
            if self.tour.is_done:
                self.desk.say("That was the tour. ? shows every key.")

    def _show_tour(self) -> None:
        self._tour_line.show(self.tour.line(self._verbs))
        self._tour_line.set_class(self.tour.is_on, "-on")

    # -- the runbook -------------------------------------------------------------------------------

    def _watched(self) -> Watched | None:
        """The list that is narrowed down by what was typed."""
        pane = self.navigator.view.part(ObjectPane)
        if pane is None or not pane.found_text or pane.kind.is_derived or pane.kind.noun == "event":
            return None
        return Watched(pane.kind.noun, pane.found_text)

    def _show_recording(self) -> None:
        self._runbook_line.show(self._recording.line())
        self._runbook_line.set_class(self._recording.is_on, "-on")

    # -- a deploy, a removal, a drain or a rotation that goes on ---------------------------------------

    def _show_rotation(self, line: Spans) -> None:
        if self.is_mounted:
            self._rotation_line.show(line)
            self._rotation_line.set_class(bool(line), "-on")

    def show_work(self, lines: Mapping[str, Spans]) -> None:
        """Tell how far each of `WORK` is; nothing of what is over."""
        for name, widget in self._work_lines.items():
            line = lines.get(name, [])
            widget.show(line)
            widget.set_class(bool(line), "-on")

    # -- keys --------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "do":
            return self.runner.applies(self._verbs[str(parameters[0])])
        if action == "do_slot":
            own = self._verbs.plugin(int(str(parameters[0])))
            return own is not None and self.runner.applies(own)
        return super().check_action(action, parameters)

    def action_do_slot(self, number: int) -> None:
        """Run the person's own command in this slot."""
        if (verb := self._verbs.plugin(number)) is not None:
            self.runner.run(verb.id)

    def action_do(self, verb_id: str) -> None:
        """Run the verb with this id."""
        self.runner.run(verb_id)

    def on_key(self, event: events.Key) -> None:
        # It comes here before the verbs' keys are looked at: no key is pressed without an answer.
        self.runner.pressed_in_vain(event.aliases)

    def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        self.runner.run(event.action)

    def on_object_table_opened(self, event: ObjectTable.Opened) -> None:
        self.runner.run("list.open")

    def on_view_opened(self, event: View.Opened) -> None:
        self.runner.start(lambda: self.navigator.open(event.ref), "open")

    def _show_keys(self) -> None:
        self._key_bar.show(self.runner.offered())

    # -- what changes the keys that work -----------------------------------------------------------

    def _beside_changed(self) -> None:
        self.set_class(self.beside.pinned is not None, "-pinned")
        self._show_keys()

    def _place_changed(self) -> None:
        self._find_line.close()
        self.beside.place_changed()
        self._show_keys()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.call_after_refresh(self._keep_focus)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._keep_focus)

    def _keep_focus(self) -> None:
        """What had the keys may have gone from the screen: in a terminal grown smaller, or with its object."""
        if self.focused is not None and is_displayed(self.focused):
            return
        if self._filter_bar.is_open:
            self._filter_bar.take_focus()
        else:
            self.navigator.view.regain_focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._show_keys()

    def on_view_keys_changed(self, event: View.KeysChanged) -> None:
        self._show_keys()

    def on_filter_bar_typed(self, event: FilterBar.Typed) -> None:
        self._find_line.typed(event.text)

    def on_filter_bar_completing(self, event: FilterBar.Completing) -> None:
        self._find_line.completed(event.text)

    def on_filter_bar_entered(self, event: FilterBar.Entered) -> None:
        self._find_line.entered(event.text)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        self._find_line.left()


def problem_board(mirror: Mirror) -> ProblemBoard:
    """The problems of what is shown; those of several clusters are named with their cluster."""
    if len(mirror.parts) == 1:
        return ProblemBoard(mirror)
    return ProblemBoard(mirror, mirror.home, mirror.called)


def main_screen(session: Session, verbs: Verbs, work: Work) -> MainScreen:
    """The screen for one cluster, with every view that is registered now."""
    return keyed(MainScreen, verbs.bindings(Context.GLOBAL))(session, verbs, work)
