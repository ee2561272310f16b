"""What the calls of all kinds have in common: the id, version and spec that a request must carry, and the object it names."""

from typing import Any, NoReturn, Protocol

from google.protobuf.message import Message

from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import InvalidArgument, NotFound, Unimplemented
from swarm_core.store.tables import SCHEMA_OF, T


class Reader(Protocol):
    """The store, or a transaction on it."""

    def get(self, kind: type[T], id_: str) -> T | None:
        """The object with that id, or None."""


class Refusal(Protocol):
    async def __call__(self, request: Any, caller: Caller) -> NoReturn: ...


def known(reader: Reader, kind: type[T], id_: str) -> T:
    """The object with that id. Raises InvalidArgument without an id, NotFound without such an object."""
    noun = SCHEMA_OF[kind].name
    if not id_:
        raise InvalidArgument(f"the {noun}'s id is required")
    item = reader.get(kind, id_)
    if item is None:
        raise NotFound(f"{noun} {id_} not found")
    return item


def check_has_spec(request: Message, noun: str) -> None:
    """Raises InvalidArgument when the request to create or update has no spec."""
    if not request.HasField("spec"):
        raise InvalidArgument(f"the {noun}'s spec is required")


def check_update(request: Any, noun: str) -> None:
    """Raises InvalidArgument when the request to update lacks the id, the version that was read, or the new spec."""
    if not getattr(request, f"{noun}_id") or not request.HasField(f"{noun}_version"):
        raise InvalidArgument(f"the {noun}'s id and version are required")
    check_has_spec(request, noun)


def refused(what: str) -> Refusal:
    """A handler's method for a call that this manager cannot carry out yet. It is not bound to its handler."""

    async def refuse(request: Any, caller: Caller) -> NoReturn:
        raise Unimplemented(f"{what} are not supported yet")

    return staticmethod(refuse)


def copy(item: T) -> T:
    """A copy that may be changed."""
    made = type(item)()
    made.CopyFrom(item)  # type: ignore[arg-type]
    return made
