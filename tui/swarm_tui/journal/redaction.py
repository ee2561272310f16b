"""What must not be written down: secrets' data, keys, tokens and credentials of registries. Pure.

Rules (docs/design/journal.md 2)
1. An object that holds any of it is copied without it; every other object is passed on as it is.
2. A file for other people (an incident) also loses the values of environment variables, which often are passwords.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2

MASK: Final = "(hidden)"

_AUTH: Final = ("container", "pull_options")
SECRET_FIELDS: Final[Mapping[type[Message], tuple[tuple[str, ...], ...]]] = {
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

_TASK_SPECS: Final[Mapping[type[Message], tuple[tuple[str, ...], ...]]] = {
    objects_pb2.Task: (("spec",),),
    objects_pb2.Service: (("spec", "task"), ("previous_spec", "task")),
}


def without_secrets(item: Any) -> Any:
    """The object, or a copy without what must not be written down."""
    found = [path for path in SECRET_FIELDS.get(type(item), ()) if _has(item, path)]
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
    found = [path for path in _TASK_SPECS.get(type(item), ()) if _has(item, path)]
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


def _masked(entry: str) -> str:
    name, separator, _ = entry.partition("=")
    return f"{name}={MASK}" if separator else entry


def _has(item: Any, path: tuple[str, ...]) -> bool:
    """Whether there is something at the end of the path."""
    for name in path[:-1]:
        if not item.HasField(name):
            return False
        item = getattr(item, name)
    return bool(getattr(item, path[-1])) if not _is_message(item, path[-1]) else item.HasField(path[-1])


def _is_message(item: Message, name: str) -> bool:
    field = item.DESCRIPTOR.fields_by_name[name]
    return field.message_type is not None and not field.is_repeated
