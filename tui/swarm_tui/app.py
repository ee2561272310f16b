"""The application: themes, the one screen, and the workers that feed the mirror. It decides nothing.

Built by its caller from parts that exist already: a session, and a call that opens the cluster's updates. It is one thing: every message
that is nobody else's ends here, at the class that the toolkit wants one of.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from swarm_core.client.errors import ClientError
from swarm_core.client.sockets import NoSocket
from swarm_core.client.watch import Update
from textual import events
from textual.app import App, SystemCommand
from textual.command import Provider
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import ANSIToTruecolor, LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme
from textual.types import CSSPathType

from swarm_tui.clusters.session import Clock, Session
from swarm_tui.engines.door import Door, Room
from swarm_tui.journal import bundle
from swarm_tui.journal.errors import JournalError
from swarm_tui.journal.past_logs import FileLogs, PastLogs
from swarm_tui.journal.recorder import Recorder
from swarm_tui.journal.replay import PastClock, Replay
from swarm_tui.journal.sessions import opened_tape, past_session
from swarm_tui.journal.tape import Tape
from swarm_tui.journal.timeline import timeline
from swarm_tui.preferences.model import Preferences
from swarm_tui.resources.model import Link
from swarm_tui.resources.printable import cut, printable_lines
from swarm_tui.resources.refs import ClusterId, ObjectRef
from swarm_tui.resources.stacks import KIND as STACK
from swarm_tui.resources.stacks import Stack
from swarm_tui.resources.time_ranges import TimeRange
from swarm_tui.shell.engine_door import NAME as ENGINES
from swarm_tui.shell.engine_door import EngineScreens
from swarm_tui.shell.feed import Feed, no_updates
from swarm_tui.shell.filters import Filters
from swarm_tui.shell.member import Member
from swarm_tui.shell.merged import merged_screen
from swarm_tui.shell.messages import (
    Alarmed,
    AllAsked,
    BundleAsked,
    ClustersAsked,
    DeployAsked,
    DrillAsked,
    ElsewhereAsked,
    JournalSaid,
    PastAsked,
    RecallAsked,
    ResyncAsked,
    StackRemovalAsked,
    SurgeAsked,
)
from swarm_tui.shell.other_clusters import Opened, OtherClusters, opened_together
from swarm_tui.shell.palette import SwarmCommands
from swarm_tui.shell.past import Past, file_past
from swarm_tui.shell.preferred import LOOK_EVERY_S as LOOK_AT_PREFERENCES_S
from swarm_tui.shell.preferred import NOTHING_WANTED, Preferred, Started
from swarm_tui.shell.rewind import RewindScreen, rewind_screen
from swarm_tui.shell.screen import MainScreen, main_screen
from swarm_tui.shell.stylesheet import ThemedStylesheet
from swarm_tui.shell.terminal import HUNG_UP, LOOK_EVERY_S, Closable, TerminalDriver, on_ending
from swarm_tui.shell.typed_ahead import TypedAhead
from swarm_tui.shell.work import Work
from swarm_tui.widgets import own_theme
from swarm_tui.widgets.ascii_only import AsciiOnly
from swarm_tui.widgets.theme import DARK, LIGHT, role_colors

# A mirror holds hundreds of thousands of objects for as long as it lives, and no cycles among them. At Python's own pace
# they are all walked again after every few pages of scrolling, and a key that comes then waits for it. Small young
# generations keep the remaining pauses within a few milliseconds.
GARBAGE_THRESHOLDS: Final = (5_000, 10, 1_000)
_JOURNAL_S: Final = 10
BELL: Final = "\a"
OSC_NOTIFY: Final = "\x1b]9;"
"""What terminals show as a notification of the desktop, up to a bell."""
_PREFERRED_S: Final = 3
_NOTICE_CELLS_MAX: Final = 600
_PICTURE_AFTER_S: Final = 0.1
_PAGES: Final = "textual.drivers.web_driver"
"""Where the driver of a page of `swarm-tui serve` lives, which is imported there alone."""
_NOT_PAST: Final = ("form", "new-", "rotate-", "logs")
"""Beginnings of the names of views that are not gone to with the moment: nothing is created in the past, and its logs are asked for there."""


class SwarmApp(App[None]):
    """`updates` opens the cluster's stream of updates; it is called again when everything is to be listed anew. `recorder`
    keeps what the mirror is told, for rewinding; `started` is what the person wants. A `theme` that is given goes before theirs.
    With `file` the past in a file is shown, and no cluster is asked anything. With `feeds` they are the clusters that `session` shows as
    one (docs/design/contexts.md 17.4). With `room` the program is on engines alone, which `session` is of, and there is no cluster
    (docs/design/engine-views.md 18.1.7). `greeting` is said at the start."""

    CSS_PATH: ClassVar[CSSPathType | None] = "styles.tcss"
    TITLE = "swarm-tui"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {SwarmCommands}

    def __init__(
        self,
        session: Session,
        updates: Callable[[], AsyncIterator[Update]],
        *,
        theme: str | None = None,
        is_ascii: bool = False,
        driver_class: type[Driver] | None = None,
        recorder: Recorder | None = None,
        started: Started = NOTHING_WANTED,
        clusters: OtherClusters | None = None,
        engines: Door | None = None,
        file: Past | None = None,
        feeds: Sequence[Feed] = (),
        room: Room | None = None,
        greeting: str = "",
    ) -> None:
        self._ascii_filter = AsciiOnly() if is_ascii else None
        self._themes_found: dict[str, Theme | None] = {}
        super().__init__(driver_class=driver_class)
        self._session = session
        self._given_theme = theme
        self._clusters = clusters
        self._engines = None if engines is None else EngineScreens(engines, self)
        self.opened: tuple[Opened, ...] = ()
        """The clusters to go to after this one; who began this program begins with them anew."""
        self._preferred = Preferred(started, self._prefer, self._refuse_preferences)
        self._file = file
        self._work = Work()
        self._saved_filters = Filters(started.filters)
        self._room, self._greeting = room, greeting
        followed = feeds or (Feed(session, updates, recorder),)
        self._members = [
            Member(feed, self._tell_drill, self._tell_drill_failure, self._show_work)
            for feed in (followed if room is None else ())
        ]
        self._typed_ahead = TypedAhead(self, self._work, session.clock)
        self._garbage_thresholds = gc.get_threshold()
        self._unlisten: Callable[[], None] | None = None
        for ours in (DARK, LIGHT):
            self.register_theme(ours)
        self._own_themes: set[str] = set()
        self._take_own_themes(self._preferred.now)
        self.theme = self._wanted_theme
        self.stylesheet = ThemedStylesheet(variables=self.get_css_variables())

    @classmethod
    def of_file(
        cls,
        tape: Tape,
        title: str,
        clock: Clock,
        *,
        theme: str | None = None,
        is_ascii: bool = False,
        started: Started = NOTHING_WANTED,
    ) -> "SwarmApp":
        """The program on the past in a file."""
        past = file_past(tape, clock, ClusterId(title))
        session = past_session(
            title, past.replay.mirror, past.replay.clock, FileLogs(tape.file.path, past.replay.clock)
        )
        return cls(session, no_updates, theme=theme, is_ascii=is_ascii, started=started, file=past)

    def get_default_screen(self) -> Screen[None]:
        if self._file is not None:
            past = rewind_screen(self._session, self._preferred.verbs(), self._work, self._file)
            return self._named(past)
        if self._session.members:
            verbs = self._preferred.verbs()
            return self._named(merged_screen(self._session, verbs, self._work, self._ask_to_enter))
        if self._room is not None:
            return self._named(main_screen(self._session, self._preferred.verbs(), self._work))
        return self._screen_of(self._members[0])

    def _screen_of(self, member: Member) -> MainScreen:
        """The screen of one cluster alone."""
        screen = main_screen(member.session, self._preferred.verbs(), self._work)
        screen.desk.drills, screen.desk.deploys = member.drills, member.deploys
        screen.desk.surges, screen.desk.stack_removals = member.surges, member.stack_removals
        return self._named(screen)

    def _ask_to_enter(self, cluster: ClusterId, link: Link) -> None:
        self.run_worker(self._enter(cluster, link), group="clusters", exclusive=True)

    async def _enter(self, cluster: ClusterId, link: Link) -> None:
        """One of several clusters alone, over the screen of all, at this place."""
        screen = self._screen_of(next(one for one in self._members if one.session.id == cluster))
        screen.desk.is_inside = True
        await self.push_screen(screen)
        await screen.navigator.begin_at(link)
        screen.show_work(self._member.work_lines())

    def on_all_asked(self, event: AllAsked) -> None:
        self.pop_screen()

    @property
    def _member(self) -> Member:
        """The cluster that is looked at; of several that are looked at as one the first."""
        wanted = self._main.session.id
        return next((one for one in self._members if one.session.id == wanted), self._members[0])

    def _named(self, screen: MainScreen) -> MainScreen:
        screen.desk.filters = self._saved_filters
        if self._clusters is not None:
            screen.desk.clusters = self._clusters.names
        return screen

    @property
    def is_caught_up(self) -> bool:
        """Whether every key that came has been handled, with all that it led to."""
        return self._typed_ahead.is_over

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not self.screen_stack:
            # Pressed while the program ends: nobody is left to take it.
            return
        if isinstance(event, events.Paste):
            # Terminals end a pasted line as the enter key does, with a carriage return.
            event.text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        if self._typed_ahead.admits(event):
            await super().on_event(event)

    def on_mount(self) -> None:
        self._garbage_thresholds = gc.get_threshold()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        if isinstance(self._driver, Closable):
            self._unlisten = on_ending(self._end)
            self.set_interval(LOOK_EVERY_S, self._look_at_terminal)
        self.set_keymap(self._preferred.verbs().keymap)
        self.set_interval(LOOK_AT_PREFERENCES_S, self._preferred.look)
        if self._session.ends_with_program:
            self.notify(":tour shows you ten keys", timeout=_JOURNAL_S)
        # The terminal comes back empty from the shell.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self._typed_ahead.start()
        if self._file is not None:
            self.run_worker(self._file.seek(self._file.tape.end_ns), group="rewind", name="file")
            return
        if self._greeting:
            self.notify(self._greeting, timeout=_JOURNAL_S, markup=False)
        if self._room is not None:
            self.run_worker(self._room.run(), group=ENGINES, name=ENGINES)
        for member in self._members:
            member.start(self, self._tell_from_thread)

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        """What the toolkit does and no verb; its help and its way to enlarge and to quit are not ours."""
        yield SystemCommand("theme", "choose the colours", self.action_change_theme)
        # Once the palette is gone from the screen.
        yield SystemCommand(
            "screenshot",
            "save the screen as a picture",
            lambda: self.set_timer(_PICTURE_AFTER_S, self.deliver_screenshot),
        )

    @property
    def _wanted_theme(self) -> str:
        return self._given_theme or self._preferred.now.theme or DARK.name

    def _prefer(self, preferences: Preferences) -> None:
        """The person wants something else from now on."""
        verbs = self._preferred.verbs()
        self.set_keymap(verbs.keymap)
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen):
                screen.rekey(verbs)
        if (preferences.theme, preferences.themes) != self._themed:
            # Set twice, so that it is another one also where only the colours are others.
            self.theme = DARK.name
            self._take_own_themes(preferences)
            self.theme = self._wanted_theme
        self.notify("Your preferences were read anew", timeout=_PREFERRED_S)

    def _take_own_themes(self, preferences: Preferences) -> None:
        wanted = {own.name: own_theme.theme_of(own) for own in preferences.themes}
        for name in self._own_themes - set(wanted):
            self.unregister_theme(name)
        for theme in wanted.values():
            self.register_theme(theme)
        self._own_themes = set(wanted)
        self._themed = preferences.theme, preferences.themes

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Say something beside what is shown. Every notice comes through here, whoever made its text: it steers no terminal, and leaves
        room for what it is about."""
        shown = cut(printable_lines(message), _NOTICE_CELLS_MAX)
        super().notify(shown, title=title, severity=severity, timeout=timeout, markup=markup)

    def _refuse_preferences(self, text: str) -> None:
        self.notify(text, severity="error", timeout=_JOURNAL_S, markup=False)

    def watch_app_focus(self, has_focus: bool) -> None:
        for member in self._members:
            member.set_looked_at(has_focus)

    def on_unmount(self) -> None:
        gc.set_threshold(*self._garbage_thresholds)
        if self._unlisten is not None:
            self._unlisten()

    def _tell_from_thread(self, text: str) -> None:
        """Called by the recorder's thread, which must not wait for this one."""
        self.post_message(JournalSaid(text))

    def on_alarmed(self, event: Alarmed) -> None:
        """Only through the terminal, which knows whether anybody looks: on the screen it stands among the problems."""
        wanted = self._preferred.now.notify
        if "bell" in wanted:
            self._to_terminal(BELL)
        if "desktop" in wanted:
            self._to_terminal(f"{OSC_NOTIFY}{event.text}{BELL}")

    def _to_terminal(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)

    def on_clusters_asked(self, event: ClustersAsked) -> None:
        self.notify(f"Going to {', '.join(event.names)} …", timeout=_PREFERRED_S, markup=False)
        self.run_worker(self._to_clusters(event.names), group="clusters", exclusive=True)

    async def _to_clusters(self, names: Sequence[str]) -> None:
        assert self._clusters is not None
        try:
            self.opened = await opened_together(self._clusters, names)
        except (ClientError, NoSocket, LookupError, ValueError, OSError) as error:
            self.notify(str(error), severity="error", timeout=_JOURNAL_S, markup=False)
            return
        self.exit()

    def on_bundle_asked(self, event: BundleAsked) -> None:
        self.run_worker(self._bundle(Path(event.path), event.asked), group="bundle")

    async def _bundle(self, path: Path, asked: TimeRange) -> None:
        """What was recorded in this time, as a file."""
        try:
            made = await asyncio.to_thread(self._bundled, path, asked)
        except (JournalError, OSError) as error:
            self.notify(str(error), severity="error", timeout=_JOURNAL_S, markup=False)
            return
        self.notify(bundle.sentence(made), timeout=_JOURNAL_S, markup=False)

    def _bundled(self, path: Path, asked: TimeRange) -> bundle.Bundled:
        if self._file is not None:
            return bundle.write(self._file.tape, path, asked, title=self._session.title)
        return self._member.bundled(path, asked)

    def on_recall_asked(self, event: RecallAsked) -> None:
        if self._members:  # what happens to engines is kept nowhere
            self.run_worker(self._recall(event.ref), group="recall")

    async def _recall(self, ref: ObjectRef) -> None:
        """What is recorded of an object, or of all that a stack has, from before this program began; where nothing is recorded
        there is none."""
        screen = self.screen
        past = screen.past if isinstance(screen, RewindScreen) else None
        member = next((one for one in self._members if one.session.id == ref.cluster), self._member)
        mirror = past.replay.mirror if past is not None else member.session.mirror
        stack = mirror.get(Stack, ref.id) if ref.kind == STACK.noun else None
        refs = [ref] if stack is None else [ObjectRef(ref.cluster, *one) for one in stack.member_ids]
        for one in refs:
            try:
                if past is not None:
                    found = await asyncio.to_thread(timeline, past.tape.file, one, mirror, past.at_ns)
                else:
                    found = await asyncio.to_thread(member.recorded_of, one)
            except JournalError:
                break
            mirror.recall(one, found)
        mirror.flush()

    def on_drill_asked(self, event: DrillAsked) -> None:
        # A worker of the program, not of the screen: it is cancelled once, when the program ends, and then gives its nodes back.
        self.run_worker(self._member.drills.play(event.ids, event.description), group="drill")

    def on_surge_asked(self, event: SurgeAsked) -> None:
        # Like a drill, a worker of the program: it gives everything back when the program ends.
        self.run_worker(self._member.surges.play(event.surge, event.deeds), group="surge")

    def on_deploy_asked(self, event: DeployAsked) -> None:
        self.run_worker(self._member.deploys.play(event.asked, event.done), group="deploy")

    def on_stack_removal_asked(self, event: StackRemovalAsked) -> None:
        self.run_worker(self._member.stack_removals.play(event.asked, event.deeds), group="removal")

    def _show_work(self) -> None:
        if not self.is_running:
            return
        lines = {member.session.id: member.work_lines() for member in self._members}
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen) and not isinstance(screen, RewindScreen):
                screen.show_work(lines.get(screen.session.id, {}))

    def _tell_drill(self, text: str) -> None:
        if self.is_running:
            self.notify(text, timeout=_JOURNAL_S, markup=False)

    def _tell_drill_failure(self, text: str) -> None:
        if self.is_running:
            self.notify(text, severity="error", timeout=_JOURNAL_S, markup=False)

    async def finish(self) -> str:
        """The program has ended: wait for what must not stay half done; a sentence about what does."""
        return " ".join(filter(None, [await member.finish() for member in self._members]))

    def on_elsewhere_asked(self, event: ElsewhereAsked) -> None:
        if self._is_past or self._engines is None:
            what = "No engines are" if self._room is None else "No cluster is"
            self.notify(f"{what} looked at from here.", severity="warning", timeout=_PREFERRED_S)
            return
        work = self._engines.go(self._main, self._preferred.verbs(), self._work, event)
        self.run_worker(work, group="elsewhere", exclusive=True)

    def on_past_asked(self, event: PastAsked) -> None:
        work = self._to_now() if self._is_past else self._to_past(event.at)
        self.run_worker(work, group="rewind", exclusive=True)

    @property
    def _is_past(self) -> bool:
        return isinstance(self.screen, RewindScreen)

    async def _to_past(self, at: str) -> None:
        """The same place as it was a moment ago, or at the moment that was typed."""
        here, member = self._main.navigator.here, self._member
        live = member.session
        try:
            tape = await asyncio.to_thread(opened_tape, member.recorder)
            clock = PastClock(live.clock, tape.end_ns)
            past = Past(tape, Replay(clock, live.id), live.mirror, live.clock.wall_ns)
            await past.seek(live.now_ns)
            problem = await past.go(at) if at else ""
        except JournalError as error:
            self.notify(str(error), severity="warning", timeout=_JOURNAL_S, markup=False)
            return
        if problem:
            tape.file.close()
            self.notify(problem, severity="warning", timeout=_JOURNAL_S, markup=False)
            return
        session = past_session(live.title, past.replay.mirror, clock, PastLogs(live.logs, clock))
        screen = self._named(rewind_screen(session, self._preferred.verbs(), self._work, past))
        screen.desk.drills = member.drills
        await self.push_screen(screen)
        if here.view != screen.navigator.here.view and not here.view.startswith(_NOT_PAST):
            await screen.navigator.go(here.link)

    async def _to_now(self) -> None:
        """Where the person went in the past, as it is now."""
        screen = self.screen
        assert isinstance(screen, RewindScreen)
        link = screen.navigator.here.link
        await self.pop_screen()
        screen.past.tape.file.close()
        if self._main.navigator.here.link != link and link.view not in _NOT_PAST:
            await self._main.navigator.go(link)

    @property
    def _main(self) -> MainScreen:
        """The screen of now that is looked at, under dialogs and the past."""
        return next(
            one
            for one in reversed(self.screen_stack)
            if isinstance(one, MainScreen)
            and not isinstance(one, RewindScreen)
            and one.session.mirror.realm is self._session.mirror.realm
        )

    def on_journal_said(self, event: JournalSaid) -> None:
        self.notify(event.text, severity="warning", timeout=_JOURNAL_S, markup=False)

    def _look_at_terminal(self) -> None:
        if isinstance(self._driver, Closable) and self._driver.is_gone:
            self._end(HUNG_UP)

    def _end(self, exit_code: int) -> None:
        """Somebody else ends the program."""
        self.exit(return_code=exit_code)

    def on_resync_asked(self, event: ResyncAsked) -> None:
        if self._file is not None:
            self.notify("This is a file: there is nothing to list anew.", timeout=2)
            return
        screen = self.screen
        relist = screen.session.relist if isinstance(screen, MainScreen) else None
        if relist is not None:
            relist()
        else:
            for member in self._members if self._main.session.members else (self._member,):
                member.follow(self)
        self.notify("Listing everything anew", timeout=2)

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if found.__module__ == _PAGES:
            from swarm_tui.shell.page import PageDriver

            return PageDriver
        return TerminalDriver if found is LinuxDriver else found

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        variables |= role_colors(self.current_theme, variables)
        self.theme_variables = variables
        return variables

    def get_theme(self, theme_name: str) -> Theme | None:
        # Asked for with every line that is painted, and slow to answer.
        if theme_name not in self._themes_found:
            self._themes_found[theme_name] = super().get_theme(theme_name)
        return self._themes_found[theme_name]

    def register_theme(self, theme: Theme) -> None:
        self._themes_found.clear()
        super().register_theme(theme)

    def unregister_theme(self, theme_name: str) -> None:
        self._themes_found.clear()
        super().unregister_theme(theme_name)

    def get_line_filters(self) -> Sequence[LineFilter]:
        # Nothing here paints with the terminal's own sixteen colours under a theme that has its own, so that the
        # filter which translates them would only cost time with every line.
        filters = [one for one in super().get_line_filters() if not isinstance(one, ANSIToTruecolor)]
        return [*filters, self._ascii_filter] if self._ascii_filter is not None else filters
