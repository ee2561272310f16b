"""Store and raft as the checkers see them: both ports between them, with a look after every applied entry."""

from collections.abc import Callable

from swarm_core.store.memory import MemoryStore
from swarm_core.store.proposer import Proposer

from swarm_testkit.simulation.checkers import Findings, Ledger, StateSum
from swarm_testkit.simulation.trace import Trace


class WatchedMachine:
    """The machine that raft drives. After `end` the process is dead, and nothing of it counts."""

    def __init__(
        self, name: str, store: MemoryStore, ledger: Ledger, findings: Findings, trace: Trace
    ) -> None:
        self._name = name
        self._store = store
        self._ledger = ledger
        self._trace = trace
        self._is_alive = True
        self.sum = StateSum(store, findings, name)

    def end(self) -> None:
        self._is_alive = False

    def apply(self, index: int, request: bytes) -> None:
        self._store.apply(index, request)
        self.applied(index)

    def snapshot(self) -> Callable[[], bytes]:
        return self._store.snapshot()

    def restore(self, index: int, snapshot: bytes) -> None:
        self._store.restore(index, snapshot)
        if self._is_alive:
            self.sum.take()
            self._trace.note(f"{self._name} restores {index} {self.sum.total & 0xFFFF:04x}")
            self._ledger.restored(self._name, index, self.sum.total)

    def applied(self, index: int) -> None:
        """The entry at `index` has reached the store."""
        if self._is_alive:
            seen = self.sum.take()
            self._trace.note(f"{self._name} applies {index} {self.sum.total & 0xFFFF:04x}")
            self._ledger.applied(self._name, index, self.sum.total, seen)


class WatchedProposer:
    """The proposer that the store uses."""

    def __init__(self, proposer: Proposer, machine: WatchedMachine) -> None:
        self._proposer = proposer
        self._machine = machine

    def commit_index(self) -> int | None:
        return self._proposer.commit_index()

    async def propose(self, actions: bytes, on_commit: Callable[[int], None]) -> None:
        def committed(index: int) -> None:
            on_commit(index)
            self._machine.applied(index)

        await self._proposer.propose(actions, committed)

    def changes_between(self, low: int, high: int) -> list[tuple[int, bytes]]:
        return self._proposer.changes_between(low, high)
