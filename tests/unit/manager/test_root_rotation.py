"""The decision table of root CA changes, and how a rotation converges (docs/design/certificates.md 3.13)."""

from collections.abc import Iterator

import pytest
from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.ca import certificates, csr, external_ca, keys, tokens
from swarm_core.ca.external_ca import ExternalCas
from swarm_core.ca.root_ca import RootCa
from swarm_core.manager.root_change import VALIDITY_LEFT_NS, decide
from swarm_core.manager.root_rotation import NODES_PER_ROUND_MAX, PERIOD_S, RootRotation, target_issuer
from swarm_core.rpc.errors import Internal, InvalidArgument, RpcFailure, Unknown
from swarm_testkit.cfssl import CfsslServer, loopback_identity
from swarm_testkit.factories import make_cluster, make_node
from swarm_testkit.leader import Leader
from swarm_testkit.trust import make_authority, now_ns

AUTHORITY = make_authority()
OLD, NEW, OTHER = AUTHORITY.root, RootCa.create(now_ns()), RootCa.create(now_ns())
CAS = ExternalCas(AUTHORITY.manager)
ISSUED, ROTATE = types_pb2.IssuanceStatus.ISSUED, types_pb2.IssuanceStatus.ROTATE
DEAD = "https://127.0.0.1:1/"


def cluster_with(root: RootCa, *, key: bool = True, target: RootCa | None = None) -> objects_pb2.Cluster:
    cluster = make_cluster()
    cluster.root_ca.ca_cert = root.certificate
    cluster.root_ca.ca_key = (root.key or b"") if key else b""
    cluster.root_ca.last_forced_rotation = 3
    if target is not None:
        rotation = cluster.root_ca.root_rotation
        rotation.ca_cert, rotation.ca_key = target.certificate, target.key or b""
        rotation.cross_signed_ca_cert = root.cross_sign(target.certificate)
    return cluster


def config(
    root: RootCa | None = None, *, key: RootCa | None = None, force: int = 3, urls: tuple[str, ...] = ()
) -> types_pb2.CAConfig:
    made = types_pb2.CAConfig(force_rotate=force)
    made.signing_ca_cert = root.certificate if root else b""
    made.signing_ca_key = (key.key or b"") if key else b""
    for url in urls:
        made.external_cas.add(url=url, ca_cert=made.signing_ca_cert)
    return made


async def decided(cluster: objects_pb2.Cluster, wish: types_pb2.CAConfig) -> types_pb2.RootCA:
    return await decide(cluster, wish, CAS, now_ns())


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[CfsslServer]:
    """An external CA for the old root, which a busy machine may keep from answering for a while."""
    monkeypatch.setattr(external_ca, "TRY_S", 40)
    with CfsslServer(OLD, loopback_identity(OLD)) as server:
        yield server


async def refused(
    error: type[RpcFailure], text: str, cluster: objects_pb2.Cluster, wish: types_pb2.CAConfig
) -> None:
    with pytest.raises(error, match=text):
        await decided(cluster, wish)


async def test_rule_1_a_key_alone() -> None:
    """A key without its certificate is refused."""
    await refused(InvalidArgument, "cert must also be provided", cluster_with(OLD), config(key=NEW))


async def test_rule_2_a_root_without_key(outside: CfsslServer) -> None:
    """Its key may be given; otherwise an external CA for it must be reachable, whatever else is asked."""
    cluster = cluster_with(OLD, key=False)
    after = await decided(cluster, config(OLD, key=OLD, force=8))
    assert (after.ca_key, after.last_forced_rotation) == (OLD.key, 8)
    await refused(Unknown, "does not belong", cluster, config(OLD, key=NEW))
    await refused(InvalidArgument, "for the current CA certificate", cluster, config())
    await refused(InvalidArgument, "for the current CA certificate", cluster, config(urls=(DEAD,)))
    assert await decided(cluster, config(urls=(outside.url,))) == cluster.root_ca


async def test_rule_3_nothing_named() -> None:
    """The same number changes nothing, another one starts a rotation to a root of our own."""
    cluster = cluster_with(OLD)
    assert await decided(cluster, config()) == cluster.root_ca
    after = await decided(cluster, config(force=4))
    assert (after.ca_cert, after.ca_key, after.last_forced_rotation) == (OLD.certificate, OLD.key, 4)
    assert after.root_rotation.ca_key and after.root_rotation.ca_cert != OLD.certificate
    running = cluster_with(OLD, target=NEW)
    assert await decided(running, config()) == running.root_ca
    running.root_ca.root_rotation.ca_key = b""
    await refused(InvalidArgument, "for the next CA certificate", running, config())


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        (config(NEW, key=OTHER), "does not belong"),
        (types_pb2.CAConfig(signing_ca_cert=b"?", signing_ca_key=NEW.key), "cannot be used"),
        (
            types_pb2.CAConfig(signing_ca_cert=NEW.certificate + OTHER.certificate, signing_ca_key=NEW.key),
            "exactly one",
        ),
        (config(NEW), "for the desired CA certificate"),
        (config(NEW, urls=(DEAD,)), "for the desired CA certificate"),
        (config(RootCa(certificates.encode(certificates.parse(AUTHORITY.worker().certificate)))), "root"),
    ],
    ids=["foreign key", "no PEM", "two", "no external CA", "dead external CA", "not an authority"],
)
async def test_rule_4_what_is_named_must_be_usable(wish: types_pb2.CAConfig, text: str) -> None:
    """Pair, count and a way to sign are checked."""
    await refused(InvalidArgument, text, cluster_with(OLD), wish)


async def test_rule_4_a_root_that_expires_soon() -> None:
    """At least a year must be left."""
    ends = certificates.not_after_ns(NEW.certificate)
    wish = config(NEW, key=NEW)
    with pytest.raises(InvalidArgument, match="at least one year"):
        await decide(cluster_with(OLD), wish, CAS, ends - VALIDITY_LEFT_NS + 1)
    assert (await decide(cluster_with(OLD), wish, CAS, ends - VALIDITY_LEFT_NS)).HasField("root_rotation")


async def test_rule_5_the_current_root(outside: CfsslServer) -> None:
    """Naming it sets its key, or takes it away where an external CA signs, and calls a running rotation off."""
    running = cluster_with(OLD, target=NEW)
    after = await decided(running, config(OLD, key=OLD, force=9))
    assert (after.ca_key, after.HasField("root_rotation"), after.last_forced_rotation) == (OLD.key, False, 9)
    without = await decided(running, config(OLD, urls=(outside.url,)))
    assert (without.ca_key, without.HasField("root_rotation")) == (b"", False)


async def test_rule_6_the_same_key() -> None:
    """A new certificate for the old key is no rotation."""
    key = keys.load(OLD.key or b"")
    renamed = RootCa.create(now_ns())
    twin = RootCa(renamed.certificate, OLD.key)
    assert keys.public_der(key) != certificates.public_der(certificates.parse(renamed.certificate)[0])
    await refused(InvalidArgument, "does not belong", cluster_with(OLD), config(twin, key=twin))
    again = RootCa(_self_signed_again(OLD), OLD.key)
    await refused(InvalidArgument, "the same as the old", cluster_with(OLD), config(again, key=again))


def _self_signed_again(root: RootCa) -> bytes:
    """Another certificate of the same root: signed by itself, with another serial number."""
    return root.cross_sign(root.certificate)


async def test_rule_7_the_rotation_s_own_target() -> None:
    """Naming it again replaces its key and keeps the cross-signed certificate."""
    running = cluster_with(OLD, target=NEW)
    running.root_ca.root_rotation.ca_key = b""
    after = await decided(running, config(NEW, key=NEW, force=5))
    assert after.root_rotation.ca_key == NEW.key
    assert after.root_rotation.cross_signed_ca_cert == running.root_ca.root_rotation.cross_signed_ca_cert
    assert after.last_forced_rotation == 5


async def test_rule_8_another_target() -> None:
    """Any other root starts a rotation, also in the place of a running one; the current root vouches for it."""
    for cluster in (cluster_with(OLD), cluster_with(OLD, target=OTHER)):
        after = await decided(cluster, config(NEW, key=NEW))
        rotation = after.root_rotation
        assert (rotation.ca_cert, rotation.ca_key) == (NEW.certificate, NEW.key)
        certificates.verify_chain(rotation.cross_signed_ca_cert, OLD.certificate, now_ns())


async def test_leaving_an_external_ca(outside: CfsslServer) -> None:
    """The external CA of the current root cross-signs the next one; without its vote nothing begins."""
    cluster = cluster_with(OLD, key=False)
    wish = config(NEW, key=NEW)
    wish.external_cas.add(url=outside.url)
    after = await decided(cluster, wish)
    certificates.verify_chain(after.root_rotation.cross_signed_ca_cert, OLD.certificate, now_ns())
    assert outside.requests[-1]["profile"] == "CA"
    outside.answer = (500, b"")
    await refused(Internal, "could not be cross-signed", cluster, wish)


async def test_from_one_external_ca_to_another(outside: CfsslServer) -> None:
    """That is not supported."""
    with CfsslServer(NEW, loopback_identity(NEW)) as next_one:
        wish = config(NEW, urls=(next_one.url,))
        wish.external_cas.add(url=outside.url)
        await refused(InvalidArgument, "another external CA", cluster_with(OLD, key=False), wish)


async def test_a_broken_stored_root() -> None:
    """What cannot be read is our fault, not the caller's."""
    await refused(Internal, "cannot be used", make_cluster(), config())


def node_of(number: int, issuer: RootCa | None, state: int = ISSUED) -> objects_pb2.Node:
    node = make_node(f"n{number:02}")
    node.certificate.status.state = state  # type: ignore[assignment]
    if issuer is not None:
        found = issuer.issuer
        node.description.tls_info.cert_issuer_subject = found.subject
        node.description.tls_info.cert_issuer_public_key = found.public_key
    return node


def states(leader: Leader) -> list[int]:
    return [node.certificate.status.state for node in leader.store.find(objects_pb2.Node)]


async def test_nodes_are_asked_thirty_at_a_time() -> None:
    """Those that report another issuer, or none, get ROTATE; those who renew already, or have converged, do not."""
    leader = Leader()
    count = NODES_PER_ROUND_MAX + 5
    await leader.put(cluster_with(OLD, target=NEW), *(node_of(number, OLD) for number in range(count)))
    await leader.put(node_of(90, NEW), node_of(91, OLD, types_pb2.IssuanceStatus.RENEW), node_of(92, None))
    async with leader.running(RootRotation):
        assert states(leader).count(ROTATE) == NODES_PER_ROUND_MAX
        await leader.clock.advance(PERIOD_S)
        assert states(leader).count(ROTATE) == count + 1
        assert states(leader)[-3:] == [ISSUED, types_pb2.IssuanceStatus.RENEW, ROTATE]


async def test_the_end_of_a_rotation() -> None:
    """When all have converged the new root takes over, with its hash and new tokens, and a running one is left alone."""
    leader = Leader()
    cluster = cluster_with(OLD, target=NEW)
    cluster.root_ca.join_tokens.worker = tokens.generate(OLD.certificate)
    await leader.put(cluster, node_of(1, NEW), node_of(2, NEW))
    async with leader.running(RootRotation):
        (after,) = leader.store.find(objects_pb2.Cluster)
        root_ca = after.root_ca
        assert (root_ca.ca_cert, root_ca.ca_key) == (NEW.certificate, NEW.key)
        assert root_ca.ca_cert_hash == tokens.root_hash(NEW.certificate)
        assert not root_ca.HasField("root_rotation") and root_ca.last_forced_rotation == 3
        for token in (root_ca.join_tokens.worker, root_ca.join_tokens.manager):
            assert tokens.parse(token).trusts(NEW.certificate)


async def test_an_issued_certificate_converges() -> None:
    """During a rotation leaves are signed by the new key and trusted under the old root; what a node reports of such a
    chain is what the rotation waits for; afterwards the new root alone suffices."""
    rotation = cluster_with(OLD, target=NEW).root_ca.root_rotation
    signer = RootCa.load(OLD.certificate, rotation.ca_key, rotation.cross_signed_ca_cert)
    chain = signer.sign(
        csr.create(keys.generate()), node_id="n", role="swarm-worker", organization="o", wall_ns=now_ns()
    )
    for roots in (OLD.certificate, NEW.certificate):
        certificates.verify_chain(chain, roots, now_ns())
    assert certificates.issuer(chain, OLD.certificate) == target_issuer(cluster_with(OLD, target=NEW).root_ca)
    assert certificates.issuer(chain, NEW.certificate) == NEW.issuer
