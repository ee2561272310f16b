"""What must not be written down: secrets' data, keys, tokens and credentials of registries. Pure.

Rules (docs/design/journal.md 2)
1. An object that holds any of it is copied without it; every other object is passed on as it is.
2. A file for other people (an incident) also loses the values of environment variables, which often are passwords, and what is in configs.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2

MASK: Final = "(hidden)"

_Path: TypeAlias = tuple[str, ...]
_Fields: TypeAlias = Mapping[type[Message], tuple[_Path, ...]]
_Lookers: TypeAlias = Mapping[type[Message], tuple[tuple[_Path, Callable[[Any], bool]], ...]]

_AUTH: Final = ("container", "pull_options")
SECRET_FIELDS: Final[_Fields] = {
    objects_pb2.Secret: (("spec", "data"),),
    objects_pb2.Task: (("spec", *_AUTH),),
    objects_pb2.Service: (("spec", "task", *_AUTH), ("previous_spec", "task", *_AUTH)),
    objects_pb2.Cluster: (
        ("root_ca", "ca_key"),
        ("root_ca", "join_tokens"),
        ("root_ca", "root_rotation", "ca_key"),
        ("network_bootstrap_keys",),
        ("unlock_keys",),
        ("spec", "ca_config", "signing_ca_key"),
        ("spec", "ca_config", "external_cas"),
    ),
}
"""By kind the paths of fields that are never written."""

_TASK_SPECS: Final[_Fields] = {
    objects_pb2.Task: (("spec",),),
    objects_pb2.Service: (("spec", "task"), ("previous_spec", "task")),
}


def _lookers(fields: _Fields) -> _Lookers:
    """By kind what looks whether something is at the end of a path; made once, as it is asked of every object that changes."""
    return {kind: tuple((path, _looker(kind, path)) for path in paths) for kind, paths in fields.items()}


def _looker(kind: type[Message], path: _Path) -> Callable[[Any], bool]:
    *holders, name = path
    # What is not there on the way reads as empty.
    holder: Callable[[Any], Any] = attrgetter(".".join(holders)) if holders else _itself
    field = holder(kind()).DESCRIPTOR.fields_by_name[name]
    if field.message_type is not None and not field.is_repeated:
        return lambda item: bool(holder(item).HasField(name))
    return lambda item: bool(getattr(holder(item), name))


def _itself(item: Any) -> Any:
    return item


_SECRETS: Final = _lookers(SECRET_FIELDS)
_SPECS: Final = _lookers(_TASK_SPECS)


def _found(item: Any, lookers: _Lookers) -> list[_Path]:
    """The paths at whose end the object has something."""
    return [path for path, looks in lookers.get(type(item), ()) if looks(item)]


def without_secrets(item: Any) -> Any:
    """The object, or a copy without what must not be written down."""
    found = _found(item, _SECRETS)
    if not found:
        return item
    copy = type(item)()
    copy.CopyFrom(item)
    for *holders, field in found:
        holder = copy
        for name in holders:
            holder = getattr(holder, name)
        holder.ClearField(field)
    return copy


def without_environment(item: Any) -> Any:
    """The object, or a copy in which variables of tasks have no values; what other people get."""
    found = _found(item, _SPECS)
    if not found:
        return item
    copy = type(item)()
    copy.CopyFrom(item)
    for path in found:
        spec = copy
        for name in path:
            spec = getattr(spec, name)
        if spec.HasField("container"):
            spec.container.env[:] = [_masked(entry) for entry in spec.container.env]
        # Of a payload nothing is known for certain: a process's holds variables too.
        spec.ClearField("generic") if spec.HasField("generic") else None
    return copy


def without_contents(item: Any) -> Any:
    """The object, or a copy of a config without what is in it. A cluster has no empty config, so that a view knows what it has."""
    if not isinstance(item, objects_pb2.Config) or not item.spec.data:
        return item
    copy = objects_pb2.Config()
    copy.CopyFrom(item)
    copy.spec.ClearField("data")
    return copy


def _masked(entry: str) -> str:
    name, separator, _ = entry.partition("=")
    return f"{name}={MASK}" if separator else entry
