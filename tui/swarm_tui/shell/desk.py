"""What stands around the views, and the program, as verbs see them: their port, implemented with the screen."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.exec_pb2 import ExecSpec
from swarm_core.client.errors import CallFailed, ClientError, IncompleteLogs, Unreachable
from swarm_core.client.log_query import LogQuery
from swarm_core.client.logs import LogLine
from swarm_core.compose.changes.held import Held
from textual.app import SuspendNotSupported
from textual.screen import Screen

from swarm_tui.clusters.inside import Here, NotRun, run_here
from swarm_tui.clusters.merged import homes
from swarm_tui.clusters.own_process import ended, last_line, run_beside
from swarm_tui.clusters.session import Session
from swarm_tui.dialogs.frame import Dialog
from swarm_tui.dialogs.help import Help
from swarm_tui.operations.describe import Description
from swarm_tui.operations.forms.editing import EditorFailed, edited
from swarm_tui.operations.stacks.asked import Deployment
from swarm_tui.operations.stacks.rotation import RotationAsked
from swarm_tui.operations.surge import Surge
from swarm_tui.operations.undo import Deeds
from swarm_tui.resources import nodes
from swarm_tui.resources.model import Link
from swarm_tui.resources.printable import printable
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.time_ranges import TimeRange
from swarm_tui.shell.deploys import Deploys
from swarm_tui.shell.drills import Drills
from swarm_tui.shell.filters import Filters
from swarm_tui.shell.find_line import FindLine
from swarm_tui.shell.forwards import Forwards
from swarm_tui.shell.messages import (
    AllAsked,
    BundleAsked,
    ClustersAsked,
    DeployAsked,
    DrillAsked,
    ElsewhereAsked,
    PastAsked,
    RecallAsked,
    ResyncAsked,
    StackRemovalAsked,
    SurgeAsked,
)
from swarm_tui.shell.past import Past
from swarm_tui.shell.recording import Recording
from swarm_tui.shell.rotations import Rotations
from swarm_tui.shell.stack_removals import StackRemovals
from swarm_tui.shell.surges import Surges
from swarm_tui.shell.terminal import given_away
from swarm_tui.shell.work import Undertaking, Work
from swarm_tui.verbs.help_page import TEXT_COLUMN
from swarm_tui.views.view import Findable
from swarm_tui.widgets.paint import Spans
from swarm_tui.widgets.program_page import page_of

R = TypeVar("R")

_ERROR_S: Final = 10
_DONE_S: Final = 4
_COPIED_S: Final = 2


class Desk:
    """What stands around the views, and the program. Implements `verbs.ports.Desk`."""

    def __init__(
        self,
        screen: Screen[Any],
        session: Session,
        find_line: FindLine,
        help_page: Callable[[], tuple[list[Spans], tuple[str, ...]]],
        work: Work,
        recording: Recording,
    ) -> None:
        self._session = session
        self._recording = recording
        self._screen = screen
        self._find_line = find_line
        self._help_page = help_page
        self._work = work
        self.command: Findable | None = None
        """The line of commands, which needs the verbs that this desk is for."""
        self.past: Past | None = None
        self.is_inside = False
        self.drills: Drills | None = None
        self.deploys: Deploys | None = None
        self.surges: Surges | None = None
        self.stack_removals: StackRemovals | None = None
        self.toggle_tour: Callable[[], None] = lambda: None
        self.clusters: Callable[[], Sequence[tuple[str, str]]] = lambda: ()
        self.filters = Filters(None)
        self.rotations: Rotations | None = None
        self.forwards = Forwards(session, self.tell_failure, self._begin_forward)

    def toggle_past(self) -> None:
        self._screen.post_message(PastAsked())

    def show_past(self, at: str) -> None:
        self._screen.post_message(PastAsked(at))

    def read(self, title: str, lines: Sequence[Spans]) -> None:
        self._screen.app.push_screen(Help(title, lines))

    async def last_lines(
        self, task_ids: Sequence[str], count: int
    ) -> tuple[Mapping[str, Sequence[str]], str]:
        found: dict[str, list[str]] = {}

        def take(lines: Sequence[LogLine]) -> None:
            for line in lines:
                found.setdefault(line.task_id, []).append(line.text)

        try:
            for session, own in self._of_tasks(task_ids):
                await session.logs.run(LogQuery(task_ids=tuple(own), tail=count), take)
        except (CallFailed, IncompleteLogs, Unreachable) as error:
            return found, str(error)
        return found, ""

    def _of_tasks(self, task_ids: Sequence[str]) -> list[tuple[Session, list[str]]]:
        """The tasks by the session of the cluster that each is of."""
        found = homes(self._session.mirror, objects_pb2.Task, task_ids)
        return [(self._session.of(mirror.cluster), own) for mirror, own in found]

    def recall(self, ref: ObjectRef) -> None:
        self._screen.post_message(RecallAsked(ref))

    def bundle(self, path: str, asked: TimeRange) -> None:
        self._screen.post_message(BundleAsked(path, asked))

    @property
    def drill_under_way(self) -> str:
        return self.drills.under_way if self.drills is not None else ""

    @property
    def drill_lines(self) -> Sequence[str]:
        return self.drills.lines() if self.drills is not None else ()

    def begin_drill(self, ids: Sequence[str], description: Description) -> None:
        found = [self._session.mirror.get(objects_pb2.Node, id_) for id_ in ids]
        names = [nodes.name(node, self._session.mirror) for node in found if node is not None]
        self._recording.said(description.title, ["drill", *names])
        self._screen.post_message(DrillAsked(ids, description))

    def begin_surge(self, surge: Surge, deeds: Deeds, words: Sequence[str]) -> None:
        self._recording.said(surge.title, words)
        self._screen.post_message(SurgeAsked(surge, deeds))

    @property
    def deploy_under_way(self) -> str:
        return self.deploys.under_way if self.deploys is not None else ""

    def begin_deploy(self, asked: Deployment, done: Callable[[], None]) -> None:
        self._recording.said(f"Deploy stack {asked.stack}", asked.words, asked.by_hand)
        self._screen.post_message(DeployAsked(asked, done))

    @property
    def stack_removal_under_way(self) -> str:
        return self.stack_removals.under_way if self.stack_removals is not None else ""

    def begin_stack_removal(self, title: str, asked: Sequence[Held], deeds: Deeds) -> None:
        self._recording.said(title, ["stack", "rm", *(held.stack for held in asked)])
        self._screen.post_message(StackRemovalAsked(asked, deeds))

    def _begin_forward(self, work: Coroutine[Any, Any, None]) -> Callable[[], None]:
        return self._screen.app.run_worker(work, group="forwards", exit_on_error=False).cancel

    @property
    def rotation_under_way(self) -> str:
        return self.rotations.under_way if self.rotations is not None else ""

    def begin_rotation(self, asked: RotationAsked) -> None:
        if self.rotations is not None:
            by_hand = "" if asked.words else f"{asked.made.title}, whose content is in no file".lower()
            self._recording.said(asked.made.title, asked.words, by_hand)
            self._screen.run_worker(self.rotations.play(asked), group="rotation")

    @property
    def is_recording(self) -> bool:
        return self._recording.is_on

    def begin_runbook(self, path: str) -> None:
        if problem := self._recording.begin(path):
            self.tell_failure(problem)

    def end_runbook(self) -> None:
        self._screen.notify(self._recording.end(), timeout=_ERROR_S, markup=False)

    def say(self, text: str) -> None:
        self._screen.notify(text, timeout=_DONE_S, markup=False)

    def tell_failure(self, text: str) -> None:
        self._screen.notify(text, severity="error", timeout=_ERROR_S, markup=False)

    async def ask(self, dialog: Dialog[R]) -> R | None:
        answer = self._screen.app.push_screen(dialog, wait_for_dismiss=True)
        mine = self._work.mine
        if mine is not None:
            mine.is_waiting_for_person = True
            # With the answer itself: a key that follows it must not come before what the answer leads to.
            answer.add_done_callback(lambda _: _go_on(mine))
        # Whoever asks may be cancelled; the dialog gives its answer all the same when it is left.
        return await asyncio.shield(answer)

    def show_help(self) -> None:
        lines, keys = self._help_page()
        self._screen.app.push_screen(Help("Keys", lines, indent=TEXT_COLUMN, closed_by=keys))

    def open_command(self) -> None:
        if self.command is not None:
            self._find_line.open(self.command)

    def find(self, target: Findable) -> None:
        self._find_line.open(target)

    def copy(self, text: str, what: str) -> None:
        self._screen.app.copy_to_clipboard(text)
        self._screen.notify(f"{what} copied", timeout=_COPIED_S)

    def tell(self, text: str) -> None:
        self._screen.notify(text, timeout=_DONE_S, markup=False)

    @property
    def now_ns(self) -> int:
        return self._session.now_ns

    def focus_next(self) -> None:
        self._screen.focus_next()

    @property
    def cluster_names(self) -> Sequence[str]:
        return [one.title for one in self._session.members] or [self._session.title]

    @property
    def is_of_several(self) -> bool:
        return bool(self._session.members)

    def go_to_clusters(self, names: Sequence[str]) -> None:
        self._screen.post_message(ClustersAsked(names))

    def go_to_all(self) -> None:
        self._screen.post_message(AllAsked())

    def go_elsewhere(self, link: Link, filter_: str) -> None:
        self._screen.post_message(ElsewhereAsked(link, filter_))

    def list_anew(self) -> None:
        self._screen.post_message(ResyncAsked())

    def open_palette(self) -> None:
        self._screen.app.action_command_palette()

    @property
    def leaving(self) -> str:
        if self._session.ends_with_program:
            return "The cluster ends with the dashboard, and all that runs in it."
        if self.drill_under_way:
            return f"{self.drill_under_way} It ends with the dashboard: its nodes take tasks again."
        if self.surges is not None and self.surges.under_way:
            return f"{self.surges.under_way} It ends with the dashboard: what moved stays, the node takes tasks again."
        if self.rotation_under_way:
            return (
                f"{self.rotation_under_way} It ends with the dashboard, and what is left keeps the old one."
            )
        return "The cluster goes on without the dashboard."

    def quit(self) -> None:
        if self._recording.is_on:
            self._recording.end()
        self._screen.app.exit()

    async def edit(self, text: str, name: str, *, is_secret: bool) -> str | None:
        try:
            with self._given_away():
                return await asyncio.to_thread(
                    partial(edited, text, os.environ, name=name, is_secret=is_secret)
                )
        except EditorFailed as error:
            self._screen.notify(str(error), severity="error", timeout=_ERROR_S, markup=False)
        except SuspendNotSupported:
            told = "This terminal cannot be given to an editor."
            self._screen.notify(told, severity="error", timeout=_ERROR_S, markup=False)
        return None

    async def run_inside(self, task_id: str, name: str, command: Sequence[str]) -> None:
        spec = ExecSpec(task_id=task_id, command=command)
        of_task = self._of_tasks([task_id])
        control = (of_task[0][0] if of_task else self._session).control
        try:
            with self._given_away():
                # Where the person stands is said before the first prompt, which may be as bare as "#".
                os.write(1, f"{printable(name)}: {' '.join(command)}, until it ends\r\n".encode())
                if self._session.inside is not None:
                    code = await self._session.inside(task_id, command)
                else:
                    code = await run_here(control, spec, Here(has_terminal=True, reads=True))
        except (NotRun, ClientError) as failure:
            self.tell_failure(f"Could not run {command[0]} in {name}: {failure}.")
        except SuspendNotSupported:
            self.tell_failure("This terminal cannot be given to a shell.")
        else:
            self.tell(f"{command[0]} in {name} ended with {code}")

    async def run_in_terminal(self, name: str, commands: Sequence[Sequence[str]]) -> None:
        try:
            with self._given_away():
                for words in commands:
                    process = await asyncio.create_subprocess_exec(*words)
                    if code := await process.wait():
                        break
        except OSError as error:
            self.tell_failure(f"Could not run {name}: {words[0]}: {error.strerror}.")
        except SuspendNotSupported:
            self.tell_failure("This terminal cannot be given to another program.")
        else:
            said = self.tell_failure if code else self.tell
            said(f"{name} {ended(code)}")

    async def run_beside(self, name: str, commands: Sequence[Sequence[str]], output: str) -> None:
        page: list[Spans] = []
        for words in commands:
            try:
                done = await run_beside(words)
            except OSError as error:
                self.tell_failure(f"Could not run {name}: {words[0]}: {error.strerror}.")
                return
            page += page_of(words, done, is_titled=len(commands) > 1)
            if done.code:
                self.tell_failure(f"{name} {ended(done.code)}: {last_line(done) or 'it said nothing'}")
            elif output == "notice":
                self.tell(f"{name}: {last_line(done) or 'done'}")
        if output == "page":
            self.read(name, page)

    @contextmanager
    def _given_away(self) -> Iterator[None]:
        """The terminal is somebody else's meanwhile: nothing is painted, keys wait for nothing, and the cluster is followed on. Raises
        SuspendNotSupported."""
        mine, app = self._work.mine, self._screen.app
        if mine is not None:
            mine.is_waiting_for_person = True
        try:
            with given_away(app):
                yield
        finally:
            if mine is not None:
                _go_on(mine)

    def suspend(self) -> None:
        self._screen.app.action_suspend_process()


def _go_on(mine: Undertaking) -> None:
    mine.is_waiting_for_person = False
