"""The screen for several clusters as one: dashboard and lists of all of them. What is about one object, and what is made, is on the screen of
its own cluster, which is entered and left again (docs/design/contexts.md 17.4)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from swarm_tui.clusters.merged import Merged, own_id
from swarm_tui.clusters.session import Session
from swarm_tui.dialogs.choose import Choose
from swarm_tui.resources import registry
from swarm_tui.resources.model import Link
from swarm_tui.resources.refs import ClusterId, ObjectRef
from swarm_tui.shell.keyed import keyed
from swarm_tui.shell.navigator import Elsewhere, Navigator, Stage
from swarm_tui.shell.screen import MainScreen
from swarm_tui.shell.work import Work
from swarm_tui.verbs.model import Verbs
from swarm_tui.views import registry as view_registry
from swarm_tui.views.dashboard.view import NAME as DASHBOARD
from swarm_tui.views.view import Context, View, ViewKind


class Doors(Protocol):
    """The way into one of the clusters."""

    def enter(self, cluster: ClusterId, link: Link) -> None:
        """Show this place of this cluster alone."""

    async def which(self) -> ClusterId | None:
        """Ask the person for one of the clusters; None when they leave."""

    def say(self, text: str) -> None:
        """Tell the person something in a sentence."""


class MergedNavigator(Navigator):
    """Lists and dashboard are here; everything else is behind one of the doors."""

    def __init__(
        self,
        stage: Stage,
        kinds: Sequence[ViewKind[Any]],
        make: Callable[[ViewKind[Any]], View],
        merged: Merged,
        elsewhere: Elsewhere,
        beside: Callable[[], tuple[View, Context] | None],
        doors: Doors,
    ) -> None:
        super().__init__(stage, kinds, make, merged, elsewhere, beside)
        self._merged = merged
        self._doors = doors
        self._lists = {kind.plural for kind in registry.kinds()}

    async def go(self, link: Link, at: ObjectRef | None = None) -> None:
        if link.id:
            self._enter(registry.by_noun(link.kind).message, link)
        elif link.view in self._lists or link.view == DASHBOARD or not self.has(link.view):
            await super().go(link, at)
        elif (cluster := await self._doors.which()) is not None:
            self._doors.enter(cluster, link)

    async def open(self, ref: ObjectRef) -> None:
        kind = registry.by_noun(ref.kind)
        home = self._merged.home(kind.message, ref.id)
        item = home.get(kind.message, own_id(kind.message, ref.id))
        if item is not None:
            self._doors.enter(home.cluster, kind.drill_in(item, home))

    def _enter(self, kind: type[Any], link: Link) -> None:
        home = self._merged.home(kind, link.id)
        if home is not self._merged:
            mine = [one for one in link.others if self._merged.home(kind, one) is home]
            others = tuple(own_id(kind, one) for one in mine)
            if len(mine) < len(link.others):
                self._doors.say(
                    f"Of what is marked only that of {home.cluster} is shown: one cluster at a time."
                )
            self._doors.enter(home.cluster, replace(link, id=own_id(kind, link.id), others=others))


class MergedScreen(MainScreen):
    """See the module's text. `enter` shows a place of one of the clusters."""

    def __init__(
        self, session: Session, verbs: Verbs, work: Work, enter: Callable[[ClusterId, Link], None]
    ) -> None:
        self._enter = enter
        super().__init__(session, verbs, work)

    def make_navigator(self, stage: Stage) -> Navigator:
        merged = self.session.mirror
        assert isinstance(merged, Merged)
        return MergedNavigator(
            stage,
            view_registry.views(),
            self.make_view,
            merged,
            self.elsewhere,
            lambda: self.beside.acting,
            self,
        )

    def enter(self, cluster: ClusterId, link: Link) -> None:
        """See `Doors`."""
        self._enter(cluster, link)

    async def which(self) -> ClusterId | None:
        """See `Doors`."""
        options = [(one.title, one.title) for one in self.session.members]
        taken = await self.desk.ask(Choose("In which cluster", options))
        return ClusterId(taken) if taken is not None else None

    def say(self, text: str) -> None:
        """See `Doors`."""
        self.desk.say(text)


def merged_screen(
    session: Session, verbs: Verbs, work: Work, enter: Callable[[ClusterId, Link], None]
) -> MergedScreen:
    """The screen for several clusters."""
    return keyed(MergedScreen, verbs.bindings(Context.GLOBAL))(session, verbs, work, enter)
