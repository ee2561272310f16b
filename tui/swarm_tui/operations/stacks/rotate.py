"""A secret or config of a stack with another content: a new generation, and every service re-pointed to it in one plan."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import process_spec, set_process
from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes import binding, state
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.state import State
from swarm_core.compose.convert.names import GENERATION, Namespace, PayloadNames, Style

from swarm_tui.operations.model import (
    Change,
    Create,
    Done,
    Edit,
    Outcome,
    Plan,
    Refused,
    Step,
    apply,
    apply_together,
)

_DIGITS_BYTES: Final = 8


def generations(held: Held, noun: str, short: str) -> list[Any]:
    """The secrets or configs that the files call `short`, the newest first. Raises Refused where there is none."""
    items: dict[str, Any] = held.own(held.secrets if noun == "secret" else held.configs)
    scoped = Namespace(held.stack).scoped(short)
    found = [
        item
        for name, item in items.items()
        if item.spec.annotations.labels.get(GENERATION) == short or name in (scoped, short)
    ]
    if not found:
        raise Refused(f"stack {held.stack} has no {noun} {short}")
    return sorted(found, key=lambda item: -item.meta.created_at.ToNanoseconds())


@dataclass(frozen=True, slots=True)
class _Next:
    """The next generation: what is made, of what, by which names."""

    before: State | None
    old: list[Any]
    names: PayloadNames
    create: Step
    spec: Any


def _next(
    held: Held, noun: str, short: str, data: bytes, random_bytes: Callable[[int], bytes], *, is_random: bool
) -> _Next:
    """Raises Refused where nothing would change."""
    before = state.last(held.own(held.configs).values())
    old = generations(held, noun, short)
    space = Namespace(held.stack)
    salt = before.salt if before is not None else random_bytes(16)
    style = Style.RANDOM if is_random and noun == "secret" else Style.GENERATIONS
    names = PayloadNames(style, salt, {}, lambda: random_bytes(_DIGITS_BYTES).hex())
    spec = type(old[0].spec)()
    spec.CopyFrom(old[0].spec)
    spec.data = data
    spec.annotations.name = names.name(noun, space.scoped(short), spec)
    spec.annotations.labels.update(space.labels({GENERATION: short}))
    there = held.secrets if noun == "secret" else held.configs
    if spec.annotations.name in there:
        raise Refused(f"{noun} {short} has this content already, as {spec.annotations.name}")
    create = Step(
        spec.annotations.name,
        f"create {noun} {spec.annotations.name}",
        Create(type(old[0]), spec),
        Done(f"Creating {noun} {spec.annotations.name}"),
    )
    return _Next(before, old, names, create, spec)


def _users(held: Held, noun: str, ids: set[str]) -> list[Any]:
    return [one for one in held.services.values() if ids & _ids(one.spec, noun)]


def foretold(
    held: Held,
    noun: str,
    short: str,
    data: bytes,
    random_bytes: Callable[[int], bytes],
    *,
    is_random: bool = False,
) -> Plan:
    """What a rotation would do: the new object, and every service that would use it. Raises Refused where nothing would change."""
    made = _next(held, noun, short, data, random_bytes, is_random=is_random)
    ids = {item.id for item in made.old}
    name = made.spec.annotations.name
    steps = (_repoint(one, noun, ids, name, name) for one in _users(held, noun, ids))
    return Plan(f"Rotate {noun} {short} of stack {held.stack}", (made.create, *steps))


async def rotate(
    cluster: Cluster,
    held: Held,
    noun: str,
    short: str,
    data: bytes,
    random_bytes: Callable[[int], bytes],
    *,
    is_random: bool = False,
) -> list[Outcome]:
    """Give the secret or config another content; what became of each object. Raises Refused where nothing would change."""
    made = _next(held, noun, short, data, random_bytes, is_random=is_random)
    before, old, names, spec = made.before, made.old, made.names, made.spec
    (created,) = [one async for one in apply(Plan("", (made.create,)), cluster.control)]
    if created.is_error:
        return [created]
    ids = {item.id for item in old}
    users = _users(held, noun, ids)
    steps = tuple(_repoint(one, noun, ids, created.id, spec.annotations.name) for one in users)
    outcomes = [created, *await apply_together(Plan("", steps), cluster.control)]
    is_told = _is_fixed(old[0]) or names.style is Style.RANDOM
    new = _state(
        before, noun, short, spec, names, {item.spec.annotations.name for item in old}, is_told=is_told
    )
    if new is not None:
        keep = new.spec(Namespace(held.stack))
        done = Done(f"Creating config {keep.annotations.name}")
        step = Step(
            keep.annotations.name,
            f"create config {keep.annotations.name}",
            Create(objects_pb2.Config, keep),
            done,
        )
        outcomes += await apply_together(Plan("", (step,)), cluster.control)
    return outcomes


def _ids(spec: specs_pb2.ServiceSpec, noun: str) -> set[str]:
    return {getattr(one, f"{noun}_id") for one in getattr(binding.body_of(spec), f"{noun}s")}


def _repoint(service: objects_pb2.Service, noun: str, old: set[str], new: str, name: str) -> Step:
    done = Done(f"Updating service {service.spec.annotations.name} (id: {service.id})")

    def edit(spec: specs_pb2.ServiceSpec) -> Done:
        body = binding.body_of(spec)
        for reference in getattr(body, f"{noun}s"):
            if getattr(reference, f"{noun}_id") in old:
                setattr(reference, f"{noun}_id", new)
                setattr(reference, f"{noun}_name", name)
        if process_spec(spec.task) is not None:
            set_process(spec.task, body)  # type: ignore[arg-type]
        return done

    named: Edit = edit
    shown = service.spec.annotations.name
    return Step(shown, f"update service {shown}", Change(objects_pb2.Service, service.id, named), done)


def _is_fixed(item: Any) -> bool:
    """Whether the name was given by a file or by docker, so that the next deploy has to be told of the new one."""
    return GENERATION not in item.spec.annotations.labels


def _repointed(text: str, noun: str, old: set[str], name: str) -> str:
    """The spec of the state with the new name in place of those before."""
    spec = specs_pb2.ServiceSpec.FromString(base64.b64decode(text))
    body = binding.body_of(spec)
    for reference in getattr(body, f"{noun}s"):
        if getattr(reference, f"{noun}_name") in old:
            setattr(reference, f"{noun}_name", name)
    if process_spec(spec.task) is not None:
        set_process(spec.task, body)  # type: ignore[arg-type]
    return state.spec_text(spec)


def _state(
    before: State | None,
    noun: str,
    short: str,
    spec: Any,
    names: PayloadNames,
    old: set[str],
    *,
    is_told: bool,
) -> State | None:
    """The state after the rotation; None for a stack whose files this program never saw. With `is_told` the next deploy takes the
    new name from here."""
    if before is None:
        return None
    key = f"{noun} {short}"
    renamed = {**before.names, key: spec.annotations.name} if is_told or key in before.names else before.names
    services = {
        shown: _repointed(text, noun, old, spec.annotations.name) for shown, text in before.services.items()
    }
    secrets = {shown: digest for shown, digest in before.secrets.items() if shown not in old}
    if noun == "secret" and names.style is not Style.RANDOM:
        secrets[spec.annotations.name] = names.digest(spec)
    return State(before.number + 1, before.salt, before.document, secrets, renamed, services)
