"""What must hold of certificates, roles and tokens.

Rules
1. No serial number is given twice.
2. A token that was replaced admits nobody.
3. In the end every node has the role that is wished for it, in the store and in its certificate; every certificate is valid and
   of the newest root, which all trust; no root is being rotated; the members of raft are the managers.
"""

from collections.abc import Sequence

from swarm_core.api.proto.objects_pb2 import Cluster, Node
from swarm_core.api.proto.types_pb2 import MANAGER
from swarm_core.ca import certificates
from swarm_core.ca.root_ca import RootCa
from swarm_core.specs.defaults import CLUSTER_NAME
from swarm_core.store.by import Name
from swarm_core.store.events import Deleted, Event
from swarm_core.store.memory import MemoryStore

from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.nodes import NodeMachine
from swarm_testkit.simulation.ways import Verifier


class TrustLedger:
    """What the cluster has said about trust, entry by entry."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._serials: dict[int, bytes] = {}
        self.cluster: Cluster | None = None
        self.unlock_keys: list[bytes] = []
        self.old_tokens: list[str] = []
        self.issued = 0
        self.roots: dict[bytes, None] = {}

    def take(self, event: Event) -> None:
        """See Ledger.watchers."""
        item = event.object
        if isinstance(event, Deleted):
            return
        if isinstance(item, Cluster):
            self._take_cluster(item)
        elif isinstance(item, Node) and item.certificate.certificate:
            self._take_certificate(item.certificate.certificate)

    def _take_cluster(self, cluster: Cluster) -> None:
        if self.cluster is not None:
            before, now = self.cluster.root_ca.join_tokens, cluster.root_ca.join_tokens
            for old, new in ((before.worker, now.worker), (before.manager, now.manager)):
                if old != new:
                    self.old_tokens.append(old)
        self.roots[cluster.root_ca.ca_cert] = None
        self.unlock_keys += [one.key for one in cluster.unlock_keys if one.key not in self.unlock_keys]
        self.cluster = cluster

    def _take_certificate(self, chain: bytes) -> None:
        leaf = certificates.parse(chain)[0]
        signature = leaf.signature
        if self._serials.setdefault(leaf.serial_number, signature) != signature:
            self._findings.add(f"serial number {leaf.serial_number:x} was given twice")
        self.issued = len(self._serials)


def missing_trust(store: MemoryStore, machines: Sequence[NodeMachine], verifier: Verifier) -> str:
    """What is not yet as rule 3 says, in a few words."""
    cluster = store.find(Cluster, Name(CLUSTER_NAME))[0]
    if cluster.root_ca.HasField("root_rotation"):
        return "the root CA is still being rotated"
    issuer = RootCa(cluster.root_ca.ca_cert).issuer
    for machine in machines:
        found = machine.identity
        node = None if found is None else store.get(Node, found.node_id)
        if found is None or node is None:
            return f"{machine.host.name} has no node"
        if node.role != node.spec.desired_role or found.is_manager != (node.role == MANAGER):
            return f"the role of {machine.host.name} is {found.role} by its certificate, {node.role} in the store"
        chain, roots = machine.certificate, machine.state.key_file.read_root()
        assert chain is not None
        if roots != cluster.root_ca.ca_cert:
            return f"{machine.host.name} trusts another root than the cluster's"
        if why := verifier.why_not(chain, roots, machine.host.clock.wall_ns()):
            return f"the certificate of {machine.host.name} is of no use: {why}"
        if verifier.issuer(chain, roots) != issuer:
            return f"the certificate of {machine.host.name} is of an old root"
    return ""


def missing_members(store: MemoryStore, machines: Sequence[NodeMachine]) -> str:
    """Whether the members of raft are the managers, everywhere."""
    managers = sorted(node.id for node in store.find(Node) if node.role == MANAGER)
    for machine in machines:
        life = machine.life
        if life is not None and sorted(one.node_id for one in life.raft.members.all()) != managers:
            return f"the members that {machine.host.name} knows are not the managers"
    return ""
