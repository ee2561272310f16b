"""Messages that no client of ours sends: fields filled at random, and names of what exists."""

import random
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from swarm_testkit.fuzz.mutations import TEXTS, bent_bytes

_DEPTH_MAX: Final = 7
_INTEGERS: Final = (
    0,
    1,
    2,
    3,
    10,
    100,
    4789,
    65_535,
    65_536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
    -1,
    -(2**31),
    -(2**63),
)
_BOUNDS: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1), FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1), FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}  # fmt: skip


def fill(
    message: Message, rng: random.Random, names: Sequence[str], *, chance: float = 0.3, depth: int = 0
) -> None:
    """Put something into each field with a `chance`; texts are often some of `names`."""
    descriptor: Descriptor = message.DESCRIPTOR  # type: ignore[assignment]
    for field in descriptor.fields:
        if rng.random() >= chance or (field.message_type is not None and depth >= _DEPTH_MAX):
            continue
        for _ in range(rng.choice((1, 1, 2)) if field.is_repeated else 1):
            _put(message, field, rng, names, chance, depth)


def _put(
    message: Any, field: FieldDescriptor, rng: random.Random, names: Sequence[str], chance: float, depth: int
) -> None:
    if field.message_type is None:
        value = _scalar(field, rng, names)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
        return
    inner = getattr(message, field.name)
    if field.message_type.GetOptions().map_entry:
        _put_entry(inner, field.message_type, rng, names, chance, depth)
        return
    part = inner.add() if field.is_repeated else inner
    part.SetInParent()
    fill(part, rng, names, chance=chance, depth=depth + 1)


def _put_entry(
    entries: Any, entry: Descriptor, rng: random.Random, names: Sequence[str], chance: float, depth: int
) -> None:
    key = _scalar(entry.fields_by_name["key"], rng, names)
    value = entry.fields_by_name["value"]
    if value.message_type is None:
        entries[key] = _scalar(value, rng, names)
    else:
        fill(entries[key], rng, names, chance=chance, depth=depth + 1)


def _scalar(field: FieldDescriptor, rng: random.Random, names: Sequence[str]) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return rng.choice((0.0, 0.5, -1.0, 1e30, float("inf"), float("nan")))
        case FieldDescriptor.CPPTYPE_ENUM:
            assert field.enum_type is not None
            known = [one.number for one in field.enum_type.values]
            return rng.choice((*known, *known, *known, 77))
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return rng.choice(
                (b"", b"x", rng.randbytes(20), bytes(70_000) if rng.random() < 0.01 else b"\xff")
            )
        case FieldDescriptor.CPPTYPE_STRING:
            if names and rng.random() < 0.5:
                return rng.choice(names)
            return rng.choice(TEXTS).encode("utf-8", "replace").decode()
        case kind:
            low, high = _BOUNDS[kind]
            return min(max(rng.choice(_INTEGERS), low), high)


def bent_message(message: Message, rng: random.Random) -> Message | None:
    """The message with some of its bytes changed; None where they are no such message any more."""
    found = type(message)()
    try:
        found.ParseFromString(bent_bytes(rng, message.SerializeToString()))
    except DecodeError:
        return None
    return found
