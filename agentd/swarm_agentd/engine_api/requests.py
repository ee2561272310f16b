"""What requests of several nouns have in common (docs/design/engine-api.md E7)."""

from typing import Any, TypeVar

from google.protobuf.message import Message
from swarm_core.http.errors import BadRequest
from swarm_core.http.exchange import Exchange

T = TypeVar("T", bound=Message)
_VERSION_MAX = (1 << 64) - 1


def object_version(exchange: Exchange, noun: str) -> int:
    """The version of an object that a client has read and now changes. Raises BadRequest."""
    text = exchange.query.get("version", "")
    if text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= _VERSION_MAX:
        return int(text)
    raise BadRequest(
        f"invalid {noun} version '{text}': strconv.ParseUint: parsing \"{text}\": invalid syntax"
    )


def as_read(item: T, version: int) -> T:
    """The object as the client saw it: what a change of it refers to."""
    read: Any = type(item)(id=_id_of(item))
    read.meta.version.index = version
    found: T = read
    return found


def _id_of(item: Any) -> str:
    return str(item.id)
