"""The whole cluster with its keys, for the person at this manager's control socket (docs/design/backup.md 17.1).

Rules
1. It is what this manager has applied at one moment: members, store, unlock key. Encoding it holds nothing up.
2. It covers the index of raft's log that the caller names; the manager waits until it has come as far.
3. It holds the node's own key, so it never leaves by the remote API, not even to another manager.
4. One at a time: each is as large as the cluster's state.
"""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

from swarm_core.api import backups
from swarm_core.api.autolock import unlock_key
from swarm_core.api.proto import objects_pb2
from swarm_core.api.proto.backup_pb2 import BackupHead, BackupPart, TakeBackupRequest
from swarm_core.api.version import VERSION
from swarm_core.ca.certificates import identity
from swarm_core.ca.tls import TlsIdentity
from swarm_core.raft_node.log.cluster_snapshot import EncodedState
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition, PermissionDenied, ResourceExhausted, Unavailable
from swarm_core.runtime.clock import Clock
from swarm_core.store.memory import MemoryStore

_log = logging.getLogger(__name__)
BEHIND_S: Final = 10.0
_POLL_S: Final = 0.05


class Replica(Protocol):
    """Port: this manager's copy of what raft agreed on."""

    @property
    def applied_index(self) -> int:
        """Of the last entry in it."""

    async def encoded_state(self) -> EncodedState:
        """As it is when the call begins."""


class BackupApi:
    """Handler of swarmtui.v1.Backup. `own` is what this node shows and whom it trusts; `address` is where others reach it."""

    def __init__(
        self, store: MemoryStore, replica: Replica, clock: Clock, own: Callable[[], TlsIdentity], address: str
    ) -> None:
        self._store, self._replica, self._clock = store, replica, clock
        self._own, self._address = own, address
        self._is_busy = False

    async def take_backup(self, request: TakeBackupRequest, caller: Caller) -> AsyncIterator[BackupPart]:
        """Stream the parts. UNAVAILABLE when this manager stays behind the asked index, RESOURCE_EXHAUSTED while another is taken."""
        if not caller.is_local:
            raise PermissionDenied("Permission denied: a backup is taken at the manager's own control socket")
        if self._is_busy:
            raise ResourceExhausted(
                "another backup of this manager is being taken; try again when it has ended"
            )
        self._is_busy = True
        try:
            await self._until(request.at_least_index)
            # The cluster object is read in the same turn in which the state begins to be taken.
            head = self._head()
            state = await self._replica.encoded_state()
            head.raft_index, head.raft_term = state.index, state.term
            _log.info("a backup is taken as of index %d", state.index)
            for part in backups.parts_of(head, state.data):
                yield part
        finally:
            self._is_busy = False

    async def _until(self, index: int) -> None:
        deadline = self._clock.monotonic() + BEHIND_S
        while self._replica.applied_index < index:
            if self._clock.monotonic() > deadline:
                raise Unavailable(
                    f"this manager is behind the leader (at index {self._replica.applied_index}, wanted {index}); "
                    "try again, or back up at another manager"
                )
            await self._clock.sleep(_POLL_S)

    def _head(self) -> BackupHead:
        own = self._own()
        found = identity(own.certificate)
        cluster = self._store.get(objects_pb2.Cluster, found.organization)
        if cluster is None:
            raise FailedPrecondition("this manager does not know its cluster yet; try again")
        node = self._store.get(objects_pb2.Node, found.node_id)
        return BackupHead(
            format=backups.FORMAT,
            version=VERSION,
            cluster_id=found.organization,
            node_id=found.node_id,
            hostname="" if node is None else node.description.hostname,
            address=self._address,
            taken_at_ns=self._clock.wall_ns(),
            roots=own.roots,
            certificate=own.certificate,
            key=own.key,
            unlock_key=unlock_key(cluster) or b"",
            unlock_key_version=cluster.meta.version.index,
        )
