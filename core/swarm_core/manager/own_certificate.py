"""Another certificate for the manager's own node when nobody believes the present one (docs/design/certificates.md 3.8).

A certificate that is expired, or was issued by a clock that was ahead, is refused by every other manager, so no leader can
renew it: managers that were all off for longer than their certificates live would never elect one. A manager has the cluster's CA key in its copy
of the cluster object and signs for its own node. It does so only then, and only while it does not lead: a leader renews its
own node as any other.
"""

import logging
from collections.abc import Callable

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.own_certificate_pb2 import SignOwnCertificateRequest, SignOwnCertificateResponse
from swarm_core.api.timestamps import duration_s
from swarm_core.ca.certificates import NodeIdentity
from swarm_core.ca.chance import Chance
from swarm_core.ca.errors import CaError
from swarm_core.ca.root_ca import NODE_EXPIRY_S, RootCa
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition
from swarm_core.runtime.clock import Clock
from swarm_core.store.memory import MemoryStore

_log = logging.getLogger(__name__)


class OwnCertificateApi:
    """Handler of swarmtui.v1.OwnCertificate. `identity` is this node's own by its certificate of now."""

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        identity: Callable[[], NodeIdentity],
        leads: Callable[[], bool],
        chance: Chance,
    ) -> None:
        self._store, self._clock = store, clock
        self._identity, self._leads, self._chance = identity, leads, chance

    async def sign_own_certificate(
        self, request: SignOwnCertificateRequest, caller: Caller
    ) -> SignOwnCertificateResponse:
        """Sign for this node. FAILED_PRECONDITION when there is no need, or when this manager may not or cannot."""
        own, now_ns = self._identity(), self._clock.wall_ns()
        if own.not_before_ns <= now_ns <= own.not_after_ns:
            raise FailedPrecondition("the node's certificate is valid; the leader renews it")
        if self._leads():
            raise FailedPrecondition("this manager leads; it renews its own node as any other")
        cluster = self._store.get(objects_pb2.Cluster, own.organization)
        node = self._store.get(objects_pb2.Node, own.node_id)
        if cluster is None or node is None or node.role != types_pb2.MANAGER:
            raise FailedPrecondition("this node is no manager of the cluster, as far as it knows")
        try:
            chain = RootCa.of_cluster(cluster.root_ca).sign(
                request.csr,
                node_id=own.node_id,
                role=MANAGER_ROLE,
                organization=own.organization,
                wall_ns=now_ns,
                expiry_s=duration_s(cluster.spec.ca_config.node_cert_expiry) or NODE_EXPIRY_S,
                chance=self._chance,
            )
        except CaError as error:
            raise FailedPrecondition(f"this manager cannot sign its own certificate: {error}") from None
        _log.warning("the node's certificate is out of its time; this manager has signed another")
        return SignOwnCertificateResponse(certificate=chain)
