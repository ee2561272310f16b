"""The root CA and what it issues, field by field (docs/design/certificates.md 3.2)."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from swarm_core.ca import certificates, csr, keys, pem
from swarm_core.ca.errors import InvalidCertificate, InvalidKey, InvalidRequest
from swarm_core.ca.root_ca import RootCa

NOON_NS = 1_700_000_000 * 1_000_000_000  # 22:13:20
HOUR = datetime.timedelta(hours=1)


def issue(root: RootCa, role: str = "swarm-manager", **more: float) -> x509.Certificate:
    request = csr.create(keys.generate())
    chain = root.sign(
        request,
        node_id="node1",
        role=role,
        organization="org1",
        wall_ns=NOON_NS,
        **more,  # type: ignore[arg-type]
    )
    return x509.load_pem_x509_certificate(chain)


def extension(certificate: x509.Certificate, kind: type) -> x509.Extension:  # type: ignore[type-arg]
    return certificate.extensions.get_extension_for_class(kind)


def test_root() -> None:
    """`swarm-ca`, twenty years from five minutes ago, signs certificates and lists and nothing else."""
    root = RootCa.create(NOON_NS)
    certificate = x509.load_pem_x509_certificate(root.certificate)
    assert certificate.subject.rfc4514_string() == certificate.issuer.rfc4514_string() == "CN=swarm-ca"
    assert certificate.not_valid_before_utc == datetime.datetime(2023, 11, 14, 22, 8, tzinfo=datetime.UTC)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == datetime.timedelta(
        days=20 * 365
    )
    basic = extension(certificate, x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, None)
    usage = extension(certificate, x509.KeyUsage).value
    assert usage.key_cert_sign and usage.crl_sign and not usage.digital_signature
    assert root.key is not None and root.key.startswith(b"-----BEGIN EC PRIVATE KEY-----")
    assert RootCa.load(root.certificate, root.key) == root


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("swarm-manager", ["swarm-manager", "node1", "swarm-ca"]),
        ("swarm-worker", ["swarm-worker", "node1"]),
    ],
)
def test_node_certificate(role: str, names: list[str]) -> None:
    """Subject O, OU, CN in this order; names by role; usages; keys identified; serial positive."""
    root = RootCa.create(NOON_NS)
    leaf = issue(root, role)
    assert [(a.oid, a.value) for a in leaf.subject] == [
        (NameOID.ORGANIZATION_NAME, "org1"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, role),
        (NameOID.COMMON_NAME, "node1"),
    ]
    assert extension(leaf, x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == names
    usage = extension(leaf, x509.KeyUsage).value
    assert usage.digital_signature and usage.key_encipherment and not usage.key_cert_sign
    purposes = extension(leaf, x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extension(leaf, x509.BasicConstraints).value.ca is False
    issuer = x509.load_pem_x509_certificate(root.certificate)
    assert (
        extension(leaf, x509.AuthorityKeyIdentifier).value.key_identifier
        == extension(issuer, x509.SubjectKeyIdentifier).value.key_identifier
    )
    assert 0 < leaf.serial_number < 1 << 159
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)
    found = certificates.identity(leaf.public_bytes(serialization.Encoding.PEM))
    assert (found.node_id, found.role, found.organization) == ("node1", role, "org1")
    assert found.is_manager == (role == "swarm-manager")


@pytest.mark.parametrize(
    ("expiry_s", "lifetime"), [(7200.0, 3 * HOUR), (60.0, 2161 * HOUR), (2160 * 3600.0, 2161 * HOUR)]
)
def test_validity(expiry_s: float, lifetime: datetime.timedelta) -> None:
    """From one hour before the rounded minute; less than an hour of expiry falls back to ninety days."""
    leaf = issue(RootCa.create(NOON_NS), expiry_s=expiry_s)
    assert leaf.not_valid_before_utc == datetime.datetime(2023, 11, 14, 21, 13, tzinfo=datetime.UTC)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == lifetime


def test_the_request_gives_nothing_but_its_key() -> None:
    """Subject and names that a request asks for are ignored."""
    root, key = RootCa.create(NOON_NS), keys.generate()
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attacker")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("swarm-manager")]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    chain = root.sign(request, node_id="w", role="swarm-worker", organization="o", wall_ns=NOON_NS)
    leaf = x509.load_pem_x509_certificate(chain)
    assert leaf.subject.rfc4514_string() == "CN=w,OU=swarm-worker,O=o"
    assert extension(leaf, x509.BasicConstraints).value.ca is False
    assert extension(leaf, x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == [
        "swarm-worker",
        "w",
    ]


def test_bad_requests() -> None:
    """Garbage and a request whose signature was tampered with are refused."""
    root = RootCa.create(NOON_NS)
    good = x509.load_pem_x509_csr(csr.create(keys.generate()))
    tampered = bytearray(good.public_bytes(serialization.Encoding.DER))
    tampered[-1] ^= 1
    for request in (b"garbage", b"", _pem_of(bytes(tampered))):
        with pytest.raises(InvalidRequest):
            root.sign(request, node_id="n", role="swarm-worker", organization="o", wall_ns=NOON_NS)


def _pem_of(der: bytes) -> bytes:
    return pem.encode(pem.Block("CERTIFICATE REQUEST", der))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384),
        (ec.generate_private_key(ec.SECP521R1()), hashes.SHA512),
        (rsa.generate_private_key(65537, 2048), hashes.SHA256),
        (rsa.generate_private_key(65537, 3072), hashes.SHA384),
    ],
)
def test_signature_follows_the_signer(key: keys.PrivateKey, algorithm: type) -> None:
    """The hash of a signature is chosen by the signing key."""
    root = RootCa.load(_self_signed(key, hashes.SHA256()), keys.pkcs8(key))
    leaf = issue(root)
    assert isinstance(leaf.signature_hash_algorithm, algorithm)
    certificates.verify_chain(leaf.public_bytes(serialization.Encoding.PEM), root.certificate, NOON_NS)


def test_roots_that_are_refused() -> None:
    """Foreign key, leaf as root, weak key, no certificate at all."""
    root, other = RootCa.create(NOON_NS), RootCa.create(NOON_NS)
    with pytest.raises(InvalidKey):
        RootCa.load(root.certificate, other.key)
    leaf = issue(root).public_bytes(serialization.Encoding.PEM)
    weak = _self_signed(rsa.generate_private_key(65537, 1024), hashes.SHA256())
    for certificate in (leaf, weak, b"garbage", b""):
        with pytest.raises(InvalidCertificate):
            RootCa.load(certificate)
    with pytest.raises(InvalidKey):
        issue(RootCa.load(root.certificate))


def _self_signed(key: keys.PrivateKey, algorithm: hashes.HashAlgorithm) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "my own root")])
    begin = datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, algorithm)  # type: ignore[arg-type]
        .public_bytes(serialization.Encoding.PEM)
    )
