"""The cluster object: what is shown of it, and what an update does (docs/design/control-api.md 4.5)."""

import random

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2
from swarm_core.ca import tokens
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager.control_api.clusters import ClustersApi
from swarm_core.rpc.caller import Caller
from swarm_core.runtime.clock import SystemClock
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_cluster
from swarm_testkit.trust import make_authority, now_ns

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


@pytest.fixture
def api(store: MemoryStore) -> ClustersApi:
    return ClustersApi(store, SystemClock(), random.Random(1), ExternalCas(make_authority().manager))


async def test_cluster_is_redacted(api: ClustersApi, store: MemoryStore) -> None:
    """Keys never leave; join tokens do; rotating one changes only it."""
    cluster, root = make_cluster(), RootCa.create(now_ns())
    assert root.key is not None
    cluster.root_ca.ca_cert, cluster.root_ca.ca_key = root.certificate, root.key
    cluster.unlock_keys.add(key=b"unlock")
    cluster.root_ca.join_tokens.worker, cluster.root_ca.join_tokens.manager = "w", "m"
    await store.update(lambda tx: tx.create(cluster))
    answer = await api.list_clusters(control_pb2.ListClustersRequest(), CALLER)
    (shown,) = control_pb2.ListClustersResponse.FromString(answer).clusters
    assert root.key not in shown.SerializeToString() and b"unlock" not in shown.SerializeToString()
    assert shown.root_ca.join_tokens.worker == "w"
    request = control_pb2.UpdateClusterRequest(
        cluster_id=shown.id, cluster_version=shown.meta.version, spec=shown.spec
    )
    request.rotation.worker_join_token = True
    after = (await api.update_cluster(request, CALLER)).cluster.root_ca.join_tokens
    assert after.worker.startswith("SWMTKN-1-") and after.manager == "m"
    assert store.find(objects_pb2.Cluster)[0].root_ca.ca_key == root.key
    again = await api.get_cluster(control_pb2.GetClusterRequest(cluster_id=shown.id), CALLER)
    assert control_pb2.GetClusterResponse.FromString(again).cluster.root_ca.join_tokens == after


@pytest.fixture
async def cluster(api: ClustersApi, store: MemoryStore) -> objects_pb2.Cluster:
    """A stored cluster with a root CA."""
    cluster, root = make_cluster(), RootCa.create(now_ns())
    cluster.root_ca.ca_cert, cluster.root_ca.ca_key = root.certificate, root.key or b""
    await store.update(lambda tx: tx.create(cluster))
    return cluster


async def update_cluster(api: ClustersApi, store: MemoryStore, **rotation: bool) -> list[bytes]:
    """Store autolock as `autolock` says (kept if it says nothing), with these rotations; the unlock keys afterwards."""
    (stored,) = store.find(objects_pb2.Cluster)
    request = control_pb2.UpdateClusterRequest(
        cluster_id=stored.id, cluster_version=stored.meta.version, spec=stored.spec
    )
    encryption = request.spec.encryption_config
    encryption.auto_lock_managers = rotation.pop("autolock", encryption.auto_lock_managers)
    request.rotation.CopyFrom(control_pb2.KeyRotation(**rotation))
    await api.update_cluster(request, CALLER)
    return [entry.key for entry in store.find(objects_pb2.Cluster)[0].unlock_keys]


@pytest.mark.usefixtures("cluster")
async def test_autolock_keys(api: ClustersApi, store: MemoryStore) -> None:
    """Autolock makes one key, keeps it, changes it when asked, and drops it when it is turned off."""
    assert await update_cluster(api, store, manager_unlock_key=True) == []
    (first,) = await update_cluster(api, store, autolock=True)
    assert len(first) == 32
    assert await update_cluster(api, store) == [first]
    (second,) = await update_cluster(api, store, manager_unlock_key=True)
    assert second != first
    assert await update_cluster(api, store, autolock=False) == []


@pytest.mark.usefixtures("cluster")
async def test_a_rotated_token_is_of_the_same_root(api: ClustersApi, store: MemoryStore) -> None:
    """Both tokens can be rotated; they go on naming the root CA."""
    await update_cluster(api, store, worker_join_token=True, manager_join_token=True)
    (stored,) = store.find(objects_pb2.Cluster)
    worker, manager = stored.root_ca.join_tokens.worker, stored.root_ca.join_tokens.manager
    assert worker != manager
    assert all(tokens.parse(token).trusts(stored.root_ca.ca_cert) for token in (worker, manager))


@pytest.mark.usefixtures("cluster")
async def test_a_forced_rotation_begins(api: ClustersApi, store: MemoryStore) -> None:
    """Another force_rotate starts a rotation to a root of the cluster's own making; an old version is refused."""
    (stored,) = store.find(objects_pb2.Cluster)
    request = control_pb2.UpdateClusterRequest(
        cluster_id=stored.id, cluster_version=stored.meta.version, spec=stored.spec
    )
    request.spec.ca_config.force_rotate = 1
    shown = (await api.update_cluster(request, CALLER)).cluster
    assert shown.root_ca.root_rotation.ca_cert and not shown.root_ca.root_rotation.ca_key
    after = store.find(objects_pb2.Cluster)[0].root_ca
    assert (after.ca_cert, after.last_forced_rotation) == (stored.root_ca.ca_cert, 1)
    assert after.root_rotation.ca_key
    with pytest.raises(OutOfSequence):
        await api.update_cluster(request, CALLER)
