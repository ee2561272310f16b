"""The view in which a service is made."""

from typing import Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from textual.app import ComposeResult

from swarm_tui.clusters.changes import Changes
from swarm_tui.clusters.session import Session
from swarm_tui.dialogs.service_form import ServiceForm
from swarm_tui.views.place import Place
from swarm_tui.views.view import Context, View, ViewKind

NAME: Final = "form"


class FormView(View):
    """The service form, fed from the mirror."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=NAME)
        mirror = session.mirror
        self._form = ServiceForm(
            names=lambda: [item.spec.annotations.name for item in mirror.objects(objects_pb2.Service)],
            nodes=lambda: list(mirror.objects(objects_pb2.Node)),
            tasks=lambda: list(mirror.objects(objects_pb2.Task)),
        )

    def compose(self) -> ComposeResult:
        yield self._form

    def arrive(self, place: Place) -> None:
        self._form.start()

    def apply(self, changes: Changes) -> None:
        if self.display:
            self._form.judge_again()

    def submit(self) -> specs_pb2.ServiceSpec | None:
        """The spec that was drafted; None when something is wrong with it, which the form then shows."""
        return self._form.submit()

    def clear(self) -> None:
        """Forget the draft: its service exists."""
        self._form.clear()


VIEW: Final = ViewKind(NAME, Context.FORM, FormView, lambda view, ports: view(ports.session))
