"""Objects as another implementation might replicate them: any bytes that fit a message's fields, for property tests.

Every field takes anything its wire type can hold: enum numbers nobody knows, extreme numbers and times, text that is
no UTF-8, `Any` of unknown types and with garbage inside, fields of a later version, fields of another wire type. What
is made are bytes, not messages, since no message of ours could hold some of these. An example is made from one seed:
drawing each field by itself would take most of the time that the tests have.
"""

import random
import struct
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.wire import FIXED32, FIXED64, VARINT, delimited, tag, varint

# A chain of fields from an object down to one of the messages inside it.
Path = tuple[FieldDescriptor, ...]

IDS = ("", "a", "b", "A")

_FUTURE_FIELD = 5000
_DEPTH_MAX = 6
_TEXTS = (
    "²",
    "7" * 5000,
    "",
    "a",
    "A",
    "b",
    "ALPHA",
    "Process",
    "ß",
    "İ",
    "x|y",
    "\x00",
    "[b]",
    "\x1b[31m",
    "a\nb",
    "9" * 30,
    "10%",
    "-1",
)
_STRINGS = (*(text.encode() for text in _TEXTS), b"\xff", "größer".encode()[:3])
# Of fields whose words decide what the rest of the object means.
_WORDS = {
    "docker.swarmkit.v1.GenericRuntimeSpec.kind": (
        b"process",
        b"process",
        b"Process",
        b"container",
        b"plugin",
        b"",
    ),
    "docker.swarmkit.v1.Driver.name": (b"json-file", b"local", b"none", b"golang", b""),
}
_NUMBERS = (0, 1, 2, 3, 127, 128, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_ENUM_NUMBERS = (0, 1, 2, 3, 4, 5, 64, 192, 512, 704, 9, 77, 2**31 - 1, 2**64 - 1)
_DOUBLES = (0.0, -0.0, 1.0, -1.0, 0.5, 1e300, float("inf"), float("nan"))
_FLOATS = (0.0, 1.0, -1.0, 0.5, 1e30, float("inf"), float("nan"))
_PROCESS = ProcessSpec.DESCRIPTOR.full_name
_PROCESS_URL = f"type.googleapis.com/{_PROCESS}"
_TYPE_URLS = (
    "",
    "/",
    _PROCESS_URL,
    _PROCESS_URL,
    _PROCESS_URL,
    "type.googleapis.com/a.Later",
    "no-slash",
    _PROCESS,
)
_FUTURE = (
    tag(_FUTURE_FIELD, VARINT) + varint(2**63),
    delimited(_FUTURE_FIELD, b"later"),
    tag(_FUTURE_FIELD, FIXED32) + b"1234",
    tag(_FUTURE_FIELD, FIXED64) + b"12345678",
)
_FIXED32_TYPES = (FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32)
_FIXED64_TYPES = (FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64)


def paths(kind: type[Message]) -> list[Path]:
    """A shortest chain of fields to every type of message inside objects of `kind`, the object itself first."""
    found: dict[str, Path] = {}
    waiting: list[tuple[Descriptor, Path]] = [(_descriptor(kind), ())]
    while waiting:
        descriptor, path = waiting.pop(0)
        if descriptor.full_name in found:
            continue
        found[descriptor.full_name] = path
        waiting += [
            (field.message_type, (*path, field))
            for field in descriptor.fields
            if field.message_type is not None
        ]
    return list(found.values())


def path_id(path: Path) -> str:
    """For the name of a test."""
    return ".".join(field.name for field in path) or "itself"


def encoded_objects(kind: type[Message], path: Path = ()) -> st.SearchStrategy[bytes]:
    """Objects with an id of IDS and with a message at the end of `path` that has many of its fields."""
    return st.integers(0, 2**64 - 1).map(lambda seed: encoded_object(random.Random(seed), kind, path))


def encoded_object(rng: random.Random, kind: type[Message], path: Path = ()) -> bytes:
    """One of `encoded_objects`; its id is the last field."""
    descriptor = _descriptor(kind)
    inner_type = path[-1].message_type if path else descriptor
    assert inner_type is not None
    inner = _message(rng, inner_type, _DEPTH_MAX - len(path), rng.uniform(0.3, 1))
    for field in reversed(path):
        inner = delimited(field.number, inner)
    own_id = descriptor.fields_by_name["id"].number
    outer = _message(rng, descriptor, _DEPTH_MAX, rng.uniform(0, 0.5))
    return outer + inner + delimited(own_id, rng.choice(IDS).encode())


def _descriptor(kind: type[Message]) -> Descriptor:
    descriptor: Any = kind.DESCRIPTOR
    return descriptor  # type: ignore[no-any-return]


def _message(rng: random.Random, descriptor: Descriptor, depth: int, share: float) -> bytes:
    """A message with about `share` of its fields, in any order."""
    if descriptor.full_name == "google.protobuf.Any":
        return _any(rng)
    chosen = [field for field in descriptor.fields if rng.random() < share]
    rng.shuffle(chosen)
    out = [
        _value(rng, field, depth)
        for field in chosen
        for _ in range(rng.randint(1, 3) if field.is_repeated else 1)
    ]
    if rng.random() < 0.1:
        out.append(rng.choice(_FUTURE))
    return b"".join(out)


def _value(rng: random.Random, field: FieldDescriptor, depth: int) -> bytes:
    number, type_ = field.number, field.type
    if rng.random() < 0.02:
        # A field that a later version holds in another wire type.
        return tag(number, FIXED64) + b"12345678"
    if type_ == FieldDescriptor.TYPE_MESSAGE:
        assert field.message_type is not None
        return delimited(
            number, b"" if depth <= 0 else _message(rng, field.message_type, depth - 1, rng.uniform(0, 0.6))
        )
    if type_ == FieldDescriptor.TYPE_STRING:
        return delimited(number, rng.choice(_WORDS.get(field.full_name, _STRINGS)))
    if type_ == FieldDescriptor.TYPE_BYTES:
        return delimited(number, rng.randbytes(rng.randint(0, 20)))
    if type_ == FieldDescriptor.TYPE_DOUBLE:
        return tag(number, FIXED64) + struct.pack("<d", rng.choice(_DOUBLES))
    if type_ == FieldDescriptor.TYPE_FLOAT:
        return tag(number, FIXED32) + struct.pack("<f", rng.choice(_FLOATS))
    if type_ in _FIXED32_TYPES:
        return tag(number, FIXED32) + rng.randbytes(4)
    if type_ in _FIXED64_TYPES:
        return tag(number, FIXED64) + rng.randbytes(8)
    if type_ == FieldDescriptor.TYPE_ENUM:
        return tag(number, VARINT) + varint(rng.choice(_ENUM_NUMBERS))
    return tag(number, VARINT) + varint(rng.choice((*_NUMBERS, rng.getrandbits(64))))


def _any(rng: random.Random) -> bytes:
    process = _message(rng, _descriptor(ProcessSpec), 2, 0.5)
    value = rng.choice((process, process, rng.randbytes(rng.randint(0, 12)), b"\x0a\x7f"))
    return delimited(1, rng.choice(_TYPE_URLS).encode()) + delimited(2, value)
