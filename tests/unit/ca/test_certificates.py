"""Chains: who may be trusted, and when."""

import base64
import re

import pytest
from swarm_core.api.names import MANAGER_ROLE, WORKER_ROLE
from swarm_core.ca import certificates, csr, keys, pem
from swarm_core.ca.errors import InvalidCertificate
from swarm_core.ca.root_ca import NODE_EXPIRY_S, RootCa
from swarm_testkit.trust import make_authority, now_ns

SECOND_NS = 1_000_000_000
AUTHORITY = make_authority()


def test_a_chain_to_the_root_is_trusted() -> None:
    """A fresh certificate holds, also with more roots in the bundle."""
    leaf = AUTHORITY.manager().certificate
    other = make_authority().root.certificate
    certificates.verify_chain(leaf, AUTHORITY.root.certificate, now_ns())
    certificates.verify_chain(leaf, other + AUTHORITY.root.certificate, now_ns())


def test_strangers_are_not() -> None:
    """Another root, a worker's key as issuer, a wrong order and garbage are refused."""
    node = AUTHORITY.worker()
    forger = RootCa(node.certificate, node.key)
    forged = forger.sign(
        csr.create(keys.generate()), node_id="x", role=MANAGER_ROLE, organization="o", wall_ns=now_ns()
    )
    unrelated = AUTHORITY.manager().certificate
    roots = AUTHORITY.root.certificate
    for chain, trusted in (
        (node.certificate, make_authority().root.certificate),
        (forged + node.certificate, roots),
        (forged, roots),
        (node.certificate + unrelated, roots),
        (b"garbage", roots),
    ):
        with pytest.raises(InvalidCertificate):
            certificates.verify_chain(chain, trusted, now_ns())


def test_a_signature_is_whole_bytes() -> None:
    """The number of its bits that do not count is 0: with another one the same signature would stand in two certificates."""
    roots = AUTHORITY.root.certificate
    while True:
        (block,) = pem.decode(AUTHORITY.manager().certificate)
        # Only zeros can be said not to count.
        if not block.body[-1] & 1:
            break
    signature = certificates.parse(pem.encode(block))[0].signature
    body = bytearray(block.body)
    body[-len(signature) - 1] = 1
    changed = pem.encode(pem.Block(block.kind, bytes(body), block.headers))
    certificates.verify_chain(pem.encode(block), roots, now_ns())
    for judge in (
        lambda: certificates.verify_chain(changed, roots, now_ns()),
        lambda: certificates.verify_server([bytes(body)], roots, now_ns(), "swarm-manager"),
    ):
        with pytest.raises(InvalidCertificate, match="whole number of bytes"):
            judge()


def test_expiry() -> None:
    """An expired certificate is refused unless that is allowed; one of the future is refused in any case."""
    leaf, roots = AUTHORITY.node("n", WORKER_ROLE).certificate, AUTHORITY.root.certificate
    late = now_ns() + (NODE_EXPIRY_S + 7200) * SECOND_NS
    early = now_ns() - 2 * 3600 * SECOND_NS
    with pytest.raises(InvalidCertificate, match="expired"):
        certificates.verify_chain(leaf, roots, late)
    certificates.verify_chain(leaf, roots, late, allow_expired=True)
    for allowed in (False, True):
        with pytest.raises(InvalidCertificate):
            certificates.verify_chain(leaf, roots, early, allow_expired=allowed)


def test_normal_form() -> None:
    """Text and carriage returns go, certificates and their order stay."""
    one, two = AUTHORITY.root.certificate, make_authority().root.certificate
    assert certificates.normalise(b"# mine\n" + one.replace(b"\n", b"\r\n") + b"\n\n" + two) == one + two


def test_issuer() -> None:
    """Subject and public key of whoever signed, as nodes report it."""
    issuer = certificates.issuer(AUTHORITY.worker().certificate, AUTHORITY.root.certificate)
    root = certificates.parse(AUTHORITY.root.certificate)[0]
    assert (issuer.subject, issuer.public_key) == (root.subject.public_bytes(), certificates.public_der(root))
    with pytest.raises(InvalidCertificate):
        certificates.issuer(AUTHORITY.worker().certificate, make_authority().root.certificate)


def test_identity_needs_a_whole_subject() -> None:
    """A certificate without organization names nobody."""
    with pytest.raises(InvalidCertificate, match="lacks"):
        certificates.identity(AUTHORITY.root.certificate)


def _with_serial(first_byte: int) -> bytes:
    """The root's certificate with another first byte of its serial number."""
    der = bytearray(base64.b64decode(b"".join(AUTHORITY.root.certificate.splitlines()[1:-1])))
    at = re.search(rb"\xa0\x03\x02\x01\x02\x02.", der, re.DOTALL)
    assert at is not None
    der[at.end()] = first_byte
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def test_a_negative_serial_number() -> None:
    """It is refused with a sentence, and without a warning of the library's."""
    certificates.parse(_with_serial(0x7F))
    with pytest.raises(InvalidCertificate, match="serial number is negative"):
        certificates.parse(_with_serial(0x80))
