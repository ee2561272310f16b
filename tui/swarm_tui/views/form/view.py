"""The view in which a service is made."""

from typing import ClassVar

from swarm_core.api.proto import objects_pb2
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from swarm_tui.clusters.session import Session
from swarm_tui.dialogs.service_form import ServiceForm
from swarm_tui.views.actions import Context, bindings


class FormView(Vertical):
    """The service form with the keys of forms, fed from the mirror."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Context.FORM)]

    def __init__(self, session: Session) -> None:
        super().__init__(id="form")
        mirror = session.mirror
        self.form = ServiceForm(
            names=lambda: [item.spec.annotations.name for item in mirror.objects(objects_pb2.Service)],
            nodes=lambda: list(mirror.objects(objects_pb2.Node)),
            tasks=lambda: list(mirror.objects(objects_pb2.Task)),
        )

    def compose(self) -> ComposeResult:
        yield self.form
