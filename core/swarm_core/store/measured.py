"""The store, with a look at the clock around what it does (docs/design/metrics.md M.2).

A manager that nobody watches has the plain one, and pays nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from swarm_core.runtime.clock import Clock
from swarm_core.store.by import By
from swarm_core.store.errors import StoreError
from swarm_core.store.memory import MemoryStore, R
from swarm_core.store.proposer import Proposer
from swarm_core.store.tables import T
from swarm_core.store.transactions import Step, Transaction

Took = Callable[[float], None]
"""Is told how long something took, in seconds; maybe from another thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTimes:
    """Who is told of what. `written` and `batched`: an `update` or `batch` from its call to its answer; `read`: a `find`; `proposed`: an entry
    from its proposal until it is applied; `applied`: the change of the tables by one entry; `encoded`: a snapshot."""

    written: Took
    batched: Took
    read: Took
    proposed: Took
    applied: Took
    encoded: Took


class MeasuredStore(MemoryStore):
    """See the module."""

    def __init__(self, *, clock: Clock, times: StoreTimes) -> None:
        super().__init__(clock=clock)
        self._now, self._times = clock.monotonic, times

    def use_proposer(self, proposer: Proposer) -> None:
        super().use_proposer(_MeasuredProposer(proposer, self._now, self._times))

    def find(self, kind: type[T], *terms: By) -> list[T]:
        start = self._now()
        found = super().find(kind, *terms)
        self._times.read(self._now() - start)
        return found

    async def update(self, change: Callable[[Transaction], R]) -> R:
        start = self._now()
        try:
            return await super().update(change)
        finally:
            self._times.written(self._now() - start)

    async def batch(self, steps: Iterable[Step]) -> list[StoreError | None]:
        start = self._now()
        try:
            return await super().batch(steps)
        finally:
            self._times.batched(self._now() - start)

    def apply(self, index: int, request: bytes) -> None:
        start = self._now()
        super().apply(index, request)
        self._times.applied(self._now() - start)

    def snapshot(self) -> Callable[[], bytes]:
        encode = super().snapshot()

        def timed() -> bytes:
            start = self._now()
            data = encode()
            self._times.encoded(self._now() - start)
            return data

        return timed


class _MeasuredProposer:
    """Implements Proposer by another one. What the store does when its entry is applied is its change of the tables."""

    def __init__(self, inner: Proposer, now: Callable[[], float], times: StoreTimes) -> None:
        self._inner, self._now, self._times = inner, now, times
        self.commit_index = inner.commit_index
        self.changes_between = inner.changes_between

    async def propose(self, actions: bytes, on_commit: Callable[[int], None]) -> None:
        def commit(index: int) -> None:
            start = self._now()
            on_commit(index)
            self._times.applied(self._now() - start)

        start = self._now()
        await self._inner.propose(actions, commit)
        self._times.proposed(self._now() - start)
