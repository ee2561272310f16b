"""Objects of the cluster as plain data that strangers may read. Pure.

Rules (docs/design/support.md 18.1)
1. Numbers, words of an enumeration and times are shown. Of texts only the fields named in SHOWN are, scrubbed; every other one is hidden,
   whichever version of the wire brings it. Bytes are never shown, only how many there are.
2. Of a map the keys are shown, scrubbed; of a variable its name.
3. What was hidden is known, to be looked for elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from swarm_tui.support.scrubbing import MASK, Scrubber

SHOWN: Final = frozenset(
    [
        "id",
        "name",
        "message",
        "err",
        "node_id",
        "kind",
        "addr",
        "addresses",
        "target",
        "volume_id",
        "type",
        "hostname",
        "fs_type",
        "container_id",
        "service_id",
        "secret_id",
        "secret_name",
        "config_id",
        "config_name",
        "resource_id",
        "role",
        "plugin_name",
        "os",
        "network_id",
        "network",
        "subnet",
        "gateway",
        "range",
        "image",
        "engine_version",
        "architecture",
        "cn",
        "ca_cert_hash",
        "spread_descriptor",
        "constraints",
        "stop_signal",
        "type_url",
    ]
)
"""The names of the fields whose text says what something is, not what somebody keeps in it."""
_VARIABLES: Final = "env"


def shown(item: Message, scrub: Scrubber) -> dict[str, Any]:
    """The object as JSON takes it."""
    return {field.name: _value(field, value, scrub) for field, value in item.ListFields()}


def hidden(items: Iterable[Message]) -> set[str]:
    """Every text of the objects that `shown` hides, and the lines of their bytes where they are text; but not what one of them shows."""
    texts: dict[bool, set[str]] = {True: set(), False: set()}
    for item in items:
        for is_shown, text in _texts(item):
            texts[is_shown].add(text)
    return texts[False] - texts[True]


def _texts(item: Message) -> Iterator[tuple[bool, str]]:
    """Each text, and whether it is shown."""
    for field, value in item.ListFields():
        for one in _each(field, value):
            if isinstance(one, Message):
                yield from _texts(one)
            elif isinstance(one, bytes):
                yield from ((False, line) for line in _lines(one))
            elif isinstance(one, str):
                text = one.partition("=")[2] if field.name == _VARIABLES else one
                yield field.name in SHOWN and not _is_map(field), text


def _value(field: FieldDescriptor, value: Any, scrub: Scrubber) -> Any:
    if _is_map(field):
        return {scrub.text(str(key)): _one(field, one, scrub) for key, one in value.items()}
    if field.is_repeated:
        return [_one(field, one, scrub) for one in value]
    return _one(field, value, scrub)


def _one(field: FieldDescriptor, value: Any, scrub: Scrubber) -> Any:
    if isinstance(value, Message):
        return shown(value, scrub)
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, str):
        return _text(field.name, value, scrub)
    if field.enum_type is not None and (word := field.enum_type.values_by_number.get(value)) is not None:
        return word.name
    return value


def _text(name: str, value: str, scrub: Scrubber) -> str:
    if name == _VARIABLES and "=" in value:
        return f"{scrub.text(value.partition('=')[0])}={MASK}"
    return scrub.text(value) if name in SHOWN else MASK


def _each(field: FieldDescriptor, value: Any) -> Iterable[Any]:
    if _is_map(field):
        return value.values() if isinstance(value, Mapping) else ()
    return value if field.is_repeated else (value,)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _lines(data: bytes) -> Iterator[str]:
    try:
        yield from (line.strip() for line in data.decode().splitlines())
    except UnicodeDecodeError:
        return
