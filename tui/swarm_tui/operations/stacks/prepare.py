"""From a project, or an earlier application, and what the cluster holds to a plan: names, hashes and the new state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.compose.changes import earlier, state
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.plan import StackPlan, plan
from swarm_core.compose.changes.state import State
from swarm_core.compose.convert.names import IMAGE, PayloadNames, Style
from swarm_core.compose.convert.payloads import Check, Content
from swarm_core.compose.convert.stack import Desired, convert
from swarm_core.compose.project import Project
from swarm_core.specs import container
from swarm_core.specs.images import Pinned

from swarm_tui.operations.model import Refused

_SALT_BYTES = 16
_NAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller chooses beyond the files."""

    style: Style = Style.GENERATIONS
    prune: bool = False
    credentials: Callable[[str], str] | None = None
    """Those of an image's registry, to be sent with the services; None to send none."""
    pinned: Callable[[Mapping[str, str]], Mapping[str, Pinned]] | None = None
    """What registries say of images, asked with credentials or with empty ones; None to ask none."""
    pins_unchanged: bool = True
    """Whether registries are asked for images, too, that the files name as when they were deployed last."""
    hashes: dict[bytes, str] = field(default_factory=dict)
    """See PayloadNames."""


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
        choices.hashes,
    )
    desired = convert(project, held.stack, names, content)
    new = _state(project, desired, names, before)
    # After the state was made: it must hold neither.
    _complete(desired, held, choices)
    made = plan(desired, held, new, before, pruned=lambda name: choices.prune)
    return Prepared(desired, made)


def prepare_earlier(held: Held, number: int | None, choices: Choices) -> Prepared:
    """The plan of going back to what was applied with this number, or just before the present. Services that came since go; others that
    nobody applied stay unless `choices` says otherwise. Raises Refused, ComposeError."""
    kept = state.newest_first(held.own(held.configs).values())
    if not kept:
        raise Refused(
            f"stack {held.stack} was never deployed by this program, so nothing is known to go back to"
        )
    now = state.read(kept[0])
    then = _earlier(held.stack, kept[1:], number)
    desired, refusals = earlier.desired_of(then, now, held)
    new = replace(then, number=now.number + 1, salt=now.salt)
    _complete(desired, held, choices)
    made = plan(desired, held, new, now, pruned=lambda name: choices.prune or name in now.services)
    return Prepared(desired, replace(made, refusals=(*refusals, *made.refusals)))


def _earlier(stack: str, kept: Sequence[objects_pb2.Config], number: int | None) -> State:
    if not kept:
        raise Refused(f"stack {stack} was applied once only, so there is nothing to go back to")
    states = {int(config.spec.annotations.labels[state.STATE]): config for config in kept}
    if number is None:
        return state.read(kept[0])
    if number not in states:
        known = ", ".join(map(str, sorted(states)))
        raise Refused(f"there is no application {number} of stack {stack} to go back to; kept are {known}")
    return state.read(states[number])


def _complete(desired: Desired, held: Held, choices: Choices) -> None:
    """Put credentials, digests and platforms into the specs."""
    if choices.credentials is not None:
        for spec in desired.services.values():
            if spec.task.HasField("container"):
                auth = choices.credentials(spec.task.container.image)
                spec.task.container.pull_options.registry_auth = auth
    if choices.pinned is not None:
        _pin(desired, held, choices.pinned, choices.pins_unchanged)


def _pin(
    desired: Desired,
    held: Held,
    pinned: Callable[[Mapping[str, str]], Mapping[str, Pinned]],
    pins_unchanged: bool,
) -> None:
    """Put digests and platforms into the specs. The state does not have them: it says what the files name."""
    specs = [
        spec.task
        for spec in desired.services.values()
        if spec.task.HasField("container") and (pins_unchanged or not _is_named_as_before(spec, held))
    ]
    found = pinned({task.container.image: task.container.pull_options.registry_auth for task in specs})
    for task in specs:
        if task.container.image in found:
            container.pin_image(task, found[task.container.image])


def _is_named_as_before(spec: specs_pb2.ServiceSpec, held: Held) -> bool:
    there = held.services.get(spec.annotations.name)
    return there is not None and there.spec.annotations.labels.get(IMAGE) == spec.annotations.labels[IMAGE]


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
