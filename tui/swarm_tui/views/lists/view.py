"""One kind of object over the whole screen."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from swarm_tui.clusters.session import Session
from swarm_tui.resources.model import ResourceKind
from swarm_tui.views.actions import Context, bindings
from swarm_tui.views.lists.pane import ObjectPane


class ListView(Vertical):
    """A single ObjectPane with the verbs of lists."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Context.LIST)]

    def __init__(self, session: Session, kind: ResourceKind[Any]) -> None:
        super().__init__(id=f"{kind.noun}s")
        self.pane = ObjectPane(session, kind, id=f"list-{kind.noun}s")

    def compose(self) -> ComposeResult:
        yield self.pane
