"""What a reader of a subscription keeps while it waits."""

import asyncio
import weakref

from swarm_core.runtime.tasks import Group
from swarm_core.watch.queue import Publisher, Subscription


class Large:
    """Something that should be gone when it is deleted."""


async def test_a_loop_that_waits_holds_nothing_of_what_it_was_given() -> None:
    """All but the last item are let go as soon as the loop waits for the next ones."""
    publisher: Publisher[Large] = Publisher()
    seen: list[weakref.ref[Large]] = []

    async def read(subscription: Subscription[Large]) -> None:
        async for items in subscription:
            seen.extend(weakref.ref(item) for item in items)

    with publisher.subscribe(select=lambda item: item, weigh=lambda _: 1, items_max=100) as subscription:
        for _ in range(10):
            publisher.publish(Large())
        async with asyncio.timeout(40), Group() as group:
            group.spawn(read(subscription), name="reader")
            while len(seen) < 10:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert [item() for item in seen] == [None] * 10
            group.cancel_all()


async def test_a_list_that_was_asked_for_is_the_reader_s() -> None:
    """`next` and `take` give lists that stay as they are."""
    publisher: Publisher[int] = Publisher()
    with publisher.subscribe(select=lambda item: item, weigh=lambda _: 1, items_max=100) as subscription:
        publisher.publish(1)
        first = await subscription.next()
        publisher.publish(2)
        second = subscription.take()
        publisher.publish(3)
        assert [first, second, await subscription.next()] == [[1], [2], [3]]
