"""Messages of every shape that the Engine API's JSON carries, for hypothesis.

A message has all of its fields, but for those in `NOT_CARRIED`, which JSON has no name for. A field that only some values fit stands in
`_SPECIAL`. What Docker's own messages always hold, as it holds them by value, is always there (`_ALWAYS`).
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st
from swarm_core.specs.tmpfs import tmpfs_text

M = TypeVar("M", bound=Message)

NOT_CARRIED: Final = frozenset(
    {
        "Annotations.indices",
        "ContainerSpec.pull_options",
        "Mount.consistency",
        "NetworkAttachmentConfig.addresses",
        "IPAMConfig.family",
        "NodeSpec.membership",
        "TaskSpec.attachment",
        "TaskSpec.generic",
        "TaskSpec.resource_references",
        "ClusterSpec.acceptance_policy",
        "CAConfig.signing_ca_cert",
        "CAConfig.signing_ca_key",
    }
)
_ALWAYS: Final = frozenset(
    {
        "ServiceSpec.annotations",
        "ServiceSpec.task",
        "TaskSpec.container",
        "HealthConfig.interval",
        "HealthConfig.timeout",
        "HealthConfig.start_period",
        "HealthConfig.start_interval",
        "UpdateConfig.delay",
        "SecretReference.file",
        "PlacementPreference.spread",
        "NodeSpec.annotations",
        "SecretSpec.annotations",
        "ConfigSpec.annotations",
        "NetworkSpec.annotations",
        "NetworkSpec.driver_config",
        "IPAMOptions.driver",
        "VolumeSpec.annotations",
        "VolumeSpec.driver",
        "ClusterSpec.annotations",
        "ClusterSpec.orchestration",
        "ClusterSpec.raft",
        "ClusterSpec.dispatcher",
        "ClusterSpec.ca_config",
        "ClusterSpec.task_defaults",
        "ClusterSpec.encryption_config",
    }
)
_ONEOFS_SET: Final = frozenset(
    {"ServiceSpec.mode", "ConfigReference.target", "GenericResource.resource", "CredentialSpec.source"}
)
_NANOS_MAX: Final = 1_000_000_000

texts: Final = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)
words: Final = st.text("abcxyz-_.09", min_size=1, max_size=8)
addresses: Final = st.ip_addresses().map(str)
prefixes: Final = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda pair: f"{pair[0]}/{pair[1]}")
nanoseconds: Final = st.integers(-(1 << 62), 1 << 62)


def _duration(value: int) -> Duration:
    seconds, nanos = divmod(abs(value), _NANOS_MAX)
    sign = 1 if value >= 0 else -1
    return Duration(seconds=sign * seconds, nanos=sign * nanos)


durations: Final = nanoseconds.map(_duration)
_SPECIAL: Final[dict[str, st.SearchStrategy[Any]]] = {
    "DNSConfig.nameservers": addresses,
    "IPAMConfig.subnet": st.one_of(st.just(""), prefixes),
    "IPAMConfig.range": st.one_of(st.just(""), prefixes),
    "IPAMConfig.gateway": st.one_of(st.just(""), addresses),
    "VirtualIP.addr": prefixes,
    "CredentialSpec.file": words,
    "CredentialSpec.registry": words,
    "CredentialSpec.config": words,
    "NetworkSpec.network": words,
    "UpdateConfig.monitor": nanoseconds.filter(bool).map(_duration),
    "DispatcherConfig.heartbeat_period": nanoseconds.filter(bool).map(_duration),
    "CAConfig.node_cert_expiry": nanoseconds.filter(bool).map(_duration),
    "TmpfsOptions.options": st.lists(st.lists(texts, min_size=1, max_size=2), max_size=2).map(tmpfs_text),
    "ExternalCA.ca_cert": texts.map(str.encode),
}


def messages(kind: type[M]) -> st.SearchStrategy[M]:
    """Messages of a kind, of every shape that JSON carries."""
    return _of(kind.DESCRIPTOR, kind)


def _of(descriptor: Any, kind: Callable[[], Any]) -> st.SearchStrategy[Any]:
    return st.composite(_drawn)(descriptor, kind)


def _drawn(draw: Any, descriptor: Any, kind: Callable[[], Any]) -> Any:
    message = kind()
    for field in descriptor.fields:
        if field.containing_oneof is None:
            _set(draw, message, field)
    for oneof in descriptor.oneofs:
        is_needed = f"{descriptor.name}.{oneof.name}" in _ONEOFS_SET
        fields = [field for field in oneof.fields if _name(field) not in NOT_CARRIED]
        if fields and (is_needed or any(_name(field) in _ALWAYS for field in fields) or draw(st.booleans())):
            _set_one(draw, message, draw(st.sampled_from(fields)))
    return message


def _name(field: FieldDescriptor) -> str:
    assert field.containing_type is not None
    return f"{field.containing_type.name}.{field.name}"


def _set(draw: Any, message: Any, field: FieldDescriptor) -> None:
    if _name(field) in NOT_CARRIED:
        return
    if field.is_repeated:
        _set_all(draw, message, field)
    elif field.message_type is None:
        setattr(message, field.name, draw(_value(field)))
    elif _name(field) in _ALWAYS or draw(st.booleans()):
        _set_one(draw, message, field)


def _set_all(draw: Any, message: Any, field: FieldDescriptor) -> None:
    held = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        held.update(draw(st.dictionaries(texts, texts, max_size=2)))
    elif field.message_type is not None:
        held.extend(draw(st.lists(_value(field), max_size=2)))
    else:
        held.extend(draw(st.lists(_value(field), max_size=3)))


def _set_one(draw: Any, message: Any, field: FieldDescriptor) -> None:
    value = draw(_value(field))
    if field.message_type is None:
        setattr(message, field.name, value)
    else:
        held = getattr(message, field.name)
        held.SetInParent()
        held.MergeFrom(value)


@cache
def _value(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if (special := _SPECIAL.get(_name(field))) is not None:
        return special
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Duration":
            return durations
        return _of(field.message_type, GetMessageClass(field.message_type))
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return _SCALARS[field.type]


_SCALARS: Final[dict[int, st.SearchStrategy[Any]]] = {
    FieldDescriptor.TYPE_STRING: texts,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: st.integers(-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, (1 << 32) - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(1 << 63), (1 << 63) - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, (1 << 64) - 1),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
}
