"""Two specs compared, field by field, in words: what a manager fills in counts as equal (docs/design/stacks.md 12.8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from swarm_core.api.proto import process_pb2, specs_pb2
from swarm_core.api.runtimes import process_spec
from swarm_core.specs.defaults import with_defaults

_NOTHING: Final = "nothing"
_TEXT_MAX: Final = 60
_KEYS: Final = ("target", "secret_name", "config_name", "name", "target_port")
"""What tells items of a list from one another, the first of these that an item has."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, old and new, as people read them."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old} → {self.new}"


def comparable(spec: specs_pb2.ServiceSpec, network_names: Mapping[str, str]) -> specs_pb2.ServiceSpec:
    """A copy in which everything that means the same is the same: defaults filled in, names instead of ids, what is empty left out."""
    found = specs_pb2.ServiceSpec()
    found.CopyFrom(spec)
    with_defaults(found)
    for attachment in found.task.networks:
        attachment.target = network_names.get(attachment.target, attachment.target)
    if found.task.HasField("container"):
        _without_ids(found.task.container)
        credentials = found.task.container.privileges.credential_spec
        if credentials.WhichOneof("source") == "config":
            credentials.config = ""
        found.task.container.ClearField("pull_options")
    _prune(found)
    return found


def _without_ids(body: specs_pb2.ContainerSpec | process_pb2.ProcessSpec) -> None:
    for secret in body.secrets:
        secret.secret_id = ""
    for config in body.configs:
        config.config_id = ""


def _prune(message: Message) -> None:
    """Leave out messages without content. Wrappers and members of a choice say something by being there."""
    for field, value in message.ListFields():
        if field.message_type is None or _is_map(field):
            continue
        if _is_repeated(field):
            for item in value:
                _prune(item)
            continue
        _prune(value)
        says_something = field.containing_oneof is not None or field.message_type.full_name.endswith("Value")
        if not says_something and not value.ByteSize():
            message.ClearField(field.name)


def services(
    old: specs_pb2.ServiceSpec, new: specs_pb2.ServiceSpec, network_names: Mapping[str, str]
) -> tuple[Difference, ...]:
    """What becomes different from one spec to another, in the order of the fields."""
    one, other = comparable(old, network_names), comparable(new, network_names)
    found: list[Difference] = []
    processes = process_spec(one.task), process_spec(other.task)
    if processes[0] is not None and processes[1] is not None:
        for process in processes:
            assert process is not None
            _without_ids(process)
            _prune(process)
        found += messages(processes[0], processes[1], "process")
        one.task.generic.payload.Clear()
        other.task.generic.payload.Clear()
    return (*found, *messages(one, other))


def messages(old: Message, new: Message, path: str = "") -> list[Difference]:
    """What becomes different from one message to another of its type."""
    found: list[Difference] = []
    for field in old.DESCRIPTOR.fields:
        name = f"{path}.{field.name}" if path else field.name
        if _is_repeated(field):
            before, after = getattr(old, field.name), getattr(new, field.name)
            found += _maps(before, after, name) if _is_map(field) else _lists(list(before), list(after), name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            found += _parts(old, new, field, name)
        elif getattr(old, field.name) != getattr(new, field.name):
            found.append(Difference(name, _said(old, field), _said(new, field)))
    return found


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated)


def _is_map(field: Any) -> bool:
    return field.type == FieldDescriptor.TYPE_MESSAGE and bool(field.message_type.GetOptions().map_entry)


def _parts(old: Message, new: Message, field: Any, name: str) -> list[Difference]:
    has = old.HasField(field.name), new.HasField(field.name)
    before, after = getattr(old, field.name), getattr(new, field.name)
    if isinstance(before, Duration) or field.message_type.full_name.endswith("Value"):
        words = [
            _text(value) if there else _NOTHING for value, there in zip((before, after), has, strict=True)
        ]
        return [Difference(name, *words)] if words[0] != words[1] else []
    if has == (False, False):
        return []
    inner = messages(before, after, name)
    if not inner and has[0] != has[1]:
        return [Difference(name, *(_word(there) for there in has))]
    return inner


def _word(there: bool) -> str:
    return "set" if there else _NOTHING


def _maps(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> list[Difference]:
    return [
        Difference(
            f"{name}[{key}]",
            _text(old[key]) if key in old else _NOTHING,
            _text(new[key]) if key in new else _NOTHING,
        )
        for key in sorted({*old, *new})
        if (key in old) != (key in new) or old[key] != new[key]
    ]


def _lists(old: list[Any], new: list[Any], name: str) -> list[Difference]:
    if old == new:
        return []
    if not all(isinstance(item, Message) for item in [*old, *new]):
        return [Difference(name, _all(old), _all(new))]
    before, after = _by_key(old), _by_key(new)
    if before is None or after is None:
        return [Difference(name, f"{len(old)} entries", f"{len(new)} other entries")]
    found: list[Difference] = []
    for key in [*before, *(key for key in after if key not in before)]:
        where = f"{name}[{key}]"
        if key not in after:
            found.append(Difference(where, "set", _NOTHING))
        elif key not in before:
            found.append(Difference(where, _NOTHING, "set"))
        else:
            found += messages(before[key], after[key], where)
    return found or [Difference(name, "one order", "another order")]


def _by_key(items: list[Any]) -> dict[str, Any] | None:
    """The items by what tells them from one another; None where nothing does."""
    found: dict[str, Any] = {}
    for item in items:
        key = next((str(value) for name in _KEYS if (value := getattr(item, name, ""))), "")
        protocol = getattr(item, "published_port", None)
        key = f"{key}/{protocol}" if protocol is not None else key
        if not key or key in found:
            return None
        found[key] = item
    return found


def _all(items: list[Any]) -> str:
    return _cut(", ".join(map(str, items))) if items else _NOTHING


def _said(message: Message, field: Any) -> str:
    value = getattr(message, field.name)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name.lower().replace("_", "-") if known is not None else str(value)
    return _text(value)


def _text(value: Any) -> str:
    match value:
        case bytes():
            return f"{len(value)} bytes"
        case bool():
            return "yes" if value else "no"
        case Duration():
            return f"{value.ToTimedelta().total_seconds():g}s"
        case str():
            return _cut(value) if value else _NOTHING
        case Message():
            return _text(getattr(value, "value", _NOTHING))
        case _:
            return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"
