"""A manager signs for its own node when nobody believes that node's certificate any more (docs/design/certificates.md 3.8)."""

import random

import pytest
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.api.proto.own_certificate_pb2 import SignOwnCertificateRequest
from swarm_core.ca import certificates, csr, keys
from swarm_core.ca.certificates import NodeIdentity
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager.own_certificate import OwnCertificateApi
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import FailedPrecondition
from swarm_core.store.memory import MemoryStore
from swarm_testkit.manual_clock import START_WALL_NS, ManualClock

HOUR_NS = 3600 * 10**9
ROOT = RootCa.create(START_WALL_NS - 48 * HOUR_NS)
KEY = keys.generate()
CALLER = Caller("n1", frozenset({MANAGER_ROLE}), "org", "", is_local=True)
EXPIRED = NodeIdentity("n1", MANAGER_ROLE, "org", START_WALL_NS - 2 * HOUR_NS, START_WALL_NS - HOUR_NS)
OF_THE_FUTURE = NodeIdentity("n1", MANAGER_ROLE, "org", START_WALL_NS + HOUR_NS, START_WALL_NS + 9 * HOUR_NS)
VALID = NodeIdentity("n1", MANAGER_ROLE, "org", START_WALL_NS - HOUR_NS, START_WALL_NS + HOUR_NS)


async def store_of(*, role: int = types_pb2.MANAGER, ca_key: bytes | None = ROOT.key) -> MemoryStore:
    store = MemoryStore(clock=ManualClock())
    cluster = objects_pb2.Cluster(id="org")
    cluster.spec.annotations.name = "default"
    cluster.root_ca.ca_cert, cluster.root_ca.ca_key = ROOT.certificate, ca_key or b""
    cluster.spec.ca_config.node_cert_expiry.FromSeconds(7200)
    node = objects_pb2.Node(id="n1", role=role)  # type: ignore[arg-type]
    for item in (cluster, node):
        await store.update(lambda tx, item=item: tx.create(item))  # type: ignore[misc]
    return store


async def sign(store: MemoryStore, own: NodeIdentity, *, leads: bool = False) -> bytes:
    api = OwnCertificateApi(store, ManualClock(), lambda: own, lambda: leads, random.Random(1).randbytes)
    request = SignOwnCertificateRequest(csr=csr.create(KEY))
    return (await api.sign_own_certificate(request, CALLER)).certificate


@pytest.mark.parametrize("own", [EXPIRED, OF_THE_FUTURE])
async def test_a_certificate_out_of_its_time(own: NodeIdentity) -> None:
    """The new one is of the same node, of now, for as long as the cluster says, and vouched for by its root."""
    chain = await sign(await store_of(), own)
    certificates.verify_chain(chain, ROOT.certificate, START_WALL_NS)
    found = certificates.identity(chain)
    assert (found.node_id, found.role, found.organization) == ("n1", MANAGER_ROLE, "org")
    assert found.not_after_ns - found.not_before_ns == 3 * HOUR_NS


async def test_when_it_does_not_sign() -> None:
    """Not without need, not instead of the leader, not for a node that is no manager, not without the CA key."""
    for store, own, leads, why in (
        (await store_of(), VALID, False, "is valid"),
        (await store_of(), EXPIRED, True, "leads"),
        (await store_of(role=types_pb2.WORKER), EXPIRED, False, "no manager of the cluster"),
        (MemoryStore(clock=ManualClock()), EXPIRED, False, "no manager of the cluster"),
        (await store_of(ca_key=None), EXPIRED, False, "no CA key to sign with"),
    ):
        with pytest.raises(FailedPrecondition, match=why):
            await sign(store, own, leads=leads)
