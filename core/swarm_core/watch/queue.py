"""One publisher, many bounded subscriptions.

Publishing never waits. What is published is in every subscription at once; those who wait for it go on two turns of the loop later, so
that who caused it goes on before them, and tells whoever waits for an answer. A subscription holds at most `items_max` items; when one more would pass that, it
drops what it holds and its next read raises Overflow: the watcher has to list anew. Memory never grows with
a slow reader.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Overflow(Exception):
    """The subscription fell behind and was closed: list anew and subscribe again."""


class Subscription(Generic[T]):
    """One reader's queue. Use it as a context manager, or call `close`."""

    __slots__ = (
        "_handed",
        "_items",
        "_items_max",
        "_overflowed",
        "_publisher",
        "_select",
        "_size",
        "_weigh",
        "_woken",
    )

    def __init__(
        self,
        publisher: "Publisher[T]",
        select: Callable[[T], T | None],
        weigh: Callable[[T], int],
        items_max: int,
    ) -> None:
        assert items_max > 0
        self._publisher = publisher
        self._select = select
        self._weigh = weigh
        self._items_max = items_max
        self._items: list[T] = []
        self._handed: list[T] = []
        self._size = 0
        self._overflowed = False
        self._woken = asyncio.Event()

    @property
    def size(self) -> int:
        """What it holds, as `weigh` counts it."""
        return self._size

    def offer(self, item: T) -> bool:
        """Queue what `select` keeps of `item`; called by the publisher. True: who waits here has to be woken."""
        if self._overflowed or (kept := self._select(item)) is None:
            return False
        self._size += self._weigh(kept)
        if self._size > self._items_max:
            self._items.clear()
            self._overflowed = True
            self._publisher.remove(self)
        else:
            self._items.append(kept)
        return not self._woken.is_set()

    def wake_if_due(self) -> None:
        """Wake who waits here, unless what was queued is taken already; called by the publisher."""
        if self._items or self._overflowed:
            self._woken.set()

    def take(self) -> list[T]:
        """Everything queued, maybe nothing. Raises Overflow."""
        if self._overflowed:
            raise Overflow
        items, self._items = self._items, []
        self._size = 0
        self._woken.clear()
        return items

    async def next(self) -> list[T]:
        """Wait for at least one item; give all that are there. Raises Overflow."""
        while not self._items and not self._overflowed:
            self._woken.clear()
            await self._woken.wait()
        return self.take()

    async def changed(self) -> None:
        """Return when `take` may have something to say, or after `wake`."""
        await self._woken.wait()

    def wake(self) -> None:
        """Let `changed` return, though nothing may be there."""
        self._woken.set()

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

    async def __anext__(self) -> list[T]:
        """As `next`. The list of the last time is emptied: a loop that waits still has it in its hand, and with it what was
        deleted."""
        self._handed.clear()
        self._handed = await self.next()
        return self._handed


class Publisher(Generic[T]):
    """Delivers each published item to every subscription, in order."""

    def __init__(self) -> None:
        # A dict for its order: subscriptions are served in the order of their registration.
        self._subscriptions: dict[Subscription[T], None] = {}
        self._to_wake: list[Subscription[T]] = []

    def subscribe(
        self, *, select: Callable[[T], T | None], weigh: Callable[[T], int], items_max: int
    ) -> Subscription[T]:
        """Register a reader that gets what `select` returns of each item (None: nothing); `weigh` says
        how many of `items_max` an item takes."""
        subscription = Subscription(self, select, weigh, items_max)
        self._subscriptions[subscription] = None
        return subscription

    @property
    def size_max(self) -> int:
        """What the fullest subscription holds, as `weigh` counts it."""
        return max((one.size for one in self._subscriptions), default=0)

    def publish(self, item: T) -> None:
        """Give `item` to every subscription. On the event loop."""
        woken = [one for one in list(self._subscriptions) if one.offer(item)]
        if woken and not self._to_wake:
            # A turn for who goes on with what was published, and the writing of its answer at the end of that turn.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._wake)
        self._to_wake += woken

    def _wake(self) -> None:
        woken, self._to_wake = self._to_wake, []
        for subscription in woken:
            subscription.wake_if_due()

    def remove(self, subscription: Subscription[T]) -> None:
        self._subscriptions.pop(subscription, None)

    def __len__(self) -> int:
        return len(self._subscriptions)
