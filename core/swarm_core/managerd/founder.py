"""What a manager brings when it takes over as leader: the cluster object and its own node, should they be missing.

The key of a new cluster's root CA waits in a file until the cluster object holds it; then the file goes.
"""

import random
from pathlib import Path

from swarm_core.api.proto import objects_pb2, specs_pb2
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager.cluster_init import Founding, take_over
from swarm_core.managerd.config import ROOT_KEY_FILE, Config
from swarm_core.managerd.credentials import LiveCredentials
from swarm_core.specs.cluster import external_ca
from swarm_core.store.memory import MemoryStore

_AVAILABILITY = {
    "active": specs_pb2.NodeSpec.ACTIVE,
    "pause": specs_pb2.NodeSpec.PAUSE,
    "drain": specs_pb2.NodeSpec.DRAIN,
}


class Founder:
    """Of one manager process. Made before anything else: raises InvalidKey, OSError when the waiting key is of no use."""

    def __init__(
        self, config: Config, credentials: LiveCredentials, store: MemoryStore, rng: random.Random
    ) -> None:
        self._config, self._credentials, self._store, self._rng = config, credentials, store, rng
        self._root_key_path = config.certificates / ROOT_KEY_FILE
        if self.has_root_key:
            # A key that does not fit shall end the start, not every attempt to take over.
            RootCa.load(credentials.tls.roots, self._root_key_path.read_bytes())

    @property
    def has_root_key(self) -> bool:
        """Whether this manager may found a cluster: the file of the CA key goes once the log holds it."""
        return self._root_key_path.exists()

    async def prepare(self) -> None:
        """What a new leader does first. Raises what the store raises."""
        await take_over(self._store, self._founding(), self._root_key_committed)

    def _founding(self) -> Founding:
        config, identity = self._config, self._credentials.identity
        root_key = self._root_key_path.read_bytes() if self.has_root_key else b""
        return Founding(
            cluster_id=identity.organization,
            node_id=identity.node_id,
            root=RootCa.load(self._credentials.tls.roots, root_key or None),
            root_key=root_key,
            heartbeat_tick=config.heartbeat_tick,
            election_tick=config.election_tick,
            availability=_AVAILABILITY[config.availability],
            unlock_key=self._credentials.kek,
            external_cas=tuple(
                external_ca(text, lambda path: Path(path).read_bytes()) for text in config.external_cas
            ),
            networks=config.networks,
            rng=self._rng,
        )

    def _root_key_committed(self) -> None:
        """The cluster object holds the CA key now; the founder's file has done its work."""
        cluster = self._store.get(objects_pb2.Cluster, self._credentials.identity.organization)
        if cluster is not None and cluster.root_ca.ca_key:
            self._root_key_path.unlink(missing_ok=True)
