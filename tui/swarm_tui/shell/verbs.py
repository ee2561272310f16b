"""The verbs of the registry, carried out: each key, palette entry and click on the key bar ends here."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.message import Message

from swarm_tui.clusters.filters import FilterError
from swarm_tui.clusters.session import Session
from swarm_tui.dialogs.choose import Choose
from swarm_tui.dialogs.help import Help
from swarm_tui.dialogs.leave import Leave
from swarm_tui.dialogs.service_form import ServiceForm
from swarm_tui.shell.navigation import NavigationScreen, kind_of
from swarm_tui.shell.operations import Operations
from swarm_tui.shell.places import DASHBOARD, Place
from swarm_tui.views.actions import ACTIONS, BY_ID, Action, Context, bindings, in_context
from swarm_tui.views.detail.view import DESCRIBE, YAML, TextView
from swarm_tui.views.form.view import FormView
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.logs.view import LogsView
from swarm_tui.widgets.bars import Key, KeyBar
from swarm_tui.widgets.filter_bar import FilterBar
from swarm_tui.widgets.notes import Notes
from swarm_tui.widgets.paint import Spans
from swarm_tui.widgets.table import ObjectTable

_FILTER_HINT: Final = "name  /regex/  state:failed  node:w3  age<5m  !term"
_KEY_WIDTH: Final = 10


class VerbScreen(NavigationScreen):
    """See the module's text."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Context.GLOBAL)]

    class ResyncAsked(Message):
        """The person wants everything listed anew."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._operations = Operations(self, session)
        self._handlers = self._make_handlers()
        assert set(self._handlers) == set(BY_ID), "every verb of the registry is carried out here"

    def _make_handlers(self) -> dict[str, Callable[[], object]]:
        operations = self._operations
        return {
            "list.open": lambda: self._start(self._open_selected()),
            "list.logs": lambda: self._start(self._go_to_selected("logs")),
            "list.describe": lambda: self._start(self._go_to_selected("text", DESCRIBE)),
            "list.yaml": lambda: self._start(self._go_to_selected("text", YAML)),
            "list.scale": lambda: self._start(operations.scale(self.selection()[1])),
            "list.new": lambda: self._start(self.go(Place("form"))),
            "list.remove": lambda: self._start(self._remove_selected()),
            "list.availability": lambda: self._start(operations.set_availability(self.selection()[1])),
            "list.sort": lambda: self._start(self._choose_sort()),
            "list.reverse": lambda: self._on_pane(ObjectPane.reverse),
            "list.mark": lambda: self._on_pane(ObjectPane.mark),
            "list.mark_all": lambda: self._on_pane(ObjectPane.mark_all),
            "list.clear_marks": lambda: self._on_pane(ObjectPane.clear_marks),
            "list.copy": lambda: self._copy("\n".join(self.selection()[1]), "id"),
            "text.next_match": lambda: self._next_match(1),
            "text.previous_match": lambda: self._next_match(-1),
            "text.copy": self._copy_text,
            "log.follow": lambda: self._on_logs(LogsView.toggle_follow),
            "log.next_match": lambda: self._next_match(1),
            "log.previous_match": lambda: self._next_match(-1),
            "log.times": lambda: self._on_logs(LogsView.toggle_times),
            "form.submit": self._submit_form,
            "form.next_field": self.focus_next,
            "global.filter": self._open_filter,
            "global.problems": self._toggle_problems,
            "global.dashboard": lambda: self._start(self.go(Place(DASHBOARD))),
            "global.nodes": lambda: self._start(self.go(Place("nodes"))),
            "global.services": lambda: self._start(self.go(Place("services"))),
            "global.tasks": lambda: self._start(self.go(Place("tasks"))),
            "global.zoom": self._zoom,
            "global.next_pane": self.focus_next,
            "global.resync": lambda: self.post_message(self.ResyncAsked()),
            "global.palette": lambda: self.app.action_command_palette(),
            "global.back": lambda: self._start(self._back()),
            "global.leave": lambda: self._start(self._leave()),
            "global.quit": lambda: self.app.exit(),
            "global.help": lambda: self.app.push_screen(Help("Keys", help_lines(self.context))),
        }

    # -- which verbs there are ---------------------------------------------------------------------

    def applies(self, action: Action) -> bool:
        """Whether the verb works now, on what is selected."""
        if action.context not in (Context.GLOBAL, self.context):
            return False
        if action.kinds and self.selection()[0] not in action.kinds:
            return False
        match action.id:
            case "global.back":
                return not self.places.is_root or self._can_clear()
            case "global.filter":
                return self.lines is not None or self.pane is not None
            case "global.problems" | "list.sort" | "list.reverse" | "list.mark" | "list.mark_all":
                return self.pane is not None
            case "text.next_match" | "text.previous_match" | "log.next_match" | "log.previous_match":
                return self.lines is not None and bool(self.lines.needle)
            case "global.zoom":
                return self.places.here.view == DASHBOARD
            case "list.clear_marks":
                return self.pane is not None and bool(self.pane.table.marks)
            case _:
                return True

    def label_of(self, action: Action) -> str:
        """The verb as it is called here: a list is filtered, a text is searched."""
        return "search" if action.id == "global.filter" and self.lines is not None else action.label

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "do":
            return self.applies(BY_ID[str(parameters[0])])
        return super().check_action(action, parameters)

    def action_do(self, action_id: str) -> None:
        """Run the verb with this id."""
        self._handlers[action_id]()

    def place_changed(self) -> None:
        self.show_keys()

    def show_keys(self) -> None:
        """Show the keys that work now."""
        offered = [action for action in ACTIONS if action.rank and self.applies(action)]
        offered.sort(key=lambda action: action.rank)
        self.query_one(KeyBar).show([Key(action.key, self.label_of(action), action.id) for action in offered])

    def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        self.action_do(event.action)

    # -- lists -------------------------------------------------------------------------------------

    async def _open_selected(self) -> None:
        noun, ids = self.selection()
        await self.open_object(kind_of(noun), ids[0])

    async def _go_to_selected(self, view: str, mode: str = "") -> None:
        noun, ids = self.selection()
        await self.go(Place(view, noun, ids[0], mode))

    async def _remove_selected(self) -> None:
        noun, ids = self.selection()
        await self._operations.remove(kind_of(noun), ids)

    async def _choose_sort(self) -> None:
        pane = self.pane
        if pane is not None:
            key = await self.app.push_screen_wait(Choose("Sort by", pane.sort_choices, pane.sorted_by))
            if key is not None and key != pane.sorted_by:
                pane.sort_by(key)

    def _on_pane(self, work: Callable[[ObjectPane], object]) -> None:
        if self.pane is not None:
            work(self.pane)

    def on_object_table_opened(self, event: ObjectTable.Opened) -> None:
        self.action_do("list.open")

    def on_notes_opened(self, event: Notes.Opened) -> None:
        self._start(self.open_object(kind_of(event.target.kind), event.target.id))

    # -- filter and search -------------------------------------------------------------------------

    def _open_filter(self) -> None:
        bar = self.query_one(FilterBar)
        if self.lines is not None:
            self._filtered: ObjectPane | None = None
            bar.open(self.lines.needle, "search")
        elif self.pane is not None:
            self._filtered = self.pane
            bar.open(self.pane.filter_text, _FILTER_HINT)

    def on_filter_bar_typed(self, event: FilterBar.Typed) -> None:
        bar = self.query_one(FilterBar)
        if self._filtered is None:
            if self.lines is not None:
                self.lines.search(event.text)
            return
        try:
            bar.judge(self._filtered.set_filter(event.text), "muted")
        except FilterError as error:
            bar.judge(f"✖ {error}", "error")

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        target = self.lines if self._filtered is None else self._filtered.table
        if not event.is_kept:
            if self._filtered is not None:
                self._filtered.set_filter("")
            elif self.lines is not None:
                self.lines.search("")
        if target is not None:
            target.focus()
        self.show_keys()

    def _toggle_problems(self) -> None:
        pane = self.pane
        if pane is not None:
            pane.set_problems_only(not pane.is_problems_only)

    def _next_match(self, direction: int) -> None:
        if self.lines is not None:
            self.lines.next_match(direction)

    # -- texts, logs, form -------------------------------------------------------------------------

    def _copy_text(self) -> None:
        if isinstance(self.view, TextView):
            self._copy(self.view.plain_text, "text")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"{what} copied", timeout=2)

    def _on_logs(self, work: Callable[[LogsView], object]) -> None:
        if isinstance(self.view, LogsView):
            work(self.view)

    def _submit_form(self) -> None:
        if isinstance(self.view, FormView):
            self.view.form.submit()

    def on_service_form_submitted(self, event: ServiceForm.Submitted) -> None:
        self._start(self._operations.create(event.spec, self._created))

    async def _created(self, service_id: str) -> None:
        view = self.views["form"]
        assert isinstance(view, FormView)
        view.form.clear()
        if self.places.here.view == "form":
            await self.go_back()
        if self.pane is not None:
            self.pane.table.await_row(service_id)

    # -- back, out, about --------------------------------------------------------------------------

    def _can_clear(self) -> bool:
        pane = self.pane
        has_list_state = pane is not None and bool(
            pane.filter_text or pane.table.marks or pane.is_problems_only
        )
        has_search = self.lines is not None and bool(self.lines.needle)
        return has_list_state or has_search or self.dashboard.is_zoomed

    def _clear_one(self) -> bool:
        """Take back the newest of search, filter, marks and zoom; False when there is none of them."""
        pane = self.pane
        if self.lines is not None and self.lines.needle:
            self.lines.search("")
        elif pane is not None and pane.filter_text:
            pane.set_filter("")
        elif pane is not None and pane.is_problems_only:
            pane.set_problems_only(False)
        elif pane is not None and pane.table.marks:
            pane.clear_marks()
        elif self.places.here.view == DASHBOARD and self.dashboard.is_zoomed:
            self.dashboard.zoom(None)
        else:
            return False
        self.show_keys()
        return True

    async def _back(self) -> None:
        if not self._clear_one():
            await self.go_back()

    async def _leave(self) -> None:
        if self._clear_one() or await self.go_back():
            return
        if await self.app.push_screen_wait(Leave()):
            self.app.exit()

    def _zoom(self) -> None:
        if self.dashboard.is_zoomed:
            self.dashboard.zoom(None)
        elif self.focused is not None:
            self.dashboard.zoom(self.focused.parent)
        self.show_keys()

    def _start(self, work: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
        """Carry out a verb that waits for something, in a worker of this screen."""
        self.run_worker(work, group="verbs", exit_on_error=True)


def help_lines(context: Context) -> list[Spans]:
    """What each key does, the verbs of `context` first."""
    lines: list[Spans] = []
    for one in sorted(Context, key=lambda other: (other is not context, other is not Context.GLOBAL)):
        lines.append([(f" {one.value}", "text+bold")])
        lines.extend(
            [("   ", "text"), (action.key.ljust(_KEY_WIDTH), "accent+bold"), (action.help, "text")]
            for action in in_context(one)
        )
        lines.append([])
    lines.append([(" moving", "text+bold")])
    for keys, text in (
        ("↑ ↓  j k", "one line"),
        ("pgup pgdn", "one page"),
        ("home end  g G", "top and bottom"),
    ):
        lines.append([("   ", "text"), (keys.ljust(_KEY_WIDTH + 4), "accent+bold"), (text, "text")])
    return lines
