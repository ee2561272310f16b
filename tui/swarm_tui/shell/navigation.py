"""Going from view to view on the one screen, and knowing what is selected there.

Views that were never visited do not exist yet; those that do stay, and their lists stay up to date.
"""

from typing import Any, Final

from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from swarm_tui.clusters.changes import Phase
from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry
from swarm_tui.resources.model import ResourceKind
from swarm_tui.shell.places import DASHBOARD, Place, Places
from swarm_tui.views.actions import Context
from swarm_tui.views.dashboard.view import DashboardView
from swarm_tui.views.detail.view import DESCRIBE, TextView
from swarm_tui.views.form.view import FormView
from swarm_tui.views.lists.pane import ObjectPane, Scope
from swarm_tui.views.lists.view import ListView
from swarm_tui.views.logs.view import LogsView
from swarm_tui.widgets.filter_bar import FilterBar
from swarm_tui.widgets.lines import LinesView
from swarm_tui.widgets.notes import Notes

LISTS: Final = ("nodes", "services", "tasks")
STALE_PHASES: Final = (Phase.STALE, Phase.RESYNCING)
_CONTEXTS: Final = {"text": Context.TEXT, "logs": Context.LOG, "form": Context.FORM}


def kind_of(noun: str) -> ResourceKind[Any]:
    """The kind called `noun`, which must exist."""
    kind = registry.by_word(noun)
    assert kind is not None, f"no kind is called {noun!r}"
    return kind


class NavigationScreen(Screen[None]):
    """See the module's text."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.places = Places()
        self.dashboard = DashboardView(session)
        self.views: dict[str, Widget] = {DASHBOARD: self.dashboard}

    # -- views -------------------------------------------------------------------------------------

    @property
    def view(self) -> Widget:
        """The view that is shown."""
        return self.views[self.places.here.view]

    def all_panes(self) -> list[ObjectPane]:
        """Every list of objects that exists."""
        lists = [view.pane for view in self.views.values() if isinstance(view, ListView)]
        return [*self.dashboard.object_panes, *lists]

    async def _ensure_view(self, name: str) -> Widget:
        if name not in self.views:
            view = self._make_view(name)
            await self.query_one(ContentSwitcher).add_content(view)
            self.views[name] = view
            if isinstance(view, ListView):
                view.pane.set_stale(self.session.mirror.stream.phase in STALE_PHASES)
        return self.views[name]

    def _make_view(self, name: str) -> Widget:
        match name:
            case "text":
                return TextView(self.session)
            case "logs":
                return LogsView(self.session)
            case "form":
                return FormView(self.session)
            case _:
                assert name in LISTS
                return ListView(self.session, kind_of(name.removesuffix("s")))

    # -- places ------------------------------------------------------------------------------------

    async def go(self, place: Place) -> None:
        """Go to `place`, from where the way leads back here."""
        await self._ensure_view(place.view)
        pane = self.pane
        self.places.go(place, cursor=(pane.table.cursor_id or "") if pane is not None else "")
        await self._show_place()

    async def go_back(self) -> bool:
        """Go to the place before; False when there is none."""
        if self.places.back() is None:
            return False
        await self._show_place()
        return True

    async def open_object(self, kind: ResourceKind[Any], object_id: str) -> None:
        """Drill in: a service's or node's tasks, anything else's description."""
        if kind.noun in ("service", "node"):
            await self.go(Place("tasks", kind.noun, object_id))
        elif kind.noun == "cluster":
            await self.go(Place("nodes"))
        else:
            await self.go(Place("text", kind.noun, object_id, DESCRIBE))

    async def _show_place(self) -> None:
        here = self.places.here
        logs = self.views.get("logs")
        if isinstance(logs, LogsView):
            logs.leave()
        view = self.view
        self.query_one(FilterBar).close()
        self.query_one(ContentSwitcher).current = here.view
        self._arrive(view, here)
        self.place_changed()

    def _arrive(self, view: Widget, here: Place) -> None:
        match view:
            case ListView():
                view.pane.set_scope(self._scope(here))
                view.pane.catch_up()
                view.pane.table.move_to(here.cursor)
                view.pane.table.focus()
            case TextView():
                view.show(kind_of(here.kind), here.id, here.mode)
                view.lines.focus()
            case LogsView():
                view.show(kind_of(here.kind), here.id)
                view.lines.focus()
            case FormView():
                view.form.start()
            case DashboardView():
                panes = (
                    pane for pane in view.object_panes if here.cursor and pane.table.cursor_id == here.cursor
                )
                next(panes, view.services).table.focus()

    def _scope(self, place: Place) -> Scope | None:
        """Tasks of the service or node that the place is about."""
        if not place.id:
            return None
        kind = kind_of(place.kind)
        item = self.session.mirror.get(kind.message, place.id)
        label = kind.name(item, self.session.mirror) if item is not None else place.id
        field = f"{place.kind}_id"
        return Scope(f"{place.kind} {label}", lambda task: getattr(task, field) == place.id)

    # -- what is selected --------------------------------------------------------------------------

    @property
    def context(self) -> Context:
        """Which verbs there are here, beside the global ones."""
        return _CONTEXTS.get(self.places.here.view, Context.LIST)

    @property
    def pane(self) -> ObjectPane | None:
        """The list that has the focus; in a list's own view that list."""
        node: Any = self.focused
        while node is not None and node is not self:
            if isinstance(node, ObjectPane):
                return node
            node = node.parent
        return self.view.pane if isinstance(self.view, ListView) else None

    @property
    def lines(self) -> LinesView | None:
        """The text that is shown, if the view is one."""
        return self.view.lines if isinstance(self.view, TextView | LogsView) else None

    def selection(self) -> tuple[str, list[str]]:
        """Kind and ids that a verb works on; no kind when nothing is selected."""
        if isinstance(self.focused, Notes):
            target = self.focused.target
            return (target.kind, [target.id]) if target is not None else ("", [])
        pane = self.pane
        if pane is None or not pane.selected_ids:
            return "", []
        return pane.kind.noun, pane.selected_ids

    def place_changed(self) -> None:
        """Another view is shown, or the same about something else."""
        raise NotImplementedError
