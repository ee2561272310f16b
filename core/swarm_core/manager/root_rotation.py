"""Brings a root CA rotation to its end (docs/design/certificates.md 3.13); runs on the leader.

Rules: every three seconds, nodes whose certificate is not yet of the new root are told to renew it, thirty at most.
A node counts as done when it reports the new root's name and key as the issuer of its certificate. When all do, the
new root takes the place of the old one, and both join tokens are made anew, for they name the root.
"""

import logging
import random

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.ca import tokens
from swarm_core.ca.certificates import Issuer
from swarm_core.ca.chance import Chance
from swarm_core.ca.root_ca import RootCa
from swarm_core.runtime.clock import Clock
from swarm_core.specs.defaults import CLUSTER_NAME
from swarm_core.store.by import Name
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction

PERIOD_S = 3.0
NODES_PER_ROUND_MAX = 30
_State = types_pb2.IssuanceStatus
_UNDER_WAY = frozenset({_State.RENEW, _State.PENDING, _State.ROTATE})
_log = logging.getLogger(__name__)
Node = objects_pb2.Node
Cluster = objects_pb2.Cluster


class RootRotation:
    """The component."""

    name = "root rotation"

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._chance = rng.randbytes

    async def run(self) -> None:
        """Look after rotations from gaining leadership until cancelled."""
        while True:
            for cluster in self._store.find(Cluster, Name(CLUSTER_NAME)):
                if cluster.root_ca.HasField("root_rotation"):
                    await self._round(cluster)
            await self._clock.sleep(PERIOD_S)

    async def _round(self, cluster: Cluster) -> None:
        target = target_issuer(cluster.root_ca)
        left = [node for node in self._store.find(Node) if not has_converged(node, target)]
        if not left:
            await self._store.update(lambda tx: _finish(tx, cluster, self._chance))
            _log.info("the root CA rotation is complete")
            return
        due = [node.id for node in left if node.certificate.status.state not in _UNDER_WAY]
        if due:

            def ask(tx: Transaction) -> None:
                for node_id in due[:NODES_PER_ROUND_MAX]:
                    _ask_to_rotate(tx, node_id)

            await self._store.update(ask)


def target_issuer(root_ca: types_pb2.RootCA) -> Issuer:
    """Who shall have signed every certificate when the rotation ends."""
    return RootCa(root_ca.root_rotation.ca_cert).issuer


def has_converged(node: Node, target: Issuer) -> bool:
    """Whether the node's certificate, as the node itself reports it, is of the new root."""
    reported = node.description.tls_info
    return (reported.cert_issuer_subject, reported.cert_issuer_public_key) == (
        target.subject,
        target.public_key,
    )


def _ask_to_rotate(tx: Transaction, node_id: str) -> None:
    stored = tx.get(Node, node_id)
    if stored is None or stored.certificate.status.state in _UNDER_WAY:
        return
    node = Node()
    node.CopyFrom(stored)
    node.certificate.status.state = _State.ROTATE
    tx.update(node)


def _finish(tx: Transaction, seen: Cluster, chance: Chance) -> None:
    """Put the new root in the place of the old one, unless the rotation is another one by now."""
    stored = tx.get(Cluster, seen.id)
    if stored is None or _without_tokens(stored.root_ca) != _without_tokens(seen.root_ca):
        return
    cluster = Cluster()
    cluster.CopyFrom(stored)
    root_ca, rotation = cluster.root_ca, stored.root_ca.root_rotation
    root_ca.ca_cert, root_ca.ca_key = rotation.ca_cert, rotation.ca_key
    root_ca.ca_cert_hash = tokens.root_hash(rotation.ca_cert)
    root_ca.join_tokens.worker = tokens.generate(rotation.ca_cert, fips=cluster.fips, chance=chance)
    root_ca.join_tokens.manager = tokens.generate(rotation.ca_cert, fips=cluster.fips, chance=chance)
    root_ca.ClearField("root_rotation")
    tx.update(cluster)


def _without_tokens(root_ca: types_pb2.RootCA) -> types_pb2.RootCA:
    found = types_pb2.RootCA()
    found.CopyFrom(root_ca)
    found.ClearField("join_tokens")
    return found
