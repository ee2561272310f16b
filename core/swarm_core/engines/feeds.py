"""How readers follow a cluster of engines: changes of records, of which the last counts, and events, of which each one counts.

Rules
1. Publishing never waits. A reader that never reads costs bounded memory.
2. Of several changes of one record a slow reader gets the last. A thousand events on one container are one change.
3. A reader of changes that has more records waiting than `records_max` gets one Resync in their place, and then what came after it
   was read.
4. Events come whole and in order. A reader that has more than `events_max` waiting gets FellBehind, and its feed is closed.
"""

import asyncio
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

from swarm_core.engines.errors import FellBehind
from swarm_core.engines.records import Change, EngineRecord, Event, Gone, Kind, Put, Resync
from swarm_core.watch.queue import Overflow, Publisher, Subscription

RECORDS_MAX = 100_000
EVENTS_MAX = 10_000
_Key = tuple[Kind, str, str]


class Changes:
    """One reader's changes that it has not read; use it as a context manager, or call `close`."""

    __slots__ = ("_kinds", "_lost", "_publisher", "_records_max", "_waiting", "_woken")

    def __init__(self, publisher: "ChangePublisher", kinds: frozenset[Kind], records_max: int) -> None:
        assert records_max > 0
        self._publisher = publisher
        self._kinds = kinds
        self._records_max = records_max
        self._waiting: dict[_Key, Change] = {}
        self._lost = False
        self._woken = asyncio.Event()

    def offer(self, change: Put | Gone, key: _Key) -> None:
        """Keep `change` in place of an older one of the same record; called by the publisher."""
        if change.kind not in self._kinds or self._lost:
            return
        self._waiting[key] = change
        if len(self._waiting) > self._records_max:
            self._waiting.clear()
            self._lost = True
        self._woken.set()

    def take(self) -> list[Change]:
        """What waits, maybe nothing."""
        self._woken.clear()
        if self._lost:
            self._lost = False
            return [Resync()]
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())

    async def changed(self) -> None:
        """Return when `take` has something to say."""
        await self._woken.wait()

    async def next(self) -> list[Change]:
        """Wait for at least one change; give all that are there."""
        await self._woken.wait()
        return self.take()

    def close(self) -> None:
        """Stop delivery. Closing twice is fine."""
        self._publisher.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Change]:
        return await self.next()


class ChangePublisher:
    """Hands each change to every reader."""

    def __init__(self) -> None:
        self._readers: dict[Changes, None] = {}

    def subscribe(self, kinds: Collection[Kind] = tuple(Kind), *, records_max: int = RECORDS_MAX) -> Changes:
        """A reader of changes of these kinds, from now on."""
        reader = Changes(self, frozenset(kinds), records_max)
        self._readers[reader] = None
        return reader

    def publish(self, change: Put | Gone) -> None:
        """Hand it on."""
        if self._readers:
            key = _key_of(change)
            for reader in self._readers:
                reader.offer(change, key)

    def remove(self, reader: Changes) -> None:
        self._readers.pop(reader, None)

    def __len__(self) -> int:
        return len(self._readers)


def _key_of(change: Put | Gone) -> _Key:
    if isinstance(change, Gone):
        return change.kind, change.engine, change.id
    record = change.record
    if isinstance(record, EngineRecord):
        return change.kind, record.key, ""
    return change.kind, record.engine, record.id


class Events:
    """One reader's events; use it as a context manager, or call `close`."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription[Event]) -> None:
        self._subscription = subscription

    async def next(self) -> list[Event]:
        """Wait for at least one event; give all that are there. Raises FellBehind."""
        try:
            return await self._subscription.next()
        except Overflow:
            raise _fell_behind() from None

    def take(self) -> list[Event]:
        """What waits, maybe nothing. Raises FellBehind."""
        try:
            return self._subscription.take()
        except Overflow:
            raise _fell_behind() from None

    async def changed(self) -> None:
        """Return when `take` may have something to say."""
        await self._subscription.changed()

    def close(self) -> None:
        """Stop delivery. Closing twice is fine."""
        self._subscription.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        return await self.next()


def _fell_behind() -> FellBehind:
    return FellBehind("more events came than were read")


class EventPublisher:
    """Hands each event to every reader."""

    def __init__(self) -> None:
        self._publisher: Publisher[Event] = Publisher()

    def subscribe(
        self, keeps: Callable[[Event], bool] = lambda event: True, *, events_max: int = EVENTS_MAX
    ) -> Events:
        """A reader of the events that `keeps` is true of, from now on."""
        return Events(
            self._publisher.subscribe(
                select=lambda event: event if keeps(event) else None,
                weigh=lambda event: 1,
                items_max=events_max,
            )
        )

    def publish(self, event: Event) -> None:
        """Hand it on."""
        self._publisher.publish(event)

    def __len__(self) -> int:
        return len(self._publisher)
