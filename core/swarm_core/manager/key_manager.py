"""Keys of the nodes' overlay networks (docs/design/manager.md 5.6); runs on the leader.

Rules: each subsystem has a ring of three AES-128 keys, told apart by a Lamport clock. Every twelve hours, counted from
the beginning of leadership, the oldest key of a full ring goes and a new one comes. Nodes get the rings with their
sessions.
"""

import random
from collections.abc import Callable

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.runtime.clock import Clock
from swarm_core.specs.defaults import CLUSTER_NAME
from swarm_core.store.by import Name
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

ROTATION_S = 12 * 3600.0
RING = 3
KEY_BYTES = 16
SUBSYSTEMS = ("networking:gossip", "networking:ipsec")
_FIRST_CLOCK_BITS = 16
Cluster = objects_pb2.Cluster


class KeyManager:
    """The component."""

    name = "key manager"

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng

    async def run(self) -> None:
        """Make the first rings if there are none, then rotate, until cancelled."""
        await self._change(self._fill)
        while True:
            await self._clock.sleep(ROTATION_S)
            await self._change(lambda cluster: rotate(cluster, self._rng))

    async def _change(self, edit: Callable[[Cluster], None]) -> None:
        def change(tx: Transaction) -> None:
            for stored in tx.find(Cluster, Name(CLUSTER_NAME)):
                cluster = Cluster()
                cluster.CopyFrom(stored)
                edit(cluster)
                if cluster != stored:
                    tx.update(cluster)

        await self._store.update(change)

    def _fill(self, cluster: Cluster) -> None:
        if cluster.network_bootstrap_keys:
            return
        cluster.encryption_key_lamport_clock = self._rng.getrandbits(_FIRST_CLOCK_BITS)
        for subsystem in SUBSYSTEMS:
            for _ in range(RING):
                _append(cluster, subsystem, self._rng)


def rotate(cluster: Cluster, rng: random.Random) -> None:
    """One new key for each subsystem, in place of the oldest of a full ring."""
    for subsystem in SUBSYSTEMS:
        ring = [key for key in cluster.network_bootstrap_keys if key.subsystem == subsystem]
        if len(ring) >= RING:
            cluster.network_bootstrap_keys.remove(min(ring, key=lambda key: key.lamport_time))
        _append(cluster, subsystem, rng)


def _append(cluster: Cluster, subsystem: str, rng: random.Random) -> None:
    cluster.encryption_key_lamport_clock += 1
    cluster.network_bootstrap_keys.append(
        types_pb2.EncryptionKey(
            subsystem=subsystem,
            algorithm=types_pb2.EncryptionKey.AES_128_GCM,
            key=rng.randbytes(KEY_BYTES),
            lamport_time=cluster.encryption_key_lamport_clock,
        )
    )
