"""A text about one object, kept up to date while it is read."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Service
from textual.app import ComposeResult

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.resources import registry
from swarm_tui.resources.documents import Whole
from swarm_tui.resources.model import DESCRIBE, TEXT_VIEW, Realm, ResourceKind
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.views.detail.pages import VALUES_AT, json_lines, page_lines, yaml_lines
from swarm_tui.views.detail.revisions import Revisions
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, ViewKind
from swarm_tui.widgets.lines import TextLines
from swarm_tui.widgets.paint import Spans

YAML: Final = "yaml"
JSON: Final = "json"


class TextView(LinesPage):
    """Shows the description or the YAML of an object by id; what is gone stays readable and is marked as gone."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=TEXT_VIEW)
        self._session = session
        self._kind: ResourceKind[Any] | None = None
        self._object_id = ""
        self._mode = DESCRIBE
        self._lines: Sequence[Spans] = ()
        self._whole: Whole | None = None
        """The object with all that is told of it, where that had to be asked for."""
        self._trouble = ""
        self._revisions = Revisions(session)
        self._is_wrapped_for_it = False
        """Whether lines take several rows because they are a description's."""
        self._text = TextLines()
        self._text.add_class("pane")

    def compose(self) -> ComposeResult:
        yield self._text

    @property
    def lines(self) -> TextLines:
        return self._text

    def arrive(self, place: Place) -> None:
        self.show(place)
        self._text.focus()

    def show(self, place: Place) -> None:
        self._kind = registry.by_noun(place.kind)
        self._object_id, self._mode, self.search_text = place.id, place.link.mode, ""
        self._lines, self._whole, self._trouble = (), None, ""
        self._text.search("")
        self._wrap()
        self._ask_for_whole()
        item = self._item()
        if item is not None:
            self._lines = self._make(item)
        self._text.show(self._lines)
        self.describe_border()

    def _wrap(self) -> None:
        """Nothing of a description is cut; an object as YAML or JSON keeps its lines, unless a person wants it otherwise."""
        is_description = self._mode == DESCRIBE
        self._text.wrap_indent = VALUES_AT if is_description else 2
        if is_description and not self._text.is_wrapped:
            self._text.toggle_wrap()
            self._is_wrapped_for_it = True
        elif not is_description and self._is_wrapped_for_it:
            self._is_wrapped_for_it = False
            if self._text.is_wrapped:
                self._text.toggle_wrap()

    def apply(self, changes: Changes) -> None:
        if (
            self._kind is not None
            and self.display
            and (changes.is_reset or self._object_id in changes.of(self._kind.message))
        ):
            self._ask_for_whole()
            self._refresh_text()

    def tick(self) -> None:
        # Of a description the ages change; YAML says what the object says.
        if self.display and self._mode not in (YAML, JSON):
            self._refresh_text()

    def _ask_for_whole(self) -> None:
        if self._kind is not None and self._kind.message is Service and self._mode == DESCRIBE:
            self.run_worker(self._ask_for_revisions(self._object_id), group="revisions", exclusive=True)
        if self._session.whole is not None and self._kind is not None and self._mode in (YAML, JSON):
            ref = ObjectRef(self._session.id, self._kind.noun, self._object_id)
            self.run_worker(self._ask(self._session.whole(ref)), group="whole", exclusive=True)

    async def _ask_for_revisions(self, service_id: str) -> None:
        await self._revisions.ask(service_id)
        self._refresh_text()

    async def _ask(self, asked: Awaitable[Mapping[str, Any] | None]) -> None:
        try:
            told = await asked
            self._whole, self._trouble = None if told is None else Whole(told), ""
        except ValueError as error:
            self._trouble = f"▲ {error}"
        self._refresh_text()

    def _refresh_text(self) -> None:
        """The object, or the time, may have changed."""
        item = self._item()
        if item is not None:
            lines = self._make(item)
            if lines != self._lines:
                self._lines = lines
                self._text.show(lines, keep_place=True)
        self.describe_border()

    def _item(self) -> Any:
        return None if self._kind is None else self._session.mirror.get(self._kind.message, self._object_id)

    def _make(self, item: Any) -> Sequence[Spans]:
        assert self._kind is not None
        if self._mode == YAML:
            return yaml_lines(self._whole or item)
        if self._mode == JSON:
            return json_lines(self._whole or item)
        home = self._session.mirror.home(self._kind.message, self._object_id)
        page = self._kind.describe(item, home, self._session.now_ns)
        if isinstance(item, Service):
            page = self._revisions.page(page, item, self._session.now_ns)
        return page_lines(page)

    @property
    def selected_kind(self) -> str:
        return self._kind.noun if self._kind is not None else ""

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        if self._kind is None:
            return ()
        home = self._session.mirror.home(self._kind.message, self._object_id)
        return (ObjectRef(home.cluster, self._kind.noun, self._object_id),)

    @property
    def title(self) -> str:
        item, kind = self._item(), self._kind
        name = (
            kind.name(item, self._session.mirror)
            if item is not None and kind is not None
            else self._object_id
        )
        return f"{name}-{self._mode}"

    def describe_border(self) -> None:
        item = self._item()
        name = self._object_id
        if item is not None and self._kind is not None:
            name = self._kind.name(item, self._session.mirror)
        noun = self._kind.noun if self._kind is not None else ""
        self._text.label(
            f"{self.origin}{noun} {name} · {self._mode}",
            " · ".join(
                filter(None, ["" if item is not None else "✖ removed", self._trouble, self.search_text])
            ),
        )


VIEW: Final = ViewKind(
    TEXT_VIEW, Context.TEXT, TextView, lambda view, ports: view(ports.session), realms=frozenset(Realm)
)
