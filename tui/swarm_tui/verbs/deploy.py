"""Deploy the stack of a form, once its plan was read (docs/design/terminal.md 11.27)."""

import os

from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.compose.reading.errors import ComposeError

from swarm_tui.clusters.allowance import Level
from swarm_tui.operations.stacks import asked
from swarm_tui.operations.stacks.foretold import foretold
from swarm_tui.verbs.confirming import confirmed
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.stack_view import StackFormView
from swarm_tui.views.lists.pane import ObjectPane


async def run(ports: Ports, form: StackFormView) -> None:
    if problem := ports.desk.deploy_under_way:
        ports.desk.say(problem)
        return
    if not await form.is_ready():
        return
    draft, text = form.draft, form.draft.text
    is_highest = ports.operations.allowance.level >= Level.IMPACT
    try:
        held = await ports.operations.held(draft.name)
        deployment = asked.deployment(draft, held, os.urandom, is_highest=is_highest)
    except (CallFailed, Unreachable, ComposeError) as error:
        ports.desk.tell_failure(f"Could not deploy stack {draft.name}: {error}.")
        return
    plan = foretold(deployment.prepared, held)
    for refusal in plan.refusals:
        ports.desk.tell_failure(refusal)
    if plan.refusals:
        return
    description = await confirmed(ports, plan, lambda one: asked.told(one, deployment, draft))
    if description is None:
        return
    ports.desk.begin_deploy(deployment, lambda: form.forget(text))
    if ports.navigator.view is form:
        await ports.navigator.go_back()
    pane = ports.part(ObjectPane)
    if pane is not None:
        pane.await_object(deployment.stack)
