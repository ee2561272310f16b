"""A text about one object, kept up to date while it is read."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from swarm_tui.clusters.session import Session
from swarm_tui.resources.model import ResourceKind
from swarm_tui.views.actions import Context, bindings
from swarm_tui.views.detail.pages import describe_lines, yaml_lines
from swarm_tui.widgets.lines import LinesView, TextLines
from swarm_tui.widgets.paint import Spans, title

DESCRIBE: Final = "describe"
YAML: Final = "yaml"


class TextView(Vertical):
    """Shows the description or the YAML of an object by id; what is gone stays readable and is marked as gone."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Context.TEXT)]

    def __init__(self, session: Session) -> None:
        super().__init__(id="text")
        self._session = session
        self._kind: ResourceKind[Any] | None = None
        self._object_id = ""
        self._mode = DESCRIBE
        self._lines: Sequence[Spans] = ()
        self._search = ""
        self._text = TextLines()
        self._text.add_class("pane")

    def compose(self) -> ComposeResult:
        yield self._text

    @property
    def lines(self) -> LinesView:
        """The widget that holds the text."""
        return self._text

    @property
    def plain_text(self) -> str:
        """The whole text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines)

    def show(self, kind: ResourceKind[Any], object_id: str, mode: str) -> None:
        """Show another object or another text about it."""
        self._kind, self._object_id, self._mode, self._search = kind, object_id, mode, ""
        self._lines = ()
        self._text.search("")
        item = self._item()
        if item is not None:
            self._lines = self._make(item)
        self._text.show(self._lines)
        self._describe_border()

    def refresh_text(self) -> None:
        """The object, or the time, may have changed."""
        item = self._item()
        if item is not None:
            lines = self._make(item)
            if lines != self._lines:
                self._lines = lines
                self._text.show(lines, keep_place=True)
        self._describe_border()

    def is_about(self, kind: ResourceKind[Any], object_id: str) -> bool:
        """Whether this object is shown."""
        return self._kind is kind and self._object_id == object_id

    def _item(self) -> Any:
        return None if self._kind is None else self._session.mirror.get(self._kind.message, self._object_id)

    def _make(self, item: Any) -> Sequence[Spans]:
        assert self._kind is not None
        if self._mode == YAML:
            return yaml_lines(item)
        return describe_lines(self._kind, item, self._session.mirror, self._session.now_ns)

    def _describe_border(self) -> None:
        item = self._item()
        name = self._object_id
        if item is not None and self._kind is not None:
            name = self._kind.name(item, self._session.mirror)
        noun = self._kind.noun if self._kind is not None else ""
        self._text.border_title = title(f"{noun} {name} · {self._mode}")
        self._text.border_subtitle = title(
            " · ".join(filter(None, ["" if item is not None else "✖ removed", self._search]))
        )

    def on_lines_view_search_changed(self, event: LinesView.SearchChanged) -> None:
        self._search = f"/{event.needle} {event.position} of {event.count}" if event.needle else ""
        self._describe_border()
