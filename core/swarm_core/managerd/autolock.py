"""Keeps this manager's key file under the cluster's unlock key (docs/design/raft-node.md 2.12).

Rules:
- The cluster object decides: the key of the managers' subsystem, or none; its version is the object's.
- An older version, or the same key, changes nothing. The raft keys are wrapped anew in the same write.
- A new key is told to the node daemon before it is used, so that the daemon can always start this manager again.
- What lay in the clear until now may have been copied: when a manager is locked, its raft key is rotated, and the daemon
  replaces the certificate's key.
"""

import logging
from collections.abc import Callable

from swarm_core.api.autolock import unlock_key
from swarm_core.api.proto import objects_pb2
from swarm_core.ca.errors import CaError
from swarm_core.ca.key_file import Kek, KeyFile
from swarm_core.managerd.credentials import LiveCredentials
from swarm_core.raft_node.log.disk import Disk
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.specs.defaults import CLUSTER_NAME
from swarm_core.store.by import Name
from swarm_core.store.memory import MemoryStore

_log = logging.getLogger(__name__)
Cluster = objects_pb2.Cluster


class Autolock:
    """Runs on every manager. `tell` hands a key to the node daemon, and says whether the key file was in the clear."""

    def __init__(
        self,
        store: MemoryStore,
        key_file: KeyFile,
        keyring: Keyring,
        credentials: LiveCredentials,
        disk: Disk,
        tell: Callable[[bytes, bool], None],
    ) -> None:
        self._store, self._key_file, self._keyring = store, key_file, keyring
        self._credentials, self._disk, self._tell = credentials, disk, tell

    async def run(self) -> None:
        """Follow the cluster object until cancelled."""
        with self._store.subscribe(Cluster) as events:
            await self._apply()
            async for _ in events:
                await self._apply()

    async def _apply(self) -> None:
        for cluster in self._store.find(Cluster, Name(CLUSTER_NAME)):
            wanted = kek_of(cluster)
            try:
                # The thread in which raft, too, writes its keys: one writer at a time.
                await self._disk.run_aside(lambda wanted=wanted: self._put_under(wanted))  # type: ignore[misc]
            except (CaError, OSError) as error:
                _log.error("the node's key file was not put under the cluster's unlock key: %s", error)

    def _put_under(self, wanted: Kek) -> None:
        """In the disk's thread. Raises CaError, OSError."""
        old, version = self._credentials.kek, self._key_file.kek_version()
        if wanted.key == old or wanted.version <= version:
            if wanted.version == version and wanted.key != old:
                _log.error("the cluster has two unlock keys of version %d", version)
            return
        is_locking = old is None
        if wanted.key is not None:
            self._tell(wanted.key, is_locking)
        self._key_file.rekey(old, wanted, self._keyring.rewrap(wanted.key, request_rotation=is_locking))
        self._credentials.kek = wanted.key
        _log.info("the node's key file is %s", "locked" if wanted.key is not None else "unlocked")


def kek_of(cluster: Cluster) -> Kek:
    """The unlock key that managers of this cluster are under."""
    return Kek(unlock_key(cluster), cluster.meta.version.index)
