"""The certificate authority on the leader (docs/design/certificates.md 3.6, 3.7), on a real store."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from swarm_core.api.proto import ca_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.api.timestamps import duration
from swarm_core.ca import certificates, csr, external_ca, keys, tokens
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client import certificates as client
from swarm_core.client.connection import Connection
from swarm_core.client.dial import ManagerConnection, SystemDial
from swarm_core.manager.ca_server import CaServer
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument, NotFound
from swarm_core.rpc.server import Services
from swarm_core.runtime.tasks import cancel_and_wait
from swarm_core.store.memory import MemoryStore
from swarm_testkit.cfssl import CfsslServer, loopback_identity
from swarm_testkit.trust import ORGANIZATION, EagerClock, make_authority, remote_server

AUTHORITY = make_authority()
ROOT = AUTHORITY.root
NOBODY = Caller("", frozenset(), "", "192.0.2.1:5")
WORKER_TOKEN, MANAGER_TOKEN = tokens.generate(ROOT.certificate), tokens.generate(ROOT.certificate)
State, Issue = types_pb2.IssuanceStatus, ca_pb2.IssueNodeCertificateRequest
Status = ca_pb2.NodeCertificateStatusRequest


def make_cluster(*, key: bytes | None = ROOT.key) -> objects_pb2.Cluster:
    cluster = objects_pb2.Cluster(id=ORGANIZATION, VXLANUDPPort=4790)
    cluster.spec.annotations.name = "default"
    cluster.root_ca.ca_cert = ROOT.certificate
    cluster.root_ca.ca_key = key or b""
    cluster.root_ca.join_tokens.worker = WORKER_TOKEN
    cluster.root_ca.join_tokens.manager = MANAGER_TOKEN
    return cluster


class RetryClock(EagerClock):
    """Retries happen when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.retry = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self.retry.wait()
        self.retry.clear()


class Leader:
    """A store with a cluster object, and the CA server running on it."""

    def __init__(self, cluster: objects_pb2.Cluster | None = None) -> None:
        self.clock = RetryClock()
        self.store = MemoryStore(clock=self.clock)
        self.ca = CaServer(self.store, self.clock, random.Random(5), ExternalCas(AUTHORITY.manager))
        self._cluster = cluster

    @asynccontextmanager
    async def leading(self) -> AsyncIterator["Leader"]:
        if self._cluster is not None:
            await self.put(self._cluster)
            self._cluster = None
        task = asyncio.ensure_future(self.ca.run())
        await asyncio.sleep(0)
        async with asyncio.timeout(40):
            try:
                yield self
            finally:
                await cancel_and_wait(task)

    async def put(self, item: Any) -> None:
        await self.store.update(lambda tx: tx.create(item))

    async def change(self, kind: Any, id_: str, edit: Any) -> None:
        def apply(tx: Any) -> None:
            item = kind()
            item.CopyFrom(tx.get(kind, id_))
            edit(item)
            tx.update(item)

        await self.store.update(apply)

    def node(self, node_id: str) -> objects_pb2.Node:
        node = self.store.get(objects_pb2.Node, node_id)
        assert node is not None
        return node

    async def issue(
        self, request: bytes, token: str = WORKER_TOKEN, caller: Caller = NOBODY, **more: Any
    ) -> str:
        answer = await self.ca.issue_node_certificate(Issue(csr=request, token=token, **more), caller)
        assert answer.node_membership == specs_pb2.NodeSpec.ACCEPTED
        return answer.node_id

    async def status(self, node_id: str) -> ca_pb2.NodeCertificateStatusResponse:
        return await self.ca.node_certificate_status(Status(node_id=node_id), NOBODY)


def known(node_id: str, role: str = "swarm-worker") -> Caller:
    return Caller(node_id, frozenset({role}), ORGANIZATION, "192.0.2.1:5")


def new_csr() -> bytes:
    return csr.create(keys.generate())


@pytest.mark.parametrize(
    ("token", "role", "unit"),
    [
        (WORKER_TOKEN, types_pb2.WORKER, "swarm-worker"),
        (MANAGER_TOKEN, types_pb2.MANAGER, "swarm-manager"),
    ],
    ids=["worker", "manager"],
)
async def test_a_token_makes_a_node(token: str, role: Any, unit: str) -> None:
    """A token admits a new node in its role with the asked availability, and its certificate is signed at once."""
    request = new_csr()
    async with Leader(make_cluster()).leading() as leader:
        node_id = await leader.issue(request, token, availability=specs_pb2.NodeSpec.DRAIN)
        answer = await leader.status(node_id)
        node = leader.node(node_id)
    assert (answer.status.state, answer.certificate.csr) == (State.ISSUED, request)
    found = certificates.identity(answer.certificate.certificate)
    assert (found.node_id, found.role, found.organization) == (node_id, unit, ORGANIZATION)
    assert (node.role, node.spec.desired_role, node.certificate.role) == (role, role, role)
    assert (node.spec.membership, node.status.addr) == (specs_pb2.NodeSpec.ACCEPTED, "192.0.2.1")
    assert (node.spec.availability, node.VXLANUDPPort, node.certificate.cn) == (
        specs_pb2.NodeSpec.DRAIN,
        4790,
        node_id,
    )


@pytest.mark.parametrize(
    "token",
    ["", "SWMTKN-1-x", WORKER_TOKEN[:-1], tokens.generate(ROOT.certificate)],
    ids=["none", "garbage", "cut", "of another time"],
)
async def test_wrong_tokens(token: str) -> None:
    """Without one of the two tokens there is no node."""
    async with Leader(make_cluster()).leading() as leader:
        with pytest.raises(InvalidArgument):
            await leader.issue(new_csr(), token)
        assert leader.store.count(objects_pb2.Node) == 0


async def test_empty_requests() -> None:
    """A request without CSR and a question without node are refused; an unknown node is not found."""
    async with Leader(make_cluster()).leading() as leader:
        with pytest.raises(InvalidArgument):
            await leader.issue(b"")
        with pytest.raises(InvalidArgument):
            await leader.status("")
        with pytest.raises(NotFound):
            await leader.status("nobody")


async def test_renewal_keeps_the_observed_role() -> None:
    """A proven node renews for itself, in the role it was given, whatever token it shows."""
    async with Leader(make_cluster()).leading() as leader:
        node_id = await leader.issue(new_csr())
        await leader.status(node_id)
        await leader.change(objects_pb2.Node, node_id, lambda node: setattr(node, "role", types_pb2.MANAGER))
        request = new_csr()
        assert await leader.issue(request, "", known(node_id)) == node_id
        answer = await leader.status(node_id)
        assert answer.certificate.csr == request
        assert certificates.identity(answer.certificate.certificate).role == "swarm-manager"
        with pytest.raises(NotFound):
            await leader.issue(request, WORKER_TOKEN, known("removed"))


async def test_local_renewal() -> None:
    """The control socket's caller renews the certificate of this node."""
    async with Leader(make_cluster()).leading() as leader:
        await leader.put(objects_pb2.Node(id="m1", role=types_pb2.MANAGER))
        local = Caller("m1", frozenset({"swarm-manager"}), ORGANIZATION, "", is_local=True)
        answer = await leader.ca.issue_node_certificate(Issue(csr=new_csr()), local)
        assert answer.node_id == "m1"
        assert (await leader.status("m1")).status.state == State.ISSUED


async def test_a_request_that_cannot_be_signed_fails() -> None:
    """Garbage instead of a CSR ends in FAILED with a reason, and does not hold others up."""
    async with Leader(make_cluster()).leading() as leader:
        bad, good = await asyncio.gather(leader.issue(b"garbage"), leader.issue(new_csr()))
        answer = await leader.status(bad)
        assert answer.status.state == State.FAILED and "signing request" in answer.status.err
        assert (await leader.status(good)).status.state == State.ISSUED


async def test_pending_until_accepted_and_until_there_is_a_key() -> None:
    """Without the CA's key requests wait, and are signed when the cluster gets it, or an operator accepts."""
    async with Leader(make_cluster(key=None)).leading() as leader:
        node_id = await leader.issue(new_csr())
        waiting = asyncio.ensure_future(leader.status(node_id))
        leader.clock.retry.set()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done() and leader.node(node_id).certificate.status.state == State.PENDING

        def give_key(cluster: objects_pb2.Cluster) -> None:
            assert ROOT.key is not None
            cluster.root_ca.ca_key = ROOT.key

        await leader.change(objects_pb2.Cluster, ORGANIZATION, give_key)
        assert (await waiting).status.state == State.ISSUED
        held = objects_pb2.Node(id="held")
        held.certificate.csr, held.certificate.cn = new_csr(), "held"
        held.certificate.status.state = State.PENDING
        await leader.put(held)
        waiting = asyncio.ensure_future(leader.status("held"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        accepted = specs_pb2.NodeSpec.ACCEPTED
        await leader.change(objects_pb2.Node, "held", lambda node: setattr(node.spec, "membership", accepted))
        assert (await waiting).status.state == State.ISSUED


async def test_what_was_pending_before_is_signed_by_a_new_leader() -> None:
    """Gaining leadership, also for the second time, takes up what others left."""
    leader = Leader(make_cluster())
    for number in range(2):
        node = objects_pb2.Node(id=f"n{number}")
        node.certificate.csr, node.certificate.cn = new_csr(), node.id
        node.certificate.status.state = State.RENEW
        await leader.put(node)
        async with leader.leading():
            assert (await leader.status(node.id)).status.state == State.ISSUED


async def test_waiting_ends_with_the_node_and_with_leadership() -> None:
    """Who waits for a removed node hears NOT_FOUND; losing leadership aborts all waits and all calls."""
    leader = Leader(make_cluster(key=None))
    async with leader.leading():
        gone, left = await leader.issue(new_csr()), await leader.issue(new_csr())
        waits = [asyncio.ensure_future(leader.status(node_id)) for node_id in (gone, left, left)]
        await asyncio.sleep(0)
        await leader.store.update(lambda tx: tx.delete(objects_pb2.Node, gone))
        with pytest.raises(NotFound):
            await waits[0]
    for wait in waits[1:]:
        with pytest.raises(Aborted):
            await wait
    with pytest.raises(Aborted):
        await leader.issue(new_csr())
    with pytest.raises(Aborted):
        await leader.status(left)


async def test_a_waiter_that_leaves_is_forgotten() -> None:
    """A cancelled wait leaves nothing behind and does not disturb the others."""
    async with Leader(make_cluster(key=None)).leading() as leader:
        node_id = await leader.issue(new_csr())
        wait = asyncio.ensure_future(leader.status(node_id))
        await asyncio.sleep(0)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        assert leader.ca._waiters == {}


async def test_many_at_once() -> None:
    """Two hundred joiners get two hundred certificates, each for its own key."""
    async with Leader(make_cluster()).leading() as leader:
        request = new_csr()
        ids = await asyncio.gather(*(leader.issue(request) for _ in range(200)))
        answers = await asyncio.gather(*map(leader.status, ids))
    assert len(set(ids)) == 200
    names = [certificates.identity(answer.certificate.certificate).node_id for answer in answers]
    assert names == ids


async def test_expiry_of_the_moment() -> None:
    """A changed expiry counts from the next certificate on."""
    async with Leader(make_cluster()).leading() as leader:

        def shorten(cluster: objects_pb2.Cluster) -> None:
            cluster.spec.ca_config.node_cert_expiry.CopyFrom(duration(7200))

        await leader.change(objects_pb2.Cluster, ORGANIZATION, shorten)
        node_id = await leader.issue(new_csr())
        found = certificates.identity((await leader.status(node_id)).certificate.certificate)
    assert found.not_after_ns - found.not_before_ns == 3 * 3600 * 1_000_000_000


async def test_root_and_unlock_key() -> None:
    """The root bundle is for anybody; the unlock key only comes with autolock; before the cluster exists: ABORTED."""
    leader = Leader(make_cluster())
    with pytest.raises(Aborted):
        await leader.ca.get_root_ca_certificate(ca_pb2.GetRootCACertificateRequest(), NOBODY)
    with pytest.raises(Aborted):
        await leader.ca.get_unlock_key(ca_pb2.GetUnlockKeyRequest(), NOBODY)
    async with leader.leading():
        root = await leader.ca.get_root_ca_certificate(ca_pb2.GetRootCACertificateRequest(), NOBODY)
        assert root.certificate == ROOT.certificate
        assert (await leader.ca.get_unlock_key(ca_pb2.GetUnlockKeyRequest(), NOBODY)).unlock_key == b""

        def lock(cluster: objects_pb2.Cluster) -> None:
            cluster.spec.encryption_config.auto_lock_managers = True
            cluster.unlock_keys.add(subsystem="networking:gossip", key=b"not this")
            cluster.unlock_keys.add(subsystem="swarm-manager", key=b"kek")

        await leader.change(objects_pb2.Cluster, ORGANIZATION, lock)
        answer = await leader.ca.get_unlock_key(ca_pb2.GetUnlockKeyRequest(), NOBODY)
        cluster = leader.store.get(objects_pb2.Cluster, ORGANIZATION)
        assert cluster is not None
        assert (answer.unlock_key, answer.version) == (b"kek", cluster.meta.version)


async def test_a_node_joins_over_the_network() -> None:
    """Root by token digest, certificate by token, then renewal with that certificate: the whole way of a node."""
    clock, rng = EagerClock(), random.Random(2)
    async with Leader(make_cluster()).leading() as leader:
        services = Services()
        for name in ("CA", "NodeCA"):
            services.add(ca_pb2.DESCRIPTOR.services_by_name[name], leader.ca)
        async with remote_server(AUTHORITY, services) as server:
            root = await client.download_root(server.address, token=tokens.parse(WORKER_TOKEN), clock=clock)

            async def join() -> ManagerConnection:
                return await client.connect_to_join(SystemDial(), server.address, root)

            key = keys.generate()
            issued = await client.request(join, csr.create(key), clock=clock, rng=rng, token=WORKER_TOKEN)
            certificates.verify_chain(issued.certificate, root, clock.wall_ns())
            identity = TlsIdentity(root, issued.certificate, keys.pkcs8(key))

            async def renew() -> Connection:
                return await Connection.open(server.address, trust=AUTHORITY.trust(identity), timeout=40)

            renewed = await client.request(renew, csr.create(key), clock=clock, rng=rng)
        assert renewed.node_id == issued.node_id
        assert renewed.certificate != issued.certificate
        assert leader.store.count(objects_pb2.Node) == 1


async def test_an_external_ca_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one speaks for the root it signs, with the node's names; while it is away requests wait; its no is final."""
    monkeypatch.setattr(external_ca, "TRY_S", 40)  # a busy machine may keep it from answering for a while
    cluster = make_cluster(key=None)
    with CfsslServer(ROOT, loopback_identity(ROOT)) as outside:
        cluster.spec.ca_config.external_cas.add(url=outside.url)
        async with Leader(cluster).leading() as leader:
            outside.answer = (503, b"")
            node_id = await leader.issue(new_csr())
            while not outside.requests:
                await asyncio.sleep(0.01)
            assert leader.node(node_id).certificate.status.state == State.PENDING
            outside.answer = None
            waiting = asyncio.get_running_loop().create_task(leader.status(node_id))
            while not waiting.done():
                leader.clock.retry.set()  # the first refusal may still be on its way: only later reminders count
                await asyncio.sleep(0.01)
            found = (await waiting).certificate
            assert certificates.identity(found.certificate).node_id == node_id
            certificates.verify_chain(found.certificate, ROOT.certificate, leader.clock.wall_ns())
            assert outside.requests[-1]["hosts"] == ["swarm-worker", node_id]
            outside.answer = (200, b'{"success": false, "errors": [{"message": "not today"}]}')
            refused = await leader.status(await leader.issue(new_csr()))
            assert refused.status.state == State.FAILED and "not today" in refused.status.err


async def test_certificates_during_a_rotation() -> None:
    """The new key signs, and the cross-signed new root comes along: nodes of either root believe the chain."""
    new = RootCa.create(EagerClock().wall_ns())
    cluster = make_cluster()
    rotation = cluster.root_ca.root_rotation
    rotation.ca_cert, rotation.ca_key = new.certificate, new.key or b""
    rotation.cross_signed_ca_cert = ROOT.cross_sign(new.certificate)
    async with Leader(cluster).leading() as leader:
        chain = (await leader.status(await leader.issue(new_csr()))).certificate.certificate
        assert len(certificates.parse(chain)) == 2
        for roots in (ROOT.certificate, new.certificate):
            certificates.verify_chain(chain, roots, leader.clock.wall_ns())
        assert certificates.issuer(chain, ROOT.certificate) == new.issuer
        root = await leader.ca.get_root_ca_certificate(ca_pb2.GetRootCACertificateRequest(), NOBODY)
        assert root.certificate == ROOT.certificate
