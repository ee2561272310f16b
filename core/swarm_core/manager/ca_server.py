"""The certificate authority on the leader: services CA and NodeCA, and the loop that signs (docs/design/certificates.md 3.6, 3.7).

Rules:
- A request becomes the node object's certificate in state PENDING or RENEW; the loop signs what is there, whoever asked.
- This is the only place where node objects come from a join: a token decides the role, its root's digest is the joiner's
  affair.
- External CAs that speak for the root sign, if there are any; else the cluster's own key does.
- A request that can never be signed FAILS; one that cannot be signed now (no key here, no external CA reached) stays and
  is tried again.
- Who waits for a status is told by the events the loop reads anyway. Without leadership every call is ABORTED.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from swarm_core.api.autolock import unlock_key
from swarm_core.api.ids import new_id
from swarm_core.api.names import MANAGER_ROLE, WORKER_ROLE
from swarm_core.api.proto import ca_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import duration_s
from swarm_core.ca import external_ca, tokens
from swarm_core.ca.errors import CaError, ExternalCaUnavailable, InvalidKey
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.root_ca import NODE_EXPIRY_S, RootCa
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument, NotFound, ResourceExhausted
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.specs.defaults import CLUSTER_NAME
from swarm_core.store.by import Name
from swarm_core.store.errors import ObjectExists
from swarm_core.store.events import Commit, Deleted
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_core.watch.queue import Subscription

RETRY_S = 10.0
WAITERS_MAX = 65_536
SIGNED_PER_ROUND_MAX = 64
_ID_TRIES = 3
_LOGGER = logging.getLogger(__name__)
_State = types_pb2.IssuanceStatus
_FINAL = frozenset({_State.ISSUED, _State.FAILED, _State.ROTATE})
_OU = {types_pb2.MANAGER: MANAGER_ROLE, types_pb2.WORKER: WORKER_ROLE}
_Waiter = asyncio.Future[objects_pb2.Node]
_NOT_RUNNING = "the certificate authority is not running on this manager"


class CaServer:
    """Handler of CA and NodeCA, and the component behind it."""

    name = "ca server"

    def __init__(self, store: MemoryStore, clock: Clock, rng: random.Random, external: ExternalCas) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._external = external
        self._root: RootCa | None = None
        self._root_source: types_pb2.RootCA | None = None
        self._pending: set[str] = set()
        self._wake = asyncio.Event()
        self._waiters: dict[str, set[_Waiter]] = {}
        self._runs = False

    # the loop

    async def run(self) -> None:
        """Sign what is pending, from gaining leadership until cancelled."""
        with self._store.subscribe(objects_pb2.Node, objects_pb2.Cluster) as events:
            self._root_source = None
            self._load_root()
            self._pending = {node.id for node in self._store.find(objects_pb2.Node) if _is_due(node)}
            self._wake.set()
            self._runs = True
            try:
                async with Group() as group:
                    group.spawn(self._follow(events), name="ca events")
                    group.spawn(self._sign(), name="ca signing")
                    group.spawn(self._remind(), name="ca retry")
            finally:
                self._runs = False
                self._root = None
                for node_id in list(self._waiters):
                    self._answer(node_id, Aborted(_NOT_RUNNING))

    async def _follow(self, events: Subscription[Commit]) -> None:
        async for commits in events:
            for commit in commits:
                for event in commit.events:
                    self._note(event.object, deleted=isinstance(event, Deleted))

    def _note(self, changed: object, *, deleted: bool) -> None:
        if isinstance(changed, objects_pb2.Cluster):
            self._load_root()
            self._wake.set()
        elif isinstance(changed, objects_pb2.Node):
            if deleted:
                self._pending.discard(changed.id)
                self._answer(changed.id, NotFound(f"node {changed.id} not found"))
            elif _is_due(changed):
                self._pending.add(changed.id)
                self._wake.set()
            elif changed.id in self._waiters:
                # The event may be older than the request that is waited for; the store is not.
                node = self._store.get(objects_pb2.Node, changed.id)
                if node is not None and node.certificate.status.state in _FINAL:
                    self._answer(changed.id, node)

    async def _remind(self) -> None:
        while True:
            await self._clock.sleep(RETRY_S)
            if self._pending:
                self._wake.set()

    async def _sign(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            failed: set[str] = set()
            while (root := self._root) is not None and self._pending:
                failed |= await self._sign_some(root)
            self._pending |= failed

    async def _sign_some(self, root: RootCa) -> set[str]:
        """Sign some of what is pending; the ids of those to try again later."""
        node_ids = sorted(self._pending)[:SIGNED_PER_ROUND_MAX]
        cluster = self._cluster()
        assert cluster is not None  # the root came from it, and it is never deleted
        # Taken out first: a request that comes while these are written counts anew.
        self._pending.difference_update(node_ids)
        nodes = [self._store.get(objects_pb2.Node, node_id) for node_id in node_ids]
        due = [node for node in nodes if node is not None and _is_due(node)]
        answers = await asyncio.gather(*(self._answer_for(node, root, cluster) for node in due))
        decided = [(node, answer) for node, answer in zip(due, answers, strict=True) if answer is not None]
        failed = {node.id for node, answer in zip(due, answers, strict=True) if answer is None}
        changes = [_storing(node, answer) for node, answer in decided]
        for (node, _), error in zip(decided, await self._store.batch(changes), strict=True):
            if error is not None:
                _LOGGER.warning("the certificate of node %s was not stored: %s", node.id, error)
                failed.add(node.id)
        return failed

    async def _answer_for(
        self, node: objects_pb2.Node, root: RootCa, cluster: objects_pb2.Cluster
    ) -> types_pb2.Certificate | None:
        """The node's certificate as it will be stored: issued, or failed for good; None when it must wait."""
        answer = types_pb2.Certificate()
        answer.CopyFrom(node.certificate)
        try:
            answer.certificate = await self._sign_one(node.certificate, root, cluster)
            answer.status.state, answer.status.err = _State.ISSUED, ""
        except (ExternalCaUnavailable, InvalidKey) as error:
            _LOGGER.warning("the certificate of node %s cannot be issued now: %s", node.id, error)
            return None
        except CaError as error:
            _LOGGER.warning("the certificate of node %s cannot be issued: %s", node.id, error)
            answer.status.state, answer.status.err = _State.FAILED, str(error)
        return answer

    async def _sign_one(
        self, asked: types_pb2.Certificate, root: RootCa, cluster: objects_pb2.Cluster
    ) -> bytes:
        """The chain for a request. Raises CaError."""
        role, root_ca = _OU[asked.role], cluster.root_ca
        target = root_ca.root_rotation.ca_cert or root_ca.ca_cert
        urls = external_ca.urls_for(cluster.spec.ca_config.external_cas, target, current=root_ca.ca_cert)
        if urls:
            request = external_ca.node_request(
                asked.csr, node_id=asked.cn, role=role, organization=cluster.id
            )
            trusted = root_ca.ca_cert + root_ca.root_rotation.ca_cert
            return await self._external.sign(urls, request, roots=trusted) + root.intermediates
        return root.sign(
            asked.csr,
            node_id=asked.cn,
            role=role,
            organization=cluster.id,
            wall_ns=self._clock.wall_ns(),
            expiry_s=duration_s(cluster.spec.ca_config.node_cert_expiry) or NODE_EXPIRY_S,
            chance=self._rng.randbytes,
        )

    # the calls

    async def get_root_ca_certificate(
        self, request: ca_pb2.GetRootCACertificateRequest, caller: Caller
    ) -> ca_pb2.GetRootCACertificateResponse:
        """The trust bundle, for anybody."""
        cluster = self._cluster()
        if cluster is None or not cluster.root_ca.ca_cert:
            raise Aborted(_NOT_RUNNING)
        return ca_pb2.GetRootCACertificateResponse(certificate=cluster.root_ca.ca_cert)

    async def get_unlock_key(
        self, request: ca_pb2.GetUnlockKeyRequest, caller: Caller
    ) -> ca_pb2.GetUnlockKeyResponse:
        """The key that opens managers' key files; empty without autolock."""
        cluster = self._cluster()
        if cluster is None:
            raise Aborted(_NOT_RUNNING)
        answer = ca_pb2.GetUnlockKeyResponse(version=cluster.meta.version)
        if cluster.spec.encryption_config.auto_lock_managers:
            answer.unlock_key = unlock_key(cluster) or b""
        return answer

    async def issue_node_certificate(
        self, request: ca_pb2.IssueNodeCertificateRequest, caller: Caller
    ) -> ca_pb2.IssueNodeCertificateResponse:
        """Take a request: a renewal for who proves to be a node, a new node for who shows a token."""
        if not request.csr:
            raise InvalidArgument("a certificate signing request is required")
        cluster = self._cluster()
        if not self._runs or cluster is None:
            raise Aborted(_NOT_RUNNING)
        if caller.node_id:
            return await self._renew(caller.node_id, request.csr)
        join_tokens = cluster.root_ca.join_tokens
        if tokens.matches(request.token, join_tokens.manager):
            role = types_pb2.MANAGER
        elif tokens.matches(request.token, join_tokens.worker):
            role = types_pb2.WORKER
        else:
            raise InvalidArgument("A valid join token is necessary to join this cluster")
        node = _new_node(request, role, cluster.VXLANUDPPort)
        # Known from here on: whoever looks at the nodes need not wait for its first session.
        node.status.addr = caller.host
        return await self._admit(node)

    async def node_certificate_status(
        self, request: ca_pb2.NodeCertificateStatusRequest, caller: Caller
    ) -> ca_pb2.NodeCertificateStatusResponse:
        """Wait until the node's request is decided, then say how."""
        if not request.node_id:
            raise InvalidArgument("the node's id is required")
        if not self._runs:
            raise Aborted(_NOT_RUNNING)
        node = self._store.get(objects_pb2.Node, request.node_id)
        if node is None:
            raise NotFound(f"node {request.node_id} not found")
        if node.certificate.status.state not in _FINAL:
            node = await self._decided(request.node_id)
        certificate = node.certificate
        return ca_pb2.NodeCertificateStatusResponse(status=certificate.status, certificate=certificate)

    # their parts

    async def _renew(self, node_id: str, csr: bytes) -> ca_pb2.IssueNodeCertificateResponse:
        def renew(tx: Transaction) -> objects_pb2.Node:
            stored = tx.get(objects_pb2.Node, node_id)
            if stored is None:
                raise NotFound(f"node {node_id} not found when attempting to renew certificate")
            node = _copy(stored)
            node.certificate.CopyFrom(types_pb2.Certificate(role=stored.role, csr=csr, cn=node_id))
            node.certificate.status.state = _State.RENEW
            tx.update(node)
            return node

        node = await self._store.update(renew)
        return ca_pb2.IssueNodeCertificateResponse(node_id=node_id, node_membership=node.spec.membership)

    async def _admit(self, node: objects_pb2.Node) -> ca_pb2.IssueNodeCertificateResponse:
        for tries_left in reversed(range(_ID_TRIES)):
            node = _named(node, new_id(self._rng))
            node_id = node.id
            try:
                await self._store.update(lambda tx, node=node: tx.create(node))  # type: ignore[misc]
                break
            except ObjectExists:
                if not tries_left:
                    raise
        _LOGGER.info("node %s was admitted as %s", node_id, _OU[node.role])
        return ca_pb2.IssueNodeCertificateResponse(
            node_id=node_id, node_membership=specs_pb2.NodeSpec.ACCEPTED
        )

    async def _decided(self, node_id: str) -> objects_pb2.Node:
        if sum(map(len, self._waiters.values())) >= WAITERS_MAX:
            raise ResourceExhausted("too many nodes wait for their certificates")
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(node_id, set())
        waiters.add(waiter)
        try:
            return await waiter
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiters.get(node_id) is waiters:
                del self._waiters[node_id]

    def _answer(self, node_id: str, outcome: objects_pb2.Node | Exception) -> None:
        for waiter in self._waiters.pop(node_id, ()):
            if waiter.done():
                continue
            if isinstance(outcome, Exception):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)

    def _cluster(self) -> objects_pb2.Cluster | None:
        found = self._store.find(objects_pb2.Cluster, Name(CLUSTER_NAME))
        return found[0] if found else None

    def _load_root(self) -> None:
        cluster = self._cluster()
        if cluster is None or cluster.root_ca == self._root_source:
            return
        self._root_source = cluster.root_ca
        self._root = None
        try:
            self._root = RootCa.of_cluster(cluster.root_ca)
        except CaError as error:
            _LOGGER.error("the cluster's root CA cannot be used, nothing will be signed: %s", error)


def _is_due(node: objects_pb2.Node) -> bool:
    state = node.certificate.status.state
    accepted = node.spec.membership == specs_pb2.NodeSpec.ACCEPTED
    return state == _State.RENEW or (state == _State.PENDING and accepted)


def _new_node(
    request: ca_pb2.IssueNodeCertificateRequest,
    role: "types_pb2.NodeRole.ValueType",
    vxlan_port: int,
) -> objects_pb2.Node:
    node = objects_pb2.Node(role=role, VXLANUDPPort=vxlan_port)
    node.spec.desired_role = role
    node.spec.membership = specs_pb2.NodeSpec.ACCEPTED
    node.spec.availability = request.availability
    node.certificate.CopyFrom(types_pb2.Certificate(csr=request.csr, role=role))
    node.certificate.status.state = _State.PENDING
    return node


def _named(node: objects_pb2.Node, node_id: str) -> objects_pb2.Node:
    named = _copy(node)
    named.id = named.certificate.cn = node_id
    return named


def _copy(node: objects_pb2.Node) -> objects_pb2.Node:
    copy = objects_pb2.Node()
    copy.CopyFrom(node)
    return copy


def _storing(node: objects_pb2.Node, issued: types_pb2.Certificate) -> Callable[[Transaction], None]:
    def store(tx: Transaction) -> None:
        stored = tx.get(objects_pb2.Node, node.id)
        # Another request may have come meanwhile: it is pending by itself.
        if stored is not None and stored.certificate == node.certificate:
            changed = _copy(stored)
            changed.certificate.CopyFrom(issued)
            tx.update(changed)

    return store
