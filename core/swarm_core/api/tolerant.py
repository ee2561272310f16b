"""Messages of other implementations: read what protobuf itself would refuse.

SwarmKit writes strings without a look at their encoding, and reads them so: a task's error text that was cut in the
middle of a character reaches every manager. Protobuf's rules want UTF-8 and refuse the whole message. Here such a
string gets the replacement character in place of what is no text, and all else stays as it was.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from swarm_core.api.wire import DELIMITED, VARINT, delimited, fields, tag, varint

M = TypeVar("M", bound=Message)


def decode_tolerantly(kind: type[M], encoded: bytes) -> tuple[M, bytes]:
    """The message and its bytes: `encoded` itself wherever protobuf takes it. Raises ValueError."""
    try:
        return kind.FromString(encoded), encoded
    except DecodeError:
        mended = _with_text(cast("Descriptor", kind.DESCRIPTOR), encoded)
    try:
        return kind.FromString(mended), mended
    except DecodeError as error:
        raise ValueError(f"bytes that are no {kind.DESCRIPTOR.name}") from error


def reader(kind: type[M]) -> Callable[[bytes], M]:
    """What reads messages of `kind` from their bytes. It raises DecodeError, as protobuf's own does."""
    parse = kind.FromString

    def read(encoded: bytes) -> M:
        try:
            return parse(encoded)
        except DecodeError as error:
            try:
                return decode_tolerantly(kind, encoded)[0]
            except ValueError:
                raise error from None

    return read


def _with_text(descriptor: Descriptor, encoded: bytes) -> bytes:
    """The same fields in the same order, each string in UTF-8. Raises ValueError."""
    out: list[bytes] = []
    for number, wire_type, value in fields(encoded):
        if isinstance(value, int):
            out += (tag(number, VARINT), varint(value))
        elif wire_type == DELIMITED:
            out.append(delimited(number, _text_inside(descriptor.fields_by_number.get(number), value)))
        else:
            out += (tag(number, wire_type), value)
    return b"".join(out)


def _text_inside(field: FieldDescriptor | None, value: bytes) -> bytes:
    if field is None:
        return value
    if field.type == FieldDescriptor.TYPE_STRING:
        return value.decode(errors="replace").encode()
    return value if field.message_type is None else _with_text(field.message_type, value)
