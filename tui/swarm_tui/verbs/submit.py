"""Send what a form says, once its plan was read, and go back to where the form was asked for."""

from swarm_tui.operations.model import Outcome
from swarm_tui.verbs import deploy, rotate
from swarm_tui.verbs.confirming import carry_out
from swarm_tui.verbs.model import Verb
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.base import FormBase
from swarm_tui.views.form.rotate_view import RotateView
from swarm_tui.views.form.stack_view import StackFormView
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Context


async def run(ports: Ports) -> None:
    stack = ports.part(StackFormView)
    if stack is not None:
        await deploy.run(ports, stack)
        return
    rotation = ports.part(RotateView)
    if rotation is not None:
        await rotate.send(ports, rotation)
        return
    form = ports.part(FormBase)
    plan = await form.submit() if form is not None else None
    if form is None or plan is None:
        return
    for outcome in await carry_out(ports, plan):
        if not outcome.is_error:
            await _leave(ports, form, outcome)


async def _leave(ports: Ports, form: FormBase, outcome: Outcome) -> None:
    """Back to the list, with the cursor on what was made."""
    form.clear()
    if ports.navigator.view is form:
        await ports.navigator.go_back()
    pane = ports.part(ObjectPane)
    if pane is not None:
        pane.await_object(outcome.id)


VERB = Verb(
    "form.submit",
    ("ctrl+g",),
    "plan",
    "what it comes to, and then to make or change it",
    Context.FORM,
    run,
    rank=2,
    changes=True,
)
