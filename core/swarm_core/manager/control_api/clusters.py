"""The cluster object: read (without its keys) and change (docs/design/control-api.md 4.5).

An update is decided on the object as it was read, which may ask external CAs, and then written in one step if it is
still the same.
"""

import random

from swarm_core.api.autolock import set_unlock_key, unlock_key
from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.api.wire import delimited
from swarm_core.ca import tokens
from swarm_core.ca.chance import Chance
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.manager import root_change
from swarm_core.manager.control_api.nodes import expire_blacklist
from swarm_core.manager.control_api.requests import check_update, copy, known
from swarm_core.manager.control_api.selection import BY_SPEC_LABELS, BY_SPEC_NAME, Selection
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import InvalidArgument
from swarm_core.runtime.clock import Clock
from swarm_core.specs.cluster import check as check_cluster
from swarm_core.specs.defaults import ADDRESS_POOL, SUBNET_SIZE, VXLAN_PORT
from swarm_core.specs.errors import InvalidSpec
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

_FIELD = control_pb2.GetClusterResponse.CLUSTER_FIELD_NUMBER
assert control_pb2.ListClustersResponse.CLUSTERS_FIELD_NUMBER == _FIELD
_SELECTION = Selection(objects_pb2.Cluster, BY_SPEC_NAME, (BY_SPEC_LABELS,))


def redacted(cluster: objects_pb2.Cluster) -> objects_pb2.Cluster:
    """What may leave: no unlock keys, network keys or CA keys; join tokens do."""
    shown = objects_pb2.Cluster(id=cluster.id, meta=cluster.meta, spec=cluster.spec, root_ca=cluster.root_ca)
    shown.spec.ca_config.ClearField("signing_ca_cert")
    shown.spec.ca_config.ClearField("signing_ca_key")
    shown.root_ca.ClearField("ca_key")
    if shown.root_ca.HasField("root_rotation"):
        shown.root_ca.root_rotation.ClearField("ca_key")
    for node_id, entry in cluster.blacklisted_certificates.items():
        shown.blacklisted_certificates[node_id].CopyFrom(entry)
    shown.defaultAddressPool.extend(cluster.defaultAddressPool or [ADDRESS_POOL])
    shown.subnetSize = cluster.subnetSize or SUBNET_SIZE
    shown.VXLANUDPPort = cluster.VXLANUDPPort or VXLAN_PORT
    return shown


class ClustersApi:
    """The Control methods for the cluster object."""

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random, external: ExternalCas) -> None:
        self._chance = rng.randbytes
        self._store = store
        self._clock = clock
        self._external = external
        # By id: a cluster and what is shown of it. The store's objects are replaced, never edited.
        self._encoded: dict[str, tuple[objects_pb2.Cluster, bytes]] = {}

    async def get_cluster(self, request: control_pb2.GetClusterRequest, caller: Caller) -> bytes:
        return self._field(known(self._store, objects_pb2.Cluster, request.cluster_id))

    async def list_clusters(self, request: control_pb2.ListClustersRequest, caller: Caller) -> bytes:
        return b"".join(map(self._field, _SELECTION.found(self._store, request.filters)))

    def _field(self, cluster: objects_pb2.Cluster) -> bytes:
        """A cluster in the answer of both calls, encoded once for each version of it."""
        kept = self._encoded.get(cluster.id)
        if kept is None or kept[0] is not cluster:
            kept = (cluster, delimited(_FIELD, redacted(cluster).SerializeToString()))
            self._encoded[cluster.id] = kept
        return kept[1]

    async def update_cluster(
        self, request: control_pb2.UpdateClusterRequest, caller: Caller
    ) -> control_pb2.UpdateClusterResponse:
        check_update(request, "cluster")
        try:
            check_cluster(request.spec)
        except InvalidSpec as error:
            raise InvalidArgument(str(error)) from None
        seen = known(self._store, objects_pb2.Cluster, request.cluster_id)
        if seen.meta.version != request.cluster_version:
            raise OutOfSequence
        root_ca = await root_change.decide(
            seen, request.spec.ca_config, self._external, self._clock.wall_ns(), self._chance
        )

        def update(tx: Transaction) -> objects_pb2.Cluster:
            known(tx, objects_pb2.Cluster, request.cluster_id)
            cluster = copy(seen)
            cluster.meta.version.CopyFrom(request.cluster_version)
            cluster.spec.CopyFrom(request.spec)
            cluster.root_ca.CopyFrom(root_ca)
            expire_blacklist(cluster, self._clock.wall_ns())
            _rotate_tokens(cluster, request.rotation, self._chance)
            _set_unlock_keys(cluster, self._chance, is_new_asked=request.rotation.manager_unlock_key)
            tx.update(cluster)
            return cluster

        return control_pb2.UpdateClusterResponse(cluster=redacted(await self._store.update(update)))


def _rotate_tokens(cluster: objects_pb2.Cluster, asked: control_pb2.KeyRotation, chance: Chance) -> None:
    root_ca = cluster.root_ca
    if asked.worker_join_token:
        root_ca.join_tokens.worker = tokens.generate(root_ca.ca_cert, fips=cluster.fips, chance=chance)
    if asked.manager_join_token:
        root_ca.join_tokens.manager = tokens.generate(root_ca.ca_cert, fips=cluster.fips, chance=chance)


def _set_unlock_keys(cluster: objects_pb2.Cluster, chance: Chance, *, is_new_asked: bool) -> None:
    """One key for managers while autolock is on, none while it is off."""
    if not cluster.spec.encryption_config.auto_lock_managers:
        set_unlock_key(cluster, None)
    elif is_new_asked or unlock_key(cluster) is None:
        set_unlock_key(cluster, tokens.generate_unlock_key(chance))
