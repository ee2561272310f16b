"""The protocol of external CAs, against a small one over real TLS (docs/design/certificates.md 3.12)."""

import json
from collections.abc import Iterator

import pytest
from swarm_core.api.proto.types_pb2 import ExternalCA
from swarm_core.ca import certificates, csr, external_ca, keys
from swarm_core.ca.errors import ExternalCaRefused, ExternalCaUnavailable
from swarm_core.ca.external_ca import ANSWER_BYTES_MAX, ExternalCas
from swarm_core.ca.root_ca import RootCa
from swarm_testkit.cfssl import CfsslServer, loopback_identity
from swarm_testkit.trust import ORGANIZATION, make_authority, now_ns

AUTHORITY = make_authority()
ROOT = AUTHORITY.root
CAS = ExternalCas(lambda: MANAGER)
MANAGER = AUTHORITY.manager("m7")
REQUEST = external_ca.node_request(
    csr.create(keys.generate()), node_id="n1", role="swarm-worker", organization=ORGANIZATION
)


@pytest.fixture
def server() -> Iterator[CfsslServer]:
    with CfsslServer(ROOT, loopback_identity(ROOT)) as running:
        yield running


async def test_a_node_certificate(server: CfsslServer) -> None:
    """The request names subject, hosts and no profile, the manager shows its own certificate, the answer is usable."""
    chain = await CAS.sign([server.url], REQUEST, roots=ROOT.certificate)
    certificates.verify_chain(chain, ROOT.certificate, now_ns())
    found = certificates.identity(chain)
    assert (found.node_id, found.role, found.organization) == ("n1", "swarm-worker", ORGANIZATION)
    (seen,) = server.requests
    assert seen["subject"] == {"CN": "n1", "names": [{"OU": "swarm-worker", "O": ORGANIZATION}]}
    assert (seen["hosts"], seen["profile"]) == (["swarm-worker", "n1"], "")
    assert server.peers == ["m7"]


async def test_cross_signing(server: CfsslServer) -> None:
    """A new root is vouched for with its own name and key, as an authority."""
    new = RootCa.create(now_ns())
    assert new.key is not None
    request = external_ca.cross_signing_request(new.certificate, new.key)
    signed = await CAS.sign([server.url], request, roots=ROOT.certificate)
    certificates.verify_chain(signed, ROOT.certificate, now_ns())
    issued = RootCa.load(ROOT.certificate, new.key, signed).sign(
        csr.create(keys.generate()), node_id="n", role="swarm-worker", organization="o", wall_ns=now_ns()
    )
    certificates.verify_chain(issued, ROOT.certificate, now_ns())
    certificates.verify_chain(issued, new.certificate, now_ns())
    (extension,) = server.requests[0]["extensions"]
    assert server.requests[0]["profile"] == "CA"
    assert extension == {"id": "2.5.29.19", "critical": True, "value": "30030101ff"}


@pytest.mark.parametrize(
    ("status", "answer", "error", "text"),
    [
        (500, b"{}", ExternalCaUnavailable, "status 500"),
        (200, b"<html>", ExternalCaUnavailable, "cannot be understood"),
        (200, b"[]", ExternalCaUnavailable, "cannot be understood"),
        (200, b"x" * (ANSWER_BYTES_MAX + 1), ExternalCaUnavailable, "too long"),
        (
            200,
            json.dumps({"success": False, "errors": [{"code": 1, "message": "policy"}]}).encode(),
            ExternalCaRefused,
            "refused: policy",
        ),
        (
            200,
            json.dumps({"success": True, "result": {"certificate": "?"}}).encode(),
            ExternalCaRefused,
            "sent no certificate",
        ),
    ],
    ids=["status", "no json", "no object", "too long", "refusal", "no certificate"],
)
async def test_bad_answers(
    server: CfsslServer, status: int, answer: bytes, error: type[Exception], text: str
) -> None:
    """What cannot be understood may be tried again; a no is a no; the reason is told."""
    server.answer = (status, answer)
    with pytest.raises(error, match=text):
        await CAS.sign([server.url], REQUEST, roots=ROOT.certificate)


async def test_the_next_one_is_asked(server: CfsslServer) -> None:
    """An authority that is not there is passed over; with none left the last reason is told."""
    dead = "https://127.0.0.1:1/sign"
    assert await CAS.sign([dead, server.url], REQUEST, roots=ROOT.certificate)
    with pytest.raises(ExternalCaUnavailable, match="cannot be reached: Connection refused"):
        await CAS.sign([dead], REQUEST, roots=ROOT.certificate)
    with pytest.raises(ExternalCaUnavailable, match="no external CA signs"):
        await CAS.sign([], REQUEST, roots=ROOT.certificate)


async def test_reachability(server: CfsslServer) -> None:
    """Reachable is who completes a handshake under the wanted root; plain http never is."""
    await CAS.check_reachable([server.url], roots=ROOT.certificate)
    foreign = make_authority().root.certificate
    for urls, roots, text in (
        ([server.url], foreign, "cannot be reached"),
        (["http://127.0.0.1/"], ROOT.certificate, "must begin with https"),
        ([], ROOT.certificate, "there is no external CA"),
    ):
        with pytest.raises(ExternalCaUnavailable, match=text):
            await CAS.check_reachable(urls, roots=roots)
    assert server.requests == []


def test_who_speaks_for_a_root() -> None:
    """An entry without a certificate speaks for the current root, others for their own; text around PEM is nothing."""
    other = make_authority().root.certificate
    entries = [
        ExternalCA(url="a"),
        ExternalCA(url="b", ca_cert=b"note\n" + other),
        ExternalCA(url="c", ca_cert=ROOT.certificate),
        ExternalCA(url="d", ca_cert=b"?"),
    ]
    assert external_ca.urls_for(entries, ROOT.certificate, current=ROOT.certificate) == ["a", "c"]
    assert external_ca.urls_for(entries, other, current=ROOT.certificate) == ["b"]
