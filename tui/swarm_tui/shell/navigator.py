"""Going from view to view: makes a view when it is first visited, shows it, and remembers the way back.

Views that were visited stay, and are told of every change. Nothing here knows what a view shows. A view that this screen lacks is one of
another realm, which has a screen of its own (docs/design/engine-views.md 18.1).
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from swarm_tui.resources import registry
from swarm_tui.resources.model import DESCRIBE, TEXT_VIEW, ClusterView, Link
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.shell.places import Places
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, View, ViewKind


class Stage(Protocol):
    """Where views are shown. Implemented by the screen."""

    async def add(self, view: View) -> None:
        """Take in a new view, not yet shown."""

    def show(self, view: View) -> None:
        """Show this view instead of the one before."""

    def place_changed(self) -> None:
        """Another view is shown, or the same about something else."""


class Elsewhere(Protocol):
    """The screens of other realms. Implemented by the screen."""

    @property
    def has_before(self) -> bool:
        """Whether this screen was come to from another one."""

    def go(self, link: Link) -> None:
        """To the screen that has the view."""

    def back(self) -> None:
        """To the screen before."""


class Navigator:
    """See the module's text. `make` makes a view of its kind; the first of `kinds` is the home of the program."""

    def __init__(
        self,
        stage: Stage,
        kinds: Sequence[ViewKind[Any]],
        make: Callable[[ViewKind[Any]], View],
        cluster: ClusterView,
        elsewhere: Elsewhere,
        beside: Callable[[], tuple[View, Context] | None] = lambda: None,
    ) -> None:
        home = kinds[0].name
        self._stage = stage
        self._elsewhere = elsewhere
        self._kinds = {kind.name: kind for kind in kinds}
        self._make = make
        self._cluster = cluster
        self._beside = beside
        """The view beside the place that has the focus, and its keys."""
        self._places = Places(Place(cluster.cluster, Link(home)))
        self._views: dict[str, View] = {home: make(kinds[0])}
        self._going = asyncio.Lock()
        """Making a view takes time; who wants to go elsewhere meanwhile goes from there."""

    # -- where one is ------------------------------------------------------------------------------

    @property
    def here(self) -> Place:
        """The present place."""
        return self._places.here

    @property
    def trail(self) -> tuple[Place, ...]:
        """The places gone through, the present one last."""
        return self._places.trail

    @property
    def is_root(self) -> bool:
        """Whether there is no way back."""
        return self._places.is_root and not self._elsewhere.has_before

    def has(self, view: str) -> bool:
        """Whether the view is one of this screen."""
        return view in self._kinds

    @property
    def shown(self) -> View:
        """The view of the place."""
        return self._views[self.here.view]

    @property
    def view(self) -> View:
        """The view that keys work on: that of the place, unless one beside it has the focus."""
        acting = self._beside()
        return self.shown if acting is None else acting[0]

    @property
    def context(self) -> Context:
        """Which keys there are now, beside the global ones."""
        acting = self._beside()
        return self._kinds[self.here.view].context if acting is None else acting[1]

    @property
    def views(self) -> tuple[View, ...]:
        """Every view that was visited, the home first."""
        return tuple(self._views.values())

    # -- going elsewhere ---------------------------------------------------------------------------

    async def go(self, link: Link, at: ObjectRef | None = None) -> None:
        """Go where `link` leads, in the present cluster, to the row `at`; from there the way leads back here. A view of another
        realm is on its screen."""
        if not self.has(link.view):
            self._elsewhere.go(link)
            return
        await self._go(Place(self.here.cluster, link, at))

    async def open(self, ref: ObjectRef) -> None:
        """Drill in, as the object's kind says; of what is gone the description says that it is."""
        kind = registry.by_noun(ref.kind)
        item = self._cluster.get(kind.message, ref.id)
        gone = Link(TEXT_VIEW, ref.kind, ref.id, DESCRIBE)
        await self._go(Place(ref.cluster, kind.drill_in(item, self._cluster) if item is not None else gone))

    async def begin_at(self, link: Link) -> None:
        """Go where `link` leads, and have no way back from there: the way there was another screen's."""
        await self._go(Place(self.here.cluster, link))
        self._places.begin_here()
        self._stage.place_changed()

    async def go_back(self) -> bool:
        """Go to the place before, perhaps on another screen; False when there is none."""
        if await self._move(self._places.back):
            return True
        if self._elsewhere.has_before:
            self._elsewhere.back()
            return True
        return False

    async def step(self, steps: int) -> bool:
        """Go through the places visited, back (-1) or forward (1); False at the end."""
        return await self._move(partial(self._places.step, steps))

    async def swap(self) -> bool:
        """Go to where one was before, whichever way one came; False when one was nowhere else."""
        return await self._move(self._places.swap)

    async def _move(self, move: Callable[..., Place | None]) -> bool:
        """To a place that was visited, whose view exists."""
        async with self._going:
            left = self.shown
            if move(cursor=left.cursor) is None:
                return False
            self._show(left)
            return True

    async def _go(self, place: Place) -> None:
        async with self._going:
            if place.view not in self._views:
                view = self._make(self._kinds[place.view])
                await self._stage.add(view)
                self._views[place.view] = view
            left = self.shown
            self._places.go(place, cursor=left.cursor)
            self._show(left)

    def _show(self, left: View) -> None:
        left.leave()
        self._stage.show(self.shown)
        self.shown.arrive(self.here)
        self._stage.place_changed()
