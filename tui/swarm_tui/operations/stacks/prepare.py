"""From a project and what the cluster holds to a plan: names, hashes and the new state."""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_core.compose.changes import state
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import StackPlan, plan
from swarm_core.compose.changes.state import State
from swarm_core.compose.convert.names import PayloadNames, Style
from swarm_core.compose.convert.payloads import Check, Content
from swarm_core.compose.convert.stack import Desired, convert
from swarm_core.compose.project import Project

_SALT_BYTES = 16
_NAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller chooses beyond the files."""

    style: Style = Style.GENERATIONS
    prune: bool = False
    credentials: Callable[[str], str] | None = None
    """Those of an image's registry, to be sent with the services; None to send none."""


@dataclass(frozen=True, slots=True)
class Prepared:
    desired: Desired
    plan: StackPlan


def prepare(
    project: Project, held: Held, content: Content, choices: Choices, secret_bytes: Callable[[int], bytes]
) -> Prepared:
    """The plan of deploying a project as the stack that `held` was looked up for. `secret_bytes` gives bytes nobody can guess.
    Raises ComposeError."""
    before = state.last(held.own(held.configs).values())
    names = PayloadNames(
        choices.style,
        before.salt if before is not None else secret_bytes(_SALT_BYTES),
        before.names if before is not None else {},
        lambda: secret_bytes(_NAME_BYTES).hex(),
    )
    desired = convert(project, held.stack, names, content)
    new = _state(project, desired, names, before)
    if choices.credentials is not None:
        # After the state was made: it must not hold them.
        for spec in desired.services.values():
            if spec.task.HasField("container"):
                auth = choices.credentials(spec.task.container.image)
                spec.task.container.pull_options.registry_auth = auth
    return Prepared(desired, plan(desired, held, new, before, prune=choices.prune))


def _state(project: Project, desired: Desired, names: PayloadNames, before: State | None) -> State:
    kept = {
        owned.name: names.digest(owned.spec)
        for owned in desired.secrets.owned.values()
        if owned.check is not Check.NONE and not owned.spec.HasField("driver")
    }
    made_up = {
        f"secret {owned.short}": owned.name
        for owned in desired.secrets.owned.values()
        if owned.check is Check.NONE
    }
    rotated = {key: name for key, name in names.rotated.items() if _is_defined(key, desired)}
    number = before.number + 1 if before is not None else 1
    specs = {spec.annotations.name: state.spec_text(spec) for spec in desired.services.values()}
    return State(number, names.salt, project.plain, kept, {**rotated, **made_up}, specs)


def _is_defined(key: str, desired: Desired) -> bool:
    noun, _, short = key.partition(" ")
    return short in (desired.secrets if noun == "secret" else desired.configs).owned
