"""What verbs use of the rest of the program. The shell implements these ports and hands them over as one `Ports`."""

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from swarm_core.api.proto.service_history_pb2 import ServiceRevision
from swarm_core.compose.changes.held import Held

from swarm_tui.clusters.allowance import Allowance
from swarm_tui.clusters.engine_hands import EngineHands
from swarm_tui.clusters.merged import homes, own_id
from swarm_tui.dialogs.frame import Dialog
from swarm_tui.operations.across import planned
from swarm_tui.operations.describe import Description
from swarm_tui.operations.model import Outcome, Plan
from swarm_tui.operations.stacks.asked import Deployment
from swarm_tui.operations.stacks.rotation import Rotation, RotationAsked
from swarm_tui.operations.surge import Surge
from swarm_tui.operations.undo import Deed, Deeds
from swarm_tui.preferences.saved_filters import SavedFilter
from swarm_tui.resources import registry
from swarm_tui.resources.model import ClusterView, Link, ResourceKind
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.time_ranges import TimeRange
from swarm_tui.views.place import Place
from swarm_tui.views.view import Findable, View
from swarm_tui.widgets.paint import Spans

P = TypeVar("P")
Moving: TypeAlias = Coroutine[Any, Any, bool]
R = TypeVar("R")


class Navigator(Protocol):
    """Where the person is, and the way to other places."""

    @property
    def view(self) -> View:
        """The view that is shown."""

    @property
    def here(self) -> Place:
        """The present place."""

    @property
    def is_root(self) -> bool:
        """Whether there is no way back."""

    async def go(self, link: Link, at: ObjectRef | None = None) -> None:
        """Go where `link` leads, in the present cluster; in a list to the row `at`."""

    def has(self, view: str) -> bool:
        """Whether the view is one of this screen; others are on the screens of other realms."""

    async def go_back(self) -> bool:
        """Go to the place before; False when there is none."""

    async def step(self, steps: int) -> bool:
        """Go through the places visited, back (-1) or forward (1); False at the end."""

    async def swap(self) -> bool:
        """Go to where one was before; False when one was nowhere else."""

    async def open(self, ref: ObjectRef) -> None:
        """Drill in, as the object's kind says."""


class Selection(Protocol):
    """What verbs on objects work on."""

    @property
    def kind(self) -> str:
        """The noun of what is selected; empty when nothing is."""

    @property
    def refs(self) -> tuple[ObjectRef, ...]:
        """The objects: those that are marked, or else the one under the cursor."""


class Operations(Protocol):
    """Changes to the cluster that is looked at."""

    @property
    def cluster(self) -> ClusterView:
        """The cluster as last seen, which plans are made of."""

    @property
    def engines(self) -> EngineHands | None:
        """What changes of engines are made with, where these are looked at."""

    @property
    def allowance(self) -> Allowance:
        """How far changes may go."""

    @property
    def deeds(self) -> Deeds:
        """What was changed from here, to be taken back."""

    async def apply(self, plan: Plan) -> Sequence[Outcome]:
        """Carry a plan out, and tell the person of each outcome as it comes; it ends once `cluster` shows what came of it, or does not
        within a second."""

    def shows(self, deed: Deed) -> bool:
        """Whether `cluster` shows what came of it."""

    async def rotation(self, noun: str, item: Any, data: bytes) -> Rotation:
        """What it comes to that a secret or config gets this content. Raises Refused, SpecError, CallFailed, Unreachable."""

    async def earlier_specs(self, service_id: str) -> Sequence[ServiceRevision]:
        """The specs that a service of the cluster shown, or of one of them, had before, oldest first. Raises CallFailed or Unreachable."""

    async def held(self, stack: str) -> Held:
        """What the cluster holds now, for a stack. Raises CallFailed or Unreachable."""


class Past(Protocol):
    """A moment of the past that is shown."""

    @property
    def has_now(self) -> bool:
        """Whether there is a now to go back to; of a file there is none."""

    async def go(self, text: str) -> str:
        """Show the moment that was typed; why that cannot be, or nothing."""

    def then_and_now(self, kind: type[P], id_: str) -> tuple[P | None, P | None]:
        """An object at the moment shown, and now."""

    def step(self, count: int) -> Moving:
        """Go to the next thing that came in, or the one before; False at the end."""

    def incident(self, count: int) -> Moving:
        """Go to the next incident, or the one before; False when there is none."""

    def toggle_play(self) -> None:
        """Let time go on, or stop it."""


class Filters(Protocol):
    """Filters that the person gave names. Each method raises WrongPreferences where the file of them cannot be used."""

    def all(self) -> Sequence[SavedFilter]:
        """All of them, by name."""

    def save(self, saved: SavedFilter) -> None:
        """Keep it, in place of one with the same name. Raises OSError too, and ValueError where only a person can do it."""

    def drop(self, name: str) -> None:
        """Keep it no more. Raises as `save` does."""


class Forwards(Protocol):
    """Ports of this machine that lead to ports of tasks, for as long as the dashboard runs."""

    def lines(self) -> Sequence[tuple[str, str]]:
        """By its id what each is, and how many connections it has and had."""

    async def begin(self, ref: ObjectRef, name: str, here: int, there: int) -> str:
        """Open one to a task, or to the service's tasks; its address. Raises ValueError with a sentence."""

    def end(self, id_: str) -> None:
        """Close one, with its connections."""


class Surges(Protocol):
    """The drain with the replacements first that goes on, if one does."""

    @property
    def under_way(self) -> str:
        """How far it is, as a sentence; empty where there is none."""

    def is_of(self, ids: Sequence[str]) -> bool:
        """Whether it is of any of these nodes."""

    def stop(self) -> None:
        """End it: what moved stays, the nodes take tasks again."""


class Desk(Protocol):
    """What stands around the views, and the program as a whole."""

    @property
    def past(self) -> Past | None:
        """The moment that is shown; None while it is now."""

    def toggle_past(self) -> None:
        """Show the past, or now again."""

    def show_past(self, at: str) -> None:
        """Show the past at the moment that was typed."""

    def read(self, title: str, lines: Sequence[Spans]) -> None:
        """Show a text until it is closed."""

    async def last_lines(
        self, task_ids: Sequence[str], count: int
    ) -> tuple[Mapping[str, Sequence[str]], str]:
        """By task the last lines that it wrote, and why some could not be read, or nothing."""

    def recall(self, ref: ObjectRef) -> None:
        """Put what is recorded of an object's longer past among the events."""

    def bundle(self, path: str, asked: TimeRange) -> None:
        """Write what was recorded in this time into a file, and say so."""

    @property
    def drill_under_way(self) -> str:
        """How far the drill is that goes on, as a sentence; empty where there is none."""

    @property
    def drill_lines(self) -> Sequence[str]:
        """How the drill stands that goes on, or the score of the last one; nothing before the first."""

    def begin_drill(self, ids: Sequence[str], description: Description) -> None:
        """Begin a drill of these nodes; what it comes to was read."""

    @property
    def surges(self) -> Surges | None:
        """The drain with the replacements first; None where none can be begun."""

    def begin_surge(self, surge: Surge, deeds: Deeds, words: Sequence[str]) -> None:
        """Begin one whose plan was read; what it did goes to `deeds`, and `words` are the command that does the same."""

    @property
    def deploy_under_way(self) -> str:
        """How far the deploy is that goes on, as a sentence; empty where there is none."""

    def begin_deploy(self, asked: Deployment, done: Callable[[], None]) -> None:
        """Begin a deploy whose plan was read; `done` is called once it has gone well."""

    @property
    def stack_removal_under_way(self) -> str:
        """How far the removal of stacks is that goes on, as a sentence; empty where there is none."""

    def begin_stack_removal(self, title: str, asked: Sequence[Held], deeds: Deeds) -> None:
        """Begin one whose plan was read; what it did goes to `deeds`."""

    @property
    def rotation_under_way(self) -> str:
        """How far the rotation is that goes on, as a sentence; empty where there is none."""

    def begin_rotation(self, asked: RotationAsked) -> None:
        """Begin a rotation whose plan was read."""

    @property
    def is_recording(self) -> bool:
        """Whether a runbook is being recorded."""

    def begin_runbook(self, path: str) -> None:
        """Record what is changed from now on into this file."""

    def end_runbook(self) -> None:
        """The runbook is whole; say so."""

    def say(self, text: str) -> None:
        """Tell the person something in a sentence."""

    def tell_failure(self, text: str) -> None:
        """Say that something went wrong."""

    async def ask(self, dialog: Dialog[R]) -> R | None:
        """Show a dialog and wait for its answer; None when it is left."""

    async def run_inside(self, task_id: str, name: str, command: Sequence[str]) -> None:
        """Run a command in a task with this terminal, and come back when it has ended; a failure is told."""

    def show_help(self) -> None:
        """Show what each key does."""

    def toggle_tour(self) -> None:
        """Begin the guided tour, or end it."""

    def find(self, target: Findable) -> None:
        """Open the line in which a filter or a search for `target` is typed."""

    def open_command(self) -> None:
        """Open the line in which a command is typed."""

    def copy(self, text: str, what: str) -> None:
        """Put `text` on the clipboard, and say so."""

    def tell(self, text: str) -> None:
        """Say that something was done."""

    @property
    def now_ns(self) -> int:
        """The time that ages are counted to."""

    def focus_next(self) -> None:
        """Give the focus to the next widget that takes it."""

    def clusters(self) -> Sequence[tuple[str, str]]:
        """The clusters that have names, and how each is reached. Raises ValueError with a sentence."""

    @property
    def filters(self) -> Filters:
        """The filters that have names."""

    @property
    def cluster_names(self) -> Sequence[str]:
        """The names of those that are shown."""

    @property
    def is_of_several(self) -> bool:
        """Whether several are shown as one."""

    @property
    def is_inside(self) -> bool:
        """Whether this is one of several, that was entered from all of them."""

    def go_to_clusters(self, names: Sequence[str]) -> None:
        """Show another one, or these as one."""

    def go_to_all(self) -> None:
        """Show all of them again."""

    def go_elsewhere(self, link: Link, filter_: str) -> None:
        """To a list of another realm, filtered, on its screen."""

    def list_anew(self) -> None:
        """Ask the manager for everything again."""

    def open_palette(self) -> None:
        """Show the command palette."""

    @property
    def leaving(self) -> str:
        """What becomes of the cluster when the program ends, as a sentence."""

    def quit(self) -> None:
        """End the program."""

    @property
    def forwards(self) -> Forwards:
        """The ports of this machine that lead to tasks."""

    async def edit(self, text: str, name: str, *, is_secret: bool) -> str | None:
        """Give `text` to the person's editor in a file of that name, and the terminal with it; what it left, or None where it failed,
        which is told. A secret's file is in memory, where there is any for files."""

    async def run_in_terminal(self, name: str, commands: Sequence[Sequence[str]]) -> None:
        """Give the terminal to these commands, one after the other, and come back; a failure is told and ends it."""

    async def run_beside(self, name: str, commands: Sequence[Sequence[str]], output: str) -> None:
        """Run these commands beside the dashboard, one after the other, and show what they wrote as `output` says; a failure is told."""

    def suspend(self) -> None:
        """Give the terminal back to the shell until it wakes the program."""


class Panes(Protocol):
    """What stands beside and below the place, whichever that is."""

    @property
    def pinned(self) -> Link | None:
        """What is pinned beside it."""

    @property
    def is_open(self) -> bool:
        """Whether something stands there."""

    async def pin(self, link: Link) -> None:
        """Keep what the link leads to beside whatever is shown."""

    def unpin(self) -> None:
        """Keep nothing there any more."""

    async def toggle_drawer(self) -> None:
        """Open the drawer of events, or close it."""

    def step_out(self) -> bool:
        """Give the focus back to what is shown; False when nothing here has it."""

    def close_one(self) -> bool:
        """Close the newest pane; False when there is none."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All of them."""

    navigator: Navigator
    selection: Selection
    operations: Operations
    desk: Desk
    panes: Panes

    def part(self, port: type[P]) -> P | None:
        """The part of the view shown that is a `port`, if it has one now."""
        return self.navigator.view.part(port)

    @property
    def ids(self) -> list[str]:
        """The ids of what is selected."""
        return [ref.id for ref in self.selection.refs]

    @property
    def cluster(self) -> ClusterView:
        """The cluster that what is selected is of; where that is of several, all of them as one."""
        whole = self.operations.cluster
        found = homes(whole, self._message, self.ids)
        view: ClusterView = found[0][0] if len(found) == 1 else whole
        return view

    def selected(self, kind: ResourceKind[Any]) -> Iterator[tuple[ClusterView, Any]]:
        """What is selected of this kind and still there, each with its own cluster."""
        for view, ids in homes(self.operations.cluster, kind.message, self.ids):
            for id_ in ids:
                item: Any = view.get(
                    kind.message, own_id(kind.message, id_) if view is not self.operations.cluster else id_
                )
                if item is not None:
                    yield view, item

    def planned(self, make: Callable[[ClusterView, list[str]], Plan]) -> Plan:
        """The plan that `make` makes of what is selected, in a part for each cluster that it is of."""
        return planned(self.operations.cluster, self._message, self.ids, make)

    @property
    def _message(self) -> type[Any]:
        kind = registry.by_word(self.selection.kind)
        return object if kind is None else kind.message
