"""Whole objects as people read them: plain values with the wire's field names, and YAML.

Rules
1. It never fails, whatever another implementation's leader replicated. What cannot be told in protobuf's own way (a payload of an
   unknown type, a time that is none) is told field by field as it is, bytes in base64.
2. What must not be seen is hidden here, and every output that shows whole objects is made here: `as_dict` is the one way from a
   message to text.
"""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

# The payloads of processes and of histories are of types that the converter knows once their modules are loaded.
from swarm_core.api.proto import process_pb2, service_history_pb2

assert process_pb2.DESCRIPTOR is not None and service_history_pb2.DESCRIPTOR is not None

HIDDEN: Final = "(hidden)"
_CREDENTIALS: Final = ("pull_options", "registry_auth")
_TEXT_NUMBERS = (
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT64,
)
"""Written as texts, as protobuf's JSON does: other readers of JSON would round them."""


class Plain(Protocol):
    """What is no message and says itself what it is."""

    @property
    def plain(self) -> Mapping[str, Any]:
        """Itself in plain values."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An object as whoever keeps it tells it."""

    plain: Mapping[str, Any]


def as_dict(item: Message | Plain) -> dict[str, Any]:
    """An object as plain values; a process's payload is unpacked, credentials of registries are hidden."""
    if not isinstance(item, Message):
        return dict(item.plain)
    found = _hidden(_value(item))
    assert isinstance(found, dict)
    return found


def _hidden(value: Any, holder: str = "") -> Any:
    """The same, with a word in place of every credential: `registry_auth` in `pull_options`, however deep."""
    if isinstance(value, dict):
        return {
            key: HIDDEN if (holder, key) == _CREDENTIALS else _hidden(one, key) for key, one in value.items()
        }
    return [_hidden(one) for one in value] if isinstance(value, list) else value


def as_yaml(value: Any) -> str:
    """Plain values as YAML, in their order."""
    import yaml  # slow to load, and needed by who asks for it alone

    text = json.dumps(value, ensure_ascii=False)
    # libyaml writes ten times as fast, but escapes what lies beyond the first 65 536 characters.
    dumper = yaml.SafeDumper if max(text) > "\uffff" else getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    written: str = yaml.dump(
        value, Dumper=dumper, sort_keys=False, allow_unicode=_is_safe(text), default_flow_style=False
    )
    return written


def as_json(value: Any, *, indent: int | None = None, is_dense: bool = False) -> str:
    """Plain values as JSON, dense ones with nothing between; what a terminal would take for a command is escaped."""
    between = (",", ":") if is_dense else None
    text = json.dumps(value, indent=indent, separators=between, ensure_ascii=False)
    if _is_safe(text):
        return text
    return json.dumps(value, indent=indent, separators=between).replace("\x7f", "\\u007f")


def _is_safe(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def _value(message: Message) -> Any:
    from google.protobuf import json_format  # slow to load, like yaml

    try:
        return _plain(json_format.MessageToDict(message, preserving_proto_field_name=True))
    except (TypeError, ValueError, DecodeError, json_format.Error):
        return {field.name: _field(field, value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    """Without the ordered dictionaries that stand for unpacked payloads: YAML has no way to write them."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _field(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of = field.message_type.fields_by_name["value"]
        return {str(key): _one(of, one) for key, one in value.items()}
    if field.is_repeated:
        return [_one(field, one) for one in value]
    return _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return _value(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value) if field.cpp_type in _TEXT_NUMBERS else value
