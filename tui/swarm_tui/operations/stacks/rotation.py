"""A secret or config that gets another content: a new object, and each service that uses the old one pointed to it (docs/design/stacks.md 12.12).

A content cannot be changed in place, so a rotation makes an object with another name. What belongs to a stack is named as its next deploy expects it
(`rotate`); what stands alone gets the next number behind its name.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from swarm_core.api.names import STACK_LABEL
from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.api.runtimes import process_spec, set_process
from swarm_core.compose.changes import binding
from swarm_core.compose.changes.held import Held
from swarm_core.compose.convert.names import GENERATION, Namespace
from swarm_core.specs import payload

from swarm_tui.operations.model import Change, Create, Done, Edit, Plan, Refused, Remove, Step

SECRET, CONFIG = "secret", "config"
_NAME_MAX: Final = 64
_NUMBERED: Final = re.compile(r"(?P<base>.+?)-(?P<number>[2-9]|[1-9]\d+)")
Keep = Callable[[], Step | None]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What is made, of what, and who is pointed to it."""

    noun: str
    shown: str
    """What people call the object."""
    old: tuple[Any, ...]
    create: Step
    users: tuple[objects_pb2.Service, ...]
    """In the order in which they are pointed to the new object."""
    keep: Keep = lambda: None
    """What is written down afterwards, so that the next deploy of a stack knows of it."""

    @property
    def title(self) -> str:
        return f"Rotate {self.noun} {self.shown}"

    @property
    def name(self) -> str:
        """Of the new object."""
        return self.create.name

    @property
    def ids(self) -> frozenset[str]:
        """Those of the old objects."""
        return frozenset(item.id for item in self.old)

    def repoint(self, service: objects_pb2.Service, new_id: str) -> Step:
        """The step that points one service to the new object."""
        return repoint(service, self.noun, self.ids, new_id, self.name)

    def removals(self, services: Iterable[objects_pb2.Service]) -> list[Step]:
        """The steps that remove the old objects, but for those that one of these services uses."""
        used = {id_ for one in services for id_ in used_ids(one.spec, self.noun)}
        return [_removal(item, self.noun) for item in self.old if item.id not in used]


@dataclass(frozen=True, slots=True)
class RotationAsked:
    """A rotation that a person asked for in the dashboard; `words` are those of our own command that does the same, without any it is done by
    hand."""

    made: Rotation
    removes: bool
    words: tuple[str, ...] = ()


def foretold(made: Rotation, *, removes: bool) -> Plan:
    """What a rotation would do: the new object, every service that would use it, and what goes then."""
    pointed = tuple(made.repoint(one, made.name) for one in made.users)
    gone = tuple(_removal(item, made.noun) for item in made.old) if removes else ()
    names = ", ".join(item.spec.annotations.name for item in made.old)
    notes = [
        f"{len(made.users)} services get it one after the other; each has to run well before the next is touched."
        if len(made.users) > 1
        else "It ends once the service runs well."
        if made.users
        else f"No service uses {names}."
    ]
    if removes:
        notes.append(f"{names} goes once no service uses it.")
    else:
        notes.append(f"{names} stays, so that it can be taken back.")
    warnings = (
        ("A service cannot be rolled back to a spec that uses what was removed.",)
        if removes and made.users
        else ()
    )
    return Plan(made.title, (made.create, *pointed, *gone), warnings, notes=tuple(notes))


def single(
    item: Any, noun: str, data: bytes, taken: Collection[str], services: Iterable[objects_pb2.Service]
) -> Rotation:
    """The rotation of an object that belongs to no stack; `taken` are the names of all of its kind. Raises Refused, SpecError."""
    name = item.spec.annotations.name
    if noun == SECRET and item.spec.driver.name:
        raise Refused(f"its content comes from the driver {item.spec.driver.name}")
    if noun == CONFIG and item.spec.data == data:
        raise Refused("it has this content already")
    spec = type(item.spec)()
    spec.CopyFrom(item.spec)
    spec.data = data
    spec.annotations.name = next_name(name, taken)
    payload.check(spec)
    create = creation(type(item), noun, spec)
    users = sorted(
        (one for one in services if item.id in used_ids(one.spec, noun)),
        key=lambda one: one.spec.annotations.name,
    )
    return Rotation(noun, name, (item,), create, tuple(users))


def stack_and_short(item: Any) -> tuple[str, str] | None:
    """The stack that an object belongs to and what its files call it; None for what stands alone."""
    labels = item.spec.annotations.labels
    stack = labels.get(STACK_LABEL, "")
    if not stack:
        return None
    return stack, labels.get(GENERATION) or Namespace(stack).descoped(item.spec.annotations.name)


def next_name(name: str, taken: Collection[str]) -> str:
    """The name with the next number that is free: key, key-2, key-3."""
    found = _NUMBERED.fullmatch(name)
    base, number = (found["base"], int(found["number"])) if found is not None else (name, 1)
    while True:
        number += 1
        end = f"-{number}"
        wanted = base[: _NAME_MAX - len(end)] + end
        if wanted not in taken:
            return wanted


def creation(kind: Any, noun: str, spec: Any) -> Step:
    """The step that makes the new object."""
    name = spec.annotations.name
    return Step(name, f"create {noun} {name}", Create(kind, spec), Done(f"Creating {noun} {name}"))


def _removal(item: Any, noun: str) -> Step:
    name = item.spec.annotations.name
    return Step(
        name,
        f"remove {noun} {name}",
        Remove(type(item), item.id),
        Done(f"Removing {noun} {name}"),
        ("removed",),
    )


def used_ids(spec: specs_pb2.ServiceSpec, noun: str) -> set[str]:
    """Ids of the secrets or configs that a service uses."""
    return {getattr(one, f"{noun}_id") for one in getattr(binding.body_of(spec), f"{noun}s")}


def users_of(held: Held, noun: str, ids: Collection[str]) -> tuple[objects_pb2.Service, ...]:
    """The services that use one of these, by name."""
    found = (one for _, one in sorted(held.services.items()))
    return tuple(one for one in found if used_ids(one.spec, noun) & set(ids))


def repoint(service: objects_pb2.Service, noun: str, old: Collection[str], new: str, name: str) -> Step:
    """The step that puts another secret or config in place of the old ones."""
    shown = service.spec.annotations.name
    done = Done(f"Updating service {shown} (id: {service.id})")

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
    return Step(
        shown,
        f"update service {shown}",
        Change(objects_pb2.Service, service.id, named),
        done,
        (f"{noun} {name}",),
    )
