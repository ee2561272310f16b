"""Nodes: changes, promotion and demotion, removal (docs/design/control-api.md 4.1)."""

import pytest
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.manager.control_api.nodes import NodesApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import (
    FailedPrecondition,
    NotFound,
)
from swarm_core.runtime.clock import SystemClock
from swarm_core.store.errors import OutOfSequence
from swarm_core.store.memory import MemoryStore
from swarm_testkit.factories import make_cluster, make_node, make_task

CALLER = Caller("operator", frozenset({"swarm-manager"}), "org", "127.0.0.1:1", is_local=True)


STUCK = 13  # raft id of the member without which there is no quorum


@pytest.fixture
def members() -> dict[str, types_pb2.ManagerStatus]:
    return {}


@pytest.fixture
def api(store: MemoryStore, members: dict[str, types_pb2.ManagerStatus]) -> NodesApi:
    return NodesApi(store, SystemClock(), lambda: members, lambda raft_id: raft_id != STUCK)


async def test_nodes(api: NodesApi, store: MemoryStore, members: dict[str, types_pb2.ManagerStatus]) -> None:
    """A node's spec is replaced at its version; raft's view of a manager is shown and never stored."""
    await store.update(lambda tx: tx.create(make_node("n1")))
    members["n1"] = types_pb2.ManagerStatus(raft_id=5, leader=True)
    shown = (await api.get_node(control_pb2.GetNodeRequest(node_id="n1"), CALLER)).node
    assert shown.manager_status.leader
    request = control_pb2.UpdateNodeRequest(node_id="n1", node_version=shown.meta.version, spec=shown.spec)
    request.spec.availability = specs_pb2.NodeSpec.DRAIN
    await api.update_node(request, CALLER)
    stored = store.find(objects_pb2.Node)[0]
    assert stored.spec.availability == specs_pb2.NodeSpec.DRAIN
    assert not stored.HasField("manager_status")
    with pytest.raises(OutOfSequence):
        await api.update_node(request, CALLER)


async def set_role(api: NodesApi, node_id: str, role: types_pb2.NodeRole.ValueType) -> None:
    node = (await api.get_node(control_pb2.GetNodeRequest(node_id=node_id), CALLER)).node
    request = control_pb2.UpdateNodeRequest(node_id=node_id, node_version=node.meta.version, spec=node.spec)
    request.spec.desired_role = role
    await api.update_node(request, CALLER)


async def test_promotion_is_a_wish(api: NodesApi, store: MemoryStore) -> None:
    """Promoting a worker changes its desired role; it cannot be demoted before it is a manager."""
    await store.update(lambda tx: tx.create(make_node("n1")))
    await set_role(api, "n1", types_pb2.MANAGER)
    stored = store.find(objects_pb2.Node)[0]
    assert (stored.role, stored.spec.desired_role) == (types_pb2.WORKER, types_pb2.MANAGER)
    with pytest.raises(FailedPrecondition, match="wait until its promotion is done"):
        await set_role(api, "n1", types_pb2.WORKER)


async def test_demotion_is_guarded(
    api: NodesApi, store: MemoryStore, members: dict[str, types_pb2.ManagerStatus]
) -> None:
    """Demoting is refused outside raft, for the last manager, and without quorum; else it is a wish."""
    await store.update(lambda tx: tx.create(make_node("n1", role="MANAGER")))
    with pytest.raises(NotFound, match="not a member"):
        await set_role(api, "n1", types_pb2.WORKER)
    members["n1"] = types_pb2.ManagerStatus(raft_id=STUCK)
    with pytest.raises(FailedPrecondition, match="last manager of the swarm"):
        await set_role(api, "n1", types_pb2.WORKER)
    members["n2"] = types_pb2.ManagerStatus(raft_id=2)
    with pytest.raises(FailedPrecondition, match="loss of quorum"):
        await set_role(api, "n1", types_pb2.WORKER)
    members["n1"].raft_id = 1
    await set_role(api, "n1", types_pb2.WORKER)
    assert store.find(objects_pb2.Node)[0].spec.desired_role == types_pb2.WORKER


async def test_remove_node(api: NodesApi, store: MemoryStore) -> None:
    """A ready node stays unless forced; removal blacklists its certificate and orphans its tasks."""
    await store.update(lambda tx: tx.create(make_cluster()))
    node = make_node("n1")
    node.status.state = types_pb2.NodeStatus.READY
    running = make_task("t1", node_id="n1")
    running.status.state = types_pb2.RUNNING
    await store.update(lambda tx: (tx.create(node), tx.create(running)))
    request = control_pb2.RemoveNodeRequest(node_id="n1")
    with pytest.raises(FailedPrecondition):
        await api.remove_node(request, CALLER)
    request.force = True
    await api.remove_node(request, CALLER)
    assert store.count(objects_pb2.Node) == 0
    assert store.find(objects_pb2.Task)[0].status.state == types_pb2.ORPHANED
    assert "n1" in store.find(objects_pb2.Cluster)[0].blacklisted_certificates
