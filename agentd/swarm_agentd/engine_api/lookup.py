"""What `{id}` in a path stands for: a whole id, else an exact name, else the beginning of an id (docs/design/engine-api.md E7)."""

from typing import Any, TypeVar

from google.protobuf.message import Message
from swarm_core.api.kinds import NOUNS
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_core.http.errors import BadRequest, NotFound

T = TypeVar("T", bound=Message)


async def find_one(control: Control, kind: type[T], reference: str) -> T:
    """The object that `reference` means. Raises NotFound, BadRequest when several fit, and CallFailed."""
    try:
        return await control.get(kind, reference)
    except CallFailed:
        pass  # whatever the reason: a name is still looked for, and that call tells what is wrong
    try:
        found = await control.find(kind, names=[reference])
    except CallFailed:
        found = []
    if not found:
        found = await control.find(kind, id_prefixes=[reference])
    noun = NOUNS[kind]
    if not found:
        raise NotFound(f"{noun} {reference} not found")
    if len(found) > 1:
        raise BadRequest(f"{noun} {reference} is ambiguous ({len(found)} matches found)")
    return found[0]


def by_id(found: list[T]) -> list[T]:
    """In the order of lists."""
    return sorted(found, key=_id_of)


def _id_of(item: Any) -> str:
    return str(item.id)
