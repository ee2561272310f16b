"""A cluster that this program follows: what feeds its mirror, what is recorded of it, and what goes on in it by this program."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from swarm_core.client.calls import opened
from textual.app import App

from swarm_tui.clusters.following import follow
from swarm_tui.clusters.managers import ManagerNews
from swarm_tui.clusters.progress import ProgressNews
from swarm_tui.clusters.usage import UsageNews
from swarm_tui.journal import bundle
from swarm_tui.journal.bundle import Bundled
from swarm_tui.journal.sessions import opened_tape
from swarm_tui.journal.tape import Tape
from swarm_tui.journal.timeline import timeline
from swarm_tui.resources.events import Event
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.time_ranges import TimeRange
from swarm_tui.shell.deploys import Deploys
from swarm_tui.shell.drills import Drills
from swarm_tui.shell.feed import Feed
from swarm_tui.shell.stack_removals import StackRemovals
from swarm_tui.shell.surges import Surges
from swarm_tui.widgets.paint import Spans

Tell = Callable[[str], None]
_MIRROR: Final = "mirror"


class Member:
    """See the module's text."""

    def __init__(self, feed: Feed, tell: Tell, tell_failure: Tell, work_changed: Callable[[], None]) -> None:
        self._feed = feed
        self.session = session = feed.session
        self.recorder = feed.recorder
        self.drills = Drills(session, tell, tell_failure)
        self.surges = Surges(session, tell, tell_failure, work_changed)
        self.deploys = Deploys(session, tell, tell_failure, work_changed)
        self.stack_removals = StackRemovals(session, tell, tell_failure, work_changed)
        self._managers = ManagerNews(session)
        self._progress = ProgressNews(session.mirror, session.control, session.clock)
        self._usage = UsageNews(session.mirror.figures, session.control, session.clock)

    def start(self, app: App[None], tell_from_thread: Tell) -> None:
        """Feed the mirror in workers of `app` for as long as it runs."""
        if self.recorder is not None:
            self.recorder.tell_to(tell_from_thread)
            self.session.mirror.record_to(self.recorder.note)
        self.follow(app)
        for name, work in (
            ("managers", self._managers.run()),
            ("progress", self._progress.run()),
            ("usage", self._usage.run()),
        ):
            app.run_worker(work, group=self._called(name), name=name)

    def follow(self, app: App[None]) -> None:
        """List everything anew, and follow what changes."""
        app.run_worker(self._follow(), group=self._called(_MIRROR), exclusive=True, name=_MIRROR)

    def work_lines(self) -> Mapping[str, Spans]:
        """What tells how far its deploy, its removal of stacks and its drain are, by `screen.WORK`; nothing of what does not go on."""
        return {
            "deploy": self.deploys.line(),
            "removal": self.stack_removals.line(),
            "surge": self.surges.line(),
        }

    def set_looked_at(self, is_looked_at: bool) -> None:
        """Whether somebody looks at what the mirror tells."""
        self._managers.set_looked_at(is_looked_at)

    def recorded_of(self, ref: ObjectRef) -> list[Event]:
        """What is recorded of one of its objects. Raises JournalError. For a thread."""
        with closing(opened_tape(self.recorder).file) as file:
            return timeline(file, ref, self.session.mirror, self.session.now_ns)

    def bundled(self, path: Path, asked: TimeRange) -> Bundled:
        """What was recorded in this time as a file. Raises JournalError or OSError. For a thread."""
        with closing(opened_tape(self.recorder).file) as file:
            return bundle.write(Tape(file), path, asked, title=self.session.title)

    async def finish(self) -> str:
        """The program has ended: wait for what must not stay half done; a sentence about what does."""
        left = (
            self.deploys.finish(),
            self.stack_removals.finish(),
            await self.drills.finish(),
            await self.surges.finish(),
        )
        return " ".join(filter(None, left))

    def _called(self, name: str) -> str:
        return f"{name} {self.session.id}"

    async def _follow(self) -> None:
        async with opened(self._feed.updates()) as updates:
            await follow(self.session.mirror, updates)
