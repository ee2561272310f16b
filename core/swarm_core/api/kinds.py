"""The kinds of objects, as the wire names them: one list, taken from the message that carries any object of a watch."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message

from swarm_core.api.proto import objects_pb2, watch_pb2


def _nouns() -> dict[type[Message], str]:
    found: dict[type[Message], str] = {}
    for field in watch_pb2.Object.DESCRIPTOR.oneofs_by_name["Object"].fields:
        assert field.message_type is not None, field.name
        found[getattr(objects_pb2, field.message_type.name)] = field.name
    return found


NOUNS: Final[Mapping[type[Message], str]] = _nouns()
"""Message class → noun: "service". Calls and messages of the Control service are named after it."""
