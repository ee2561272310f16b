"""Why a service or a task is not as it is wanted, and what would mend it (docs/design/plans.md 13.4).

Every node is asked, which takes time in a large cluster: that is done beside the screen, once when one arrives, and again after
something changed, no more often than every second, and for no more than a part of the time.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from swarm_core.api.proto import objects_pb2
from textual import on
from textual.app import ComposeResult
from textual.message import Message

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.clusters.still import Still
from swarm_tui.operations.fixes import Fix, fixes
from swarm_tui.resources import registry, services
from swarm_tui.resources.model import ClusterView
from swarm_tui.resources.refs import ObjectRef
from swarm_tui.resources.why import services as why_service
from swarm_tui.resources.why import tasks as why_task
from swarm_tui.resources.why.explanation import Explanation
from swarm_tui.views.lines_view import LinesPage
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, ViewKind
from swarm_tui.views.why.lines import why_lines
from swarm_tui.widgets.lines import TextLines
from swarm_tui.widgets.paint import Spans

NAME: Final = "why"
_NARROWEST: Final = 20
_REST: Final = 6
"""How much longer than the work is the time from its beginning to the next."""
Service = objects_pb2.Service
Task = objects_pb2.Task


def explained(noun: str, id_: str, view: ClusterView, now_ns: int) -> tuple[Explanation, list[Fix]] | None:
    """What there is to say of a service or a task; None where it is gone."""
    if noun == services.KIND.noun:
        service = view.get(Service, id_)
        if service is None:
            return None
        found = why_service.explain(service, view, now_ns)
        return found, fixes(service, found, view)
    task = view.get(Task, id_)
    if task is None:
        return None
    found = why_task.explain(task, view, now_ns)
    owner = view.get(Service, task.service_id)
    return found, fixes(owner, found, view) if owner is not None else []


class _Page(TextLines):
    """Tells its view of every width that it is given: the view's own size is known before this one's."""

    class Resized(Message):
        """It has room for other lines."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class WhyView(LinesPage):
    """See the module's text."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=NAME)
        self._session = session
        self._noun = self._object_id = ""
        self._shown: Sequence[Spans] = ()
        self._is_old = self._is_asking = self._is_gone = False
        self._found: Explanation | None = None
        self._due_s = 0.0
        self.fixes: tuple[Fix, ...] = ()
        self._text = _Page()
        self._text.add_class("pane")

    def compose(self) -> ComposeResult:
        yield self._text

    @property
    def lines(self) -> TextLines:
        return self._text

    @property
    def title(self) -> str:
        return f"why-{self._subject}"

    @property
    def _subject(self) -> str:
        kind = registry.by_noun(self._noun)
        item: Any = self._session.mirror.get(kind.message, self._object_id)
        return self._object_id if item is None else kind.name(item, self._session.mirror)

    @property
    def selected_kind(self) -> str:
        return self._noun

    @property
    def selected(self) -> tuple[ObjectRef, ...]:
        mirror, kind = self._session.mirror, registry.by_noun(self._noun)
        return (ObjectRef(mirror.home(kind.message, self._object_id).cluster, self._noun, self._object_id),)

    def arrive(self, place: Place) -> None:
        self._noun, self._object_id, self.search_text = place.kind, place.id, ""
        self._shown, self.fixes, self._found, self._is_gone = (), (), None, False
        self._text.search("")
        self._text.show([[(" asking every node …", "muted")]])
        self.describe_border()
        self._text.focus()
        self._ask()

    def leave(self) -> None:
        self.workers.cancel_node(self)
        self._is_asking = False

    def apply(self, changes: Changes) -> None:
        self._is_old = True

    def tick(self) -> None:
        is_due = self._session.clock.monotonic() >= self._due_s
        if self.display and self._is_old and is_due and not self._is_asking:
            self._ask()

    def _ask(self) -> None:
        self._is_old, self._is_asking = False, True
        self.run_worker(self._answer(self._noun, self._object_id), exclusive=True, group=NAME)

    async def _answer(self, noun: str, id_: str) -> None:
        now_ns, began_s = self._session.now_ns, self._session.clock.monotonic()
        found = await asyncio.to_thread(explained, noun, id_, Still(self._session.mirror), now_ns)
        took_s = self._session.clock.monotonic() - began_s
        self._due_s, self._is_asking = began_s + took_s * _REST, False
        if (noun, id_) != (self._noun, self._object_id):
            return
        self._is_gone = found is None
        if found is not None:
            self._found, self.fixes = found[0], tuple(found[1])
            self._show()
        self.describe_border()
        self.post_message(self.KeysChanged())

    @on(_Page.Resized)
    def _make_anew(self) -> None:
        self._show()

    def _show(self) -> None:
        if self._found is None or not (width := self._text.content_size.width):
            return
        lines = why_lines(self._found, self.fixes, max(width, _NARROWEST))
        if lines != self._shown:
            self._text.show(lines, keep_place=bool(self._shown))
            self._shown = lines

    def describe_border(self) -> None:
        right = " · ".join(filter(None, ["✖ removed" if self._is_gone else "", self.search_text]))
        self._text.label(f"why {self._noun} {self._subject}" if self._noun else NAME, right)


VIEW: Final = ViewKind(NAME, Context.TEXT, WhyView, lambda view, ports: view(ports.session))
