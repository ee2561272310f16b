"""A secret or config of a stack with another content: a new generation, named as the next deploy of the files expects it."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import process_spec, set_process
from swarm_core.compose.changes import binding, state
from swarm_core.compose.changes.held import Held
from swarm_core.compose.changes.state import State
from swarm_core.compose.convert.names import GENERATION, Namespace, PayloadNames, Style

from swarm_tui.operations.model import Refused, Step
from swarm_tui.operations.stacks.look import Reached, look
from swarm_tui.operations.stacks.rotation import Rotation, creation, single, stack_and_short, users_of

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
    return _Next(before, old, names, creation(type(old[0]), noun, spec), spec)


def rotation_of(
    held: Held,
    noun: str,
    short: str,
    data: bytes,
    random_bytes: Callable[[int], bytes],
    *,
    is_random: bool = False,
) -> Rotation:
    """The rotation of what the files of a stack call `short`. Raises Refused where nothing would change."""
    made = _next(held, noun, short, data, random_bytes, is_random=is_random)
    before, old, names, spec = made.before, made.old, made.names, made.spec
    users = users_of(held, noun, {item.id for item in old})

    def keep() -> Step | None:
        is_told = _is_fixed(old[0]) or names.style is Style.RANDOM
        replaced = {item.spec.annotations.name for item in old}
        new = _state(before, noun, short, spec, names, replaced, is_told=is_told)
        if new is None:
            return None
        return creation(objects_pb2.Config, "config", new.spec(Namespace(held.stack)))

    return Rotation(noun, f"{short} of stack {held.stack}", tuple(old), made.create, users, keep)


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


async def rotation_for(
    cluster: Reached, noun: str, item: Any, data: bytes, random_bytes: Callable[[int], bytes]
) -> Rotation:
    """The rotation of an object, whether it belongs to a stack or stands alone, for the cluster as it is now. Raises Refused and SpecError where
    there is none, CallFailed and Unreachable."""
    owner = stack_and_short(item)
    held = await look(cluster, owner[0] if owner is not None else "")
    if owner is not None:
        return rotation_of(held, noun, owner[1], data, random_bytes)
    there = held.secrets if noun == "secret" else held.configs
    return single(item, noun, data, there, held.services.values())
