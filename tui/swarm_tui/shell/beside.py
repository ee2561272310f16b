"""What stands beside and below the place: a pane with one pinned object, and the drawer of events (docs/design/panes.md L.2, L.3).

Each holds views of the same kinds that fill the screen elsewhere. They follow the cluster like those, and are the ones that keys
work on while they have the focus.
"""

from collections.abc import Callable, Iterator
from typing import Any

from textual.containers import Vertical

from swarm_tui.resources.model import Link
from swarm_tui.resources.refs import ClusterId
from swarm_tui.views.events_drawer import DRAWER
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, View, ViewKind

_ON = "-on"
_PINNED = "pinned · "


class _Holder(Vertical):
    """Holds views, of which one is shown; `make` makes them with their keys, `met` is told of each."""

    def __init__(
        self, make: Callable[[ViewKind[Any]], View], met: Callable[[View], None], name: str, origin: str = ""
    ) -> None:
        super().__init__(id=name, classes="holder")
        self._origin = origin
        self._make = make
        self._met = met
        self.contexts: dict[View, Context] = {}
        """Every view that was shown here, and which keys it has."""
        self.shown: View | None = None

    async def show(self, kind: ViewKind[Any], place: Place) -> None:
        """Show `place` in a view of this kind; the focus stays where it is."""
        view = next((one for one in self.contexts if one.id == kind.name), None)
        if view is None:
            view = self._make(kind)
            view.origin = self._origin
            await self.mount(view)
            if isinstance(view, LinesPage):
                # There is less room here than the lines were made for.
                view.lines.toggle_wrap()
            self.contexts[view] = kind.context
            self._met(view)
        if self.shown not in (None, view):
            self._leave()
        view.display = True
        self.shown = view
        self.add_class(_ON)
        view.show(place)

    def close(self) -> None:
        """Show nothing any more."""
        self._leave()
        self.remove_class(_ON)

    def _leave(self) -> None:
        if self.shown is not None:
            self.shown.leave()
            self.shown.display = False
            self.shown = None

    @property
    def has_focus_within(self) -> bool:
        focused = self.screen.focused
        return focused is not None and self in focused.ancestors


class Beside:
    """Implements `verbs.ports.Panes`. `place` is where the person is, `regain` gives the focus back to what is shown there, and
    `changed` is told when there is another pane, or none."""

    def __init__(
        self,
        cluster: ClusterId,
        kinds: dict[str, ViewKind[Any]],
        make: Callable[[ViewKind[Any]], View],
        met: Callable[[View], None],
        *,
        place: Callable[[], Place],
        regain: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._kinds = kinds
        self._place = place
        self._regain = regain
        self._changed = changed
        self.pin_pane = _Holder(make, met, "pinned", _PINNED)
        self.drawer = _Holder(make, met, "drawer")
        self.pinned: Link | None = None

    @property
    def views(self) -> Iterator[View]:
        """Every view that was shown here."""
        yield from self.pin_pane.contexts
        yield from self.drawer.contexts

    @property
    def acting(self) -> tuple[View, Context] | None:
        """The view here that has the focus, and its keys; None where none has."""
        for holder in (self.pin_pane, self.drawer):
            if holder.shown is not None and holder.has_focus_within:
                return holder.shown, holder.contexts[holder.shown]
        return None

    @property
    def is_open(self) -> bool:
        """Whether something stands here."""
        return self.pinned is not None or self.drawer.shown is not None

    async def pin(self, link: Link) -> None:
        """Keep what the link leads to beside whatever is shown."""
        self.pinned = link
        await self.pin_pane.show(self._kinds[link.view], Place(self._cluster, link))
        self._changed()

    def unpin(self) -> None:
        """Keep nothing there any more."""
        had_focus = self.pin_pane.has_focus_within
        self.pinned = None
        self.pin_pane.close()
        self._closed(had_focus)

    async def toggle_drawer(self) -> None:
        """Open the drawer, about what is shown, or close it."""
        if self.drawer.shown is not None:
            self._close_drawer()
            return
        await self.drawer.show(DRAWER, self._place())
        self._changed()

    def place_changed(self) -> None:
        """The person went elsewhere: the drawer is about that."""
        if self.drawer.shown is not None:
            self.drawer.shown.show(self._place())

    def step_out(self) -> bool:
        """Give the focus back to what is shown, and close the drawer if it had it; False when nothing here has the focus."""
        if self.drawer.shown is not None and self.drawer.has_focus_within:
            self._close_drawer()
        elif self.pinned is not None and self.pin_pane.has_focus_within:
            self._regain()
        else:
            return False
        return True

    def close_one(self) -> bool:
        """Close the drawer, or else the pinned pane; False when there is neither."""
        if self.drawer.shown is not None:
            self._close_drawer()
        elif self.pinned is not None:
            self.unpin()
        else:
            return False
        return True

    def _close_drawer(self) -> None:
        had_focus = self.drawer.has_focus_within
        self.drawer.close()
        self._closed(had_focus)

    def _closed(self, had_focus: bool) -> None:
        if had_focus:
            self._regain()
        self._changed()
