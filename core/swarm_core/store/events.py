"""What watchers see: the events of one committed log entry, in order.

`encoded` is the object's wire form, made once when it was written; whoever sends the object on uses it.
"""

from typing import Generic, NamedTuple, TypeAlias

from swarm_core.store.tables import StoreObject, T


class Created(NamedTuple, Generic[T]):
    object: T
    encoded: bytes

    @property
    def kind(self) -> type[T]:
        return type(self.object)


class Updated(NamedTuple, Generic[T]):
    object: T
    old: T
    encoded: bytes

    @property
    def kind(self) -> type[T]:
        return type(self.object)


class Deleted(NamedTuple, Generic[T]):
    """`object` is as it was last stored."""

    object: T
    encoded: bytes

    @property
    def kind(self) -> type[T]:
        return type(self.object)


Event: TypeAlias = Created[StoreObject] | Updated[StoreObject] | Deleted[StoreObject]


class Commit(NamedTuple):
    """One log entry's worth of events; `version` is the entry's index."""

    version: int
    events: tuple[Event, ...]


class Replayed(NamedTuple):
    """A change read back from the log: like an event, without the old object."""

    action: int  # a StoreActionKind
    object: StoreObject
    encoded: bytes


class ReplayedCommit(NamedTuple):
    version: int
    changes: tuple[Replayed, ...]
