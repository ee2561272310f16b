"""Nodes: read, change, remove (docs/design/control-api.md 4.1)."""

from collections.abc import Callable, Mapping

from cryptography import x509

from swarm_core.api.proto import control_pb2, objects_pb2, types_pb2
from swarm_core.api.states import Actor, may_move
from swarm_core.api.timestamps import NS_PER_S, timestamp, timestamp_ns
from swarm_core.manager.control_api.requests import check_update, copy, known
from swarm_core.manager.control_api.selection import Criterion, Selection, by_labels, by_name
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition, Internal, InvalidArgument, NotFound
from swarm_core.runtime.clock import Clock
from swarm_core.specs.errors import InvalidSpec
from swarm_core.specs.node import check as check_node
from swarm_core.store.by import ByNode, Membership, Name, Role
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

BLACKLIST_KEPT_NS = 7 * 24 * 3600 * NS_PER_S
Members = Callable[[], Mapping[str, types_pb2.ManagerStatus]]
"""Live raft members by node id."""
CanRemove = Callable[[int], bool]
"""Whether raft keeps its quorum without the member of this raft id."""


def _hostname(node: objects_pb2.Node) -> str | None:
    return node.description.hostname if node.HasField("description") else None


_SELECTION = Selection(
    objects_pb2.Node,
    by_name(_hostname),
    (
        Criterion("roles", Role, lambda node, role: node.role == role),
        Criterion("memberships", Membership, lambda node, value: node.spec.membership == value),
        by_labels("labels", lambda node: node.description.engine.labels),
        by_labels("node_labels", lambda node: node.spec.annotations.labels),
    ),
)


class NodesApi:
    """The Control methods for nodes."""

    def __init__(self, store: MemoryStore, clock: Clock, members: Members, can_remove: CanRemove) -> None:
        self._store = store
        self._clock = clock
        self._members = members
        self._can_remove = can_remove

    def _shown(
        self, node: objects_pb2.Node, members: Mapping[str, types_pb2.ManagerStatus]
    ) -> objects_pb2.Node:
        """The node with what raft knows of it; that part is never stored."""
        status = members.get(node.id)
        if status is None:
            return node
        shown = copy(node)
        shown.manager_status.CopyFrom(status)
        return shown

    async def get_node(
        self, request: control_pb2.GetNodeRequest, caller: Caller
    ) -> control_pb2.GetNodeResponse:
        node = known(self._store, objects_pb2.Node, request.node_id)
        return control_pb2.GetNodeResponse(node=self._shown(node, self._members()))

    async def list_nodes(
        self, request: control_pb2.ListNodesRequest, caller: Caller
    ) -> control_pb2.ListNodesResponse:
        found = _SELECTION.found(self._store, request.filters)
        members = self._members()
        return control_pb2.ListNodesResponse(nodes=(self._shown(node, members) for node in found))

    async def update_node(
        self, request: control_pb2.UpdateNodeRequest, caller: Caller
    ) -> control_pb2.UpdateNodeResponse:
        check_update(request, "node")
        try:
            check_node(request.spec)
        except InvalidSpec as error:
            raise InvalidArgument(str(error)) from None

        def update(tx: Transaction) -> objects_pb2.Node:
            stored = known(tx, objects_pb2.Node, request.node_id)
            if (stored.spec.desired_role, request.spec.desired_role) == (types_pb2.MANAGER, types_pb2.WORKER):
                self._check_demotion(stored)
            node = copy(stored)
            node.meta.version.CopyFrom(request.node_version)
            node.spec.CopyFrom(request.spec)
            tx.update(node)
            return node

        node = await self._store.update(update)
        return control_pb2.UpdateNodeResponse(node=self._shown(node, self._members()))

    def _check_demotion(self, node: objects_pb2.Node) -> None:
        """Refuse what the role manager could not carry out."""
        if node.role != types_pb2.MANAGER:
            raise FailedPrecondition(f"node {node.id} is not a manager yet; wait until its promotion is done")
        members = self._members()
        if node.id not in members:
            raise NotFound(f"node {node.id} is not a member of the managers' consensus")
        if len(members) == 1:
            raise FailedPrecondition("attempting to demote the last manager of the swarm")
        if not self._can_remove(members[node.id].raft_id):
            raise FailedPrecondition(
                f"can't remove member from the raft: this would result in a loss of quorum; "
                f"bring back the managers that cannot be reached before demoting {node.id}"
            )

    async def remove_node(
        self, request: control_pb2.RemoveNodeRequest, caller: Caller
    ) -> control_pb2.RemoveNodeResponse:
        def remove(tx: Transaction) -> None:
            node = known(tx, objects_pb2.Node, request.node_id)
            if node.spec.desired_role == types_pb2.MANAGER and node.id in self._members():
                raise FailedPrecondition(
                    f"node {node.id} is a cluster manager and is a member of the raft cluster. "
                    "It must be demoted to worker before removal"
                )
            if node.status.state == types_pb2.NodeStatus.READY and not request.force:
                raise FailedPrecondition(f"node {node.id} is not down; stop it first, or remove it by force")
            clusters = tx.find(objects_pb2.Cluster, Name("default"))
            if len(clusters) != 1:
                raise Internal("there is no single cluster object named default")
            self._blacklist(tx, clusters[0], node)
            self._orphan_tasks(tx, node)
            tx.delete(objects_pb2.Node, node.id)

        await self._store.update(remove)
        return control_pb2.RemoveNodeResponse()

    def _blacklist(self, tx: Transaction, stored: objects_pb2.Cluster, node: objects_pb2.Node) -> None:
        cluster = copy(stored)
        blacklist = cluster.blacklisted_certificates
        expire_blacklist(cluster, self._clock.wall_ns())
        entry = blacklist[node.id]
        try:
            certificate = x509.load_pem_x509_certificate(node.certificate.certificate)
        except ValueError:
            pass  # without a readable certificate the entry has no expiry and stays
        else:
            entry.expiry.FromDatetime(certificate.not_valid_after_utc)
        tx.update(cluster)

    def _orphan_tasks(self, tx: Transaction, node: objects_pb2.Node) -> None:
        now = timestamp(self._clock.wall_ns())
        for stored in tx.find(objects_pb2.Task, ByNode(node.id)):
            if not may_move(stored.status.state, types_pb2.ORPHANED, Actor.REMOVAL):
                continue
            task = copy(stored)
            task.status.state = types_pb2.ORPHANED
            task.status.message = "the task's node was removed from the cluster"
            task.status.timestamp.CopyFrom(now)
            tx.update(task)


def expire_blacklist(cluster: objects_pb2.Cluster, now_ns: int) -> None:
    """Drop entries whose certificate expired more than a week ago, in place."""
    blacklist = cluster.blacklisted_certificates
    for node_id in list(blacklist):
        entry = blacklist[node_id]
        if entry.HasField("expiry") and timestamp_ns(entry.expiry) + BLACKLIST_KEPT_NS < now_ns:
            del blacklist[node_id]
