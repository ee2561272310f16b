"""A store that tells how long its work took, and does the same work."""

from collections import Counter
from dataclasses import fields
from functools import partial

from swarm_core.api.proto.objects_pb2 import Config
from swarm_core.runtime.tasks import Group
from swarm_core.store.measured import MeasuredStore, StoreTimes
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_testkit.manual_clock import ManualClock
from swarm_testkit.sole_manager import CommitLog


def count(told: Counter[str], name: str, seconds: float) -> None:
    """Something took so long."""
    assert seconds >= 0
    told[name] += 1


async def test_what_is_told() -> None:
    """One time for each transaction, batch, query, proposal, applied entry and snapshot; what others proposed is applied too."""
    told: Counter[str] = Counter()
    clock = ManualClock()
    times = {one.name: partial(count, told, one.name) for one in fields(StoreTimes)}
    store = MeasuredStore(clock=clock, times=StoreTimes(**times))
    store.use_proposer(CommitLog(1))

    def create(transaction: Transaction) -> None:
        transaction.create(Config(id="c"))

    async with Group() as group:
        group.spawn(store.run(), name="store")
        await store.update(create)
        assert await store.batch([]) == []
        assert [one.id for one in store.find(Config)] == ["c"]
        group.cancel_all()
    assert told == {"written": 1, "batched": 1, "read": 1, "proposed": 1, "applied": 1}
    store.apply(store.version + 1, b"")
    data = store.snapshot()()
    assert told["applied"] == 2 and told["encoded"] == 1
    other = MemoryStore(clock=clock)
    other.restore(7, data)
    assert other.find(Config) == store.find(Config)
