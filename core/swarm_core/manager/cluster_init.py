"""What a new leader makes sure of before anything else runs: the cluster object, its own node object, and the networks that every
cluster has (docs/design/manager.md 5.3, 5.5; docs/design/allocator.md 4.9).

All normally exist; then this changes nothing. The root CA's key reaches the cluster only here: `committed` is
called once the cluster object holds it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from swarm_core.api.autolock import set_unlock_key
from swarm_core.api.ids import new_id
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import duration
from swarm_core.ca import tokens
from swarm_core.ca.chance import SYSTEM, Chance
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager import volume_failures
from swarm_core.manager.service_history import forget_removed
from swarm_core.specs import defaults
from swarm_core.specs.network import PREDEFINED, PREDEFINED_LABEL
from swarm_core.specs.network_defaults import NONE_CHOSEN, NetworkDefaults
from swarm_core.store.by import Name
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Founding:
    """What the first manager brings: identity, root CA, and settings of the default cluster object."""

    cluster_id: str
    node_id: str
    root: RootCa
    root_key: bytes  # PEM; empty when another manager or an external CA signs
    heartbeat_tick: int = 1
    election_tick: int = 10
    availability: int = specs_pb2.NodeSpec.ACTIVE
    unlock_key: bytes | None = None  # autolock from the beginning
    external_cas: tuple[types_pb2.ExternalCA, ...] = ()
    networks: NetworkDefaults = NONE_CHOSEN
    chance: Chance = SYSTEM
    rng: random.Random = field(default_factory=random.SystemRandom)


def new_cluster(founding: Founding) -> objects_pb2.Cluster:
    """The default cluster object."""
    cluster = objects_pb2.Cluster(id=founding.cluster_id)
    spec = cluster.spec
    spec.annotations.name = defaults.CLUSTER_NAME
    spec.orchestration.task_history_retention_limit = defaults.TASK_HISTORY_RETENTION_LIMIT
    spec.dispatcher.heartbeat_period.CopyFrom(duration(defaults.HEARTBEAT_PERIOD_S))
    spec.raft.snapshot_interval = defaults.SNAPSHOT_INTERVAL
    spec.raft.log_entries_for_slow_followers = defaults.LOG_ENTRIES_FOR_SLOW_FOLLOWERS
    spec.raft.heartbeat_tick = founding.heartbeat_tick
    spec.raft.election_tick = founding.election_tick
    spec.ca_config.node_cert_expiry.CopyFrom(duration(defaults.NODE_CERT_EXPIRY_S))
    spec.ca_config.external_cas.extend(founding.external_cas)
    if founding.unlock_key is not None:
        spec.encryption_config.auto_lock_managers = True
        set_unlock_key(cluster, founding.unlock_key)
    certificate = founding.root.certificate
    cluster.root_ca.ca_cert = certificate
    cluster.root_ca.ca_cert_hash = f"sha256:{tokens.root_digest(certificate).hex()}"
    cluster.root_ca.ca_key = founding.root_key
    cluster.root_ca.join_tokens.worker = tokens.generate(certificate, chance=founding.chance)
    cluster.root_ca.join_tokens.manager = tokens.generate(certificate, chance=founding.chance)
    cluster.defaultAddressPool.extend(founding.networks.pools)
    cluster.subnetSize = founding.networks.size
    cluster.VXLANUDPPort = founding.networks.port
    return cluster


def ingress_network(rng: random.Random) -> objects_pb2.Network:
    """The network through which ports are published. The allocator gives it the first subnet."""
    network = objects_pb2.Network(id=new_id(rng))
    network.spec.annotations.name = "ingress"
    network.spec.ingress = True
    # As Docker's managers make it: there, and empty.
    network.spec.driver_config.SetInParent()
    network.spec.ipam.driver.SetInParent()
    return network


def predefined_network(name: str, rng: random.Random) -> objects_pb2.Network:
    """A reference to a network that every Docker Engine has by itself, under the driver's name."""
    network = objects_pb2.Network(id=new_id(rng))
    network.spec.annotations.name = name
    network.spec.annotations.labels[PREDEFINED_LABEL] = "true"
    network.spec.driver_config.name = name
    return network


def own_node(founding: Founding) -> objects_pb2.Node:
    """The first manager's node object."""
    node = objects_pb2.Node(id=founding.node_id, role=types_pb2.MANAGER)
    node.certificate.cn = founding.node_id
    node.certificate.role = types_pb2.MANAGER
    node.certificate.status.state = types_pb2.IssuanceStatus.ISSUED
    node.spec.desired_role = types_pb2.MANAGER
    node.spec.membership = specs_pb2.NodeSpec.ACCEPTED
    node.spec.availability = founding.availability  # type: ignore[assignment]
    node.VXLANUDPPort = founding.networks.port
    return node


async def take_over(store: MemoryStore, founding: Founding, committed: Callable[[], None]) -> None:
    """Create what is missing, and delete what nothing belongs to. Raises what the store raises, e.g. when leadership is lost meanwhile."""

    def create(tx: Transaction) -> None:
        if tx.get(objects_pb2.Cluster, founding.cluster_id) is None:
            tx.create(new_cluster(founding))
            tx.create(ingress_network(founding.rng))
        if tx.get(objects_pb2.Node, founding.node_id) is None:
            tx.create(own_node(founding))
        for name in PREDEFINED:
            # Whoever has a network of that name keeps it.
            if not tx.find(objects_pb2.Network, Name(name)):
                tx.create(predefined_network(name, founding.rng))
        forget_removed(tx)
        volume_failures.forget_settled(tx)

    await store.update(create)
    committed()
