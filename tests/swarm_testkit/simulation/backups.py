"""Backups that somebody takes while everything may fail, each at the control socket of some manager (docs/design/backup.md 17.1).

What comes to its end is whole, and its store is the state of the index that it names: what a cluster restored from it would begin with.
"""

import random
from collections.abc import Callable, Sequence

from swarm_core.api.backups import framed
from swarm_core.client import backups
from swarm_core.client.errors import ClientError
from swarm_core.client.trust import Trust
from swarm_core.managerd import restore
from swarm_core.raft_node.log.cluster_snapshot import decode_cluster_snapshot
from swarm_core.store.memory import MemoryStore

from swarm_testkit.simulation.checkers import Findings, Ledger, total_of
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.ways import SimulatedDial

_AS_IT_IS = 0.3


class Backups:
    """Whoever takes them; `managers` are those that could be asked now. `pause_s` is the mean time between two. `count` are those that were whole."""

    def __init__(
        self,
        managers: Callable[[], Sequence[NodeMachine]],
        dial: SimulatedDial,
        ledger: Ledger,
        rng: random.Random,
        findings: Findings,
        *,
        pause_s: float,
    ) -> None:
        self._managers, self._dial, self._ledger = managers, dial, ledger
        self._rng, self._findings, self._pause_s = rng, findings, pause_s
        self.count = 0

    async def run(self) -> None:
        """Take one after the other until cancelled."""
        host = self._dial.host
        while True:
            await host.clock.sleep(self._rng.expovariate(1 / self._pause_s))
            managers = self._managers()
            if not managers:
                continue
            machine = self._rng.choice(managers)
            try:
                await self._take(machine)
            except ClientError as error:
                host.trace.note(f"no backup of {machine.host.name}: {type(error).__name__} {error}")

    async def _take(self, machine: NodeMachine) -> None:
        connection = await self._dial.open(machine.socket, Trust(b""))
        as_it_is = self._rng.random() < _AS_IT_IS
        try:
            parts = [framed(part) async for part in backups.take(connection, as_it_is=as_it_is)]
        finally:
            await connection.close()
        head, snapshot = restore.read(parts)
        self._dial.host.trace.note(f"a backup of {machine.host.name} as of {head.raft_index}")
        self.count += 1
        self._judge(machine, head.raft_index, snapshot)

    def _judge(self, machine: NodeMachine, index: int, snapshot: bytes) -> None:
        store = MemoryStore(clock=self._dial.host.clock)
        store.restore(index, decode_cluster_snapshot(snapshot)[1])
        where = f"the backup of {machine.host.name} as of index {index}"
        if why := self._ledger.why_not_state(index, total_of(store)):
            self._findings.add(f"{where} {why}")
