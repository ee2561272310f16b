"""Give a secret or config another content: its form, the plan, and what goes on from there (docs/design/stacks.md 12.12)."""

from dataclasses import replace
from typing import Final

from swarm_core.client.errors import CallFailed, Unreachable
from swarm_core.specs.errors import SpecError

from swarm_tui.operations.docker.commands import Commands
from swarm_tui.operations.model import Refused
from swarm_tui.operations.stacks.rotation import RotationAsked, foretold
from swarm_tui.resources.model import Link
from swarm_tui.verbs.confirming import confirmed
from swarm_tui.verbs.model import Verb, Work
from swarm_tui.verbs.ports import Ports
from swarm_tui.views.form.rotate_view import RotateView
from swarm_tui.views.view import Context

_NO_DOCKER: Final = Commands(
    why_none="No docker command does this: docker makes the new one and updates each service by hand."
)


def run(ports: Ports) -> Work:
    ref = ports.selection.refs[0]
    return ports.navigator.go(Link(f"rotate-{ref.kind}", ref.kind, ref.id))


async def send(ports: Ports, form: RotateView) -> None:
    """Begin what the form says, once its plan was read."""
    if problem := ports.desk.rotation_under_way:
        ports.desk.say(problem)
        return
    doing = f"rotate {form.noun} {form.name}"
    if form.item is None:
        ports.desk.tell_failure(f"Could not {doing}: it is gone.")
        return
    try:
        data = await form.content()
        if data is None:
            return
        made = await ports.operations.rotation(form.noun, form.item, data)
    except (Refused, SpecError, CallFailed, Unreachable) as error:
        ports.desk.tell_failure(f"Could not {doing}: {error}.")
        return
    except OSError as error:
        ports.desk.tell_failure(f"Could not {doing}: the file cannot be read ({error.strerror}).")
        return
    removes, name, file = form.removes, form.name, form.file
    plan = foretold(made, removes=removes)
    if await confirmed(ports, plan, lambda one: replace(one, docker=_NO_DOCKER)) is None:
        return
    prune = ("--prune",) if removes else ()
    words = (form.noun, "rotate", *prune, name, file) if file else ()
    if ports.navigator.view is form:
        await ports.navigator.go_back()
    ports.desk.begin_rotation(RotationAsked(made, removes, words))


VERB = Verb(
    "list.rotate",
    ("Z",),
    "rotate",
    "give a secret or config another content; its services get it one after the other, each once the one before runs well",
    Context.LIST,
    run,
    is_on_objects=True,
    rank=22,
    changes=True,
)
