"""What this manager's clients may lead their certificates through while the cluster's root rotates.

A node that has renewed shows a chain through the new root, signed by the old one. OpenSSL does not follow the one that a Docker
manager makes (see `ca.tls`), so a server has to know it. It stands in the cluster object until the rotation ends.
"""

from collections.abc import Callable

from swarm_core.api.proto.objects_pb2 import Cluster
from swarm_core.store.memory import MemoryStore


class CrossSignedRoot:
    """`pem` is the cross-signed root of now, empty without a rotation."""

    def __init__(self, store: MemoryStore, cluster_id: str) -> None:
        self._store = store
        self._cluster_id = cluster_id
        self._listeners: list[Callable[[], None]] = []
        self.pem = b""

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` when `pem` has changed."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the cluster object until cancelled."""
        with self._store.subscribe(Cluster) as events:
            self._look()
            async for _ in events:
                self._look()

    def _look(self) -> None:
        cluster = self._store.get(Cluster, self._cluster_id)
        pem = b"" if cluster is None else cluster.root_ca.root_rotation.cross_signed_ca_cert
        if pem != self.pem:
            self.pem = pem
            for listener in self._listeners:
                listener()
