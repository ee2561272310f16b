"""Text that does harm where it is printed as it is, in every field of an object that holds text."""

from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

HARM: Final = (
    "\x1b[31mred\x1b[2J\x1b]0;title\x07\x9b1m\r\x08\x7f"
    "\u202eright to left\u202c\u200b\u2066x\u2069\ufeff"
    "節點中文 e\u0301\u0301 ⚠\ufe0f 👩\u200d🔧 \u0300 ²٣ "
    "tab\tline\nend\u2028\x85"
)
LONG: Final = HARM + "x" * 10_000
_DEPTH_MAX: Final = 5
_REFERENCES: Final = (
    "id",
    "service_id",
    "node_id",
    "task_id",
    "cluster_id",
    "network_id",
    "secret_id",
    "config_id",
)


def fill(message: Message, text: str, *, depth: int = 0) -> None:
    """Put `text` into each field of `message` and of the messages inside it; what names another object is left alone."""
    for field in message.DESCRIPTOR.fields:
        if (
            field.containing_oneof is not None
            and message.WhichOneof(field.containing_oneof.name) != field.name
        ):
            continue
        if field.name in _REFERENCES:
            continue
        if field.type == FieldDescriptor.TYPE_STRING:
            _fill_text(message, field, text)
        elif field.message_type is not None and not field.message_type.full_name.startswith("google."):
            _fill_message(message, field, text, depth)


def _fill_text(message: Message, field: Any, text: str) -> None:
    if field.is_repeated:
        getattr(message, field.name).append(text)
    else:
        setattr(message, field.name, text)


def _fill_message(message: Message, field: Any, text: str, depth: int) -> None:
    if field.message_type.GetOptions().map_entry:
        if field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_STRING:
            getattr(message, field.name)[text] = text
    elif depth < _DEPTH_MAX:
        inner = getattr(message, field.name)
        if field.is_repeated:
            inner = inner[0] if len(inner) else inner.add()
        fill(inner, text, depth=depth + 1)


def harmless(shown: str) -> bool:
    """Whether nothing in `shown` steers a terminal."""
    return shown.replace("\n", "").isprintable()
