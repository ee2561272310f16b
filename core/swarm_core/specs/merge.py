"""What one person changed of a spec, laid over what the spec is by now.

Between the spec that somebody began with and the one that they made of it lies what they changed; that alone is carried over. A field
that was changed by somebody else meanwhile, to something else, is a conflict: it is named, and nothing is decided about it here.

A list is one value. A map is as many values as it has keys. A process is looked into, though the wire holds it as bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from swarm_core.api.proto import process_pb2, specs_pb2
from swarm_core.api.runtimes import process_spec, set_process

_LEAVES: Final = ("google.protobuf.", "docker.swarmkit.v1.GenericRuntimeSpec")
"""Messages that are one value."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The spec with the changes, and the names of the fields that two people changed differently."""

    spec: specs_pb2.ServiceSpec
    conflicts: tuple[str, ...]


class _Three(NamedTuple):
    """A message, or a part of one, as it is now, as it was when the change began, and as it is wanted."""

    current: Any
    base: Any
    wanted: Any

    def each(self, form: Callable[[Any], Any]) -> "_Three":
        return _Three(*map(form, self))

    def part(self, name: str) -> "_Three":
        return self.each(lambda message: getattr(message, name))


def merged(
    current: specs_pb2.ServiceSpec, base: specs_pb2.ServiceSpec, wanted: specs_pb2.ServiceSpec
) -> Merged:
    """`current` with what became different between `base` and `wanted`. Where there is a conflict, what is wanted stands."""
    out = specs_pb2.ServiceSpec()
    out.CopyFrom(current)
    conflicts: list[str] = []
    specs = _Three(current, base, wanted)
    processes = specs.each(lambda spec: process_spec(spec.task))
    if None in processes:
        _merge(out, specs, conflicts)
    else:
        _merge(out, specs.each(_without_process), conflicts)
        process = process_pb2.ProcessSpec()
        process.CopyFrom(processes.current)
        _merge(process, processes, conflicts)
        set_process(out.task, process)
    return Merged(out, tuple(dict.fromkeys(conflicts)))


def _without_process(spec: specs_pb2.ServiceSpec) -> specs_pb2.ServiceSpec:
    found = specs_pb2.ServiceSpec()
    found.CopyFrom(spec)
    found.task.ClearField("generic")
    return found


def _merge(out: Any, three: _Three, conflicts: list[str]) -> None:
    for field in out.DESCRIPTOR.fields:
        is_leaf = field.message_type is None or field.message_type.full_name.startswith(_LEAVES)
        if not is_leaf and field.is_repeated and field.message_type.GetOptions().map_entry:
            _map(getattr(out, field.name), three.part(field.name), field.name, conflicts)
        elif is_leaf or field.is_repeated:
            _value(out, three, field, conflicts)
        else:
            _part(out, three, field.name, conflicts)


def _part(out: Any, three: _Three, name: str, conflicts: list[str]) -> None:
    """A message within: whether it is there, and what is in it."""
    is_now, was, is_wanted = three.each(lambda message: message.HasField(name))
    part = three.part(name)
    if was and not is_wanted:
        if is_now and part.current != part.base:
            conflicts.append(_word(name))
        out.ClearField(name)
    elif is_wanted and not (was and part.base == part.wanted):
        getattr(out, name).SetInParent()
        _merge(getattr(out, name), part, conflicts)


def _value(out: Any, three: _Three, field: Any, conflicts: list[str]) -> None:
    now, before, new = three.each(lambda message: _read(message, field))
    if new == before:
        return
    if now not in (before, new):
        conflicts.append(_word(field.name))
    out.ClearField(field.name)
    if field.is_repeated:
        getattr(out, field.name).extend(new)
    elif new is not None and field.message_type is not None:
        getattr(out, field.name).CopyFrom(new)
    elif new is not None:
        setattr(out, field.name, new)


def _read(message: Any, field: Any) -> Any:
    """The value; None for one that is not there."""
    if field.is_repeated:
        return list(getattr(message, field.name))
    if field.has_presence and not message.HasField(field.name):
        return None
    return getattr(message, field.name)


def _map(out: Any, three: _Three, name: str, conflicts: list[str]) -> None:
    for key in sorted({*three.base, *three.wanted}):
        now, before, new = three.each(lambda entries, key=key: entries.get(key))  # type: ignore[misc]
        if new == before:
            continue
        if now not in (before, new):
            conflicts.append(f"{_word(name)} {key}")
        if new is None:
            out.pop(key, None)
        else:
            out[key] = new


def _word(name: str) -> str:
    return name.replace("_", " ")
