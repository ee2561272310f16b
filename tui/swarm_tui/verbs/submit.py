"""Create the service that was drafted in the form, and go back to where it was asked for."""

from swarm_core.api.proto import objects_pb2

from swarm_tui.operations import create
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.view import FormView
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    form = ports.part(FormView)
    spec = form.submit() if form is not None else None
    if form is None or spec is None:
        return
    for outcome in await carry_out(ports, create.plan(objects_pb2.Service, spec)):
        if outcome.is_error:
            continue
        form.clear()
        if ports.navigator.view is form:
            await ports.navigator.go_back()
        pane = ports.part(ObjectPane)
        if pane is not None:
            pane.await_object(outcome.id)


VERB = Verb(
    "form.submit",
    ("ctrl+g",),
    "create",
    "create the service",
    Context.FORM,
    run,
    rank=2,
    changes=True,
)
