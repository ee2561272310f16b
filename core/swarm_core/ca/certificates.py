"""Certificates as values: identity, normal form, and whether a chain may be trusted.

A node's identity is its certificate's subject: CN the node id, OU the role, O the cluster's id.
"""

import datetime
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.ca import pem
from swarm_core.ca.errors import InvalidCertificate, OutOfTime

_RSA_BITS_MIN = 2048
_END_OF_TIME_NS = 1 << 63
UNREADABLE = (
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
)
"""What the library raises for parts of a certificate or a request, which it reads only when it is asked for them."""
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
# A cluster has few certificates, and each is looked at again and again: with each connection, by each round of who watches over them.
_KEPT = 256
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who a node certificate speaks for, and from when to when (nanoseconds since the epoch)."""

    node_id: str
    role: str
    organization: str
    not_before_ns: int
    not_after_ns: int

    @property
    def is_manager(self) -> bool:
        return self.role == MANAGER_ROLE


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signed a certificate, as nodes report it: subject and public key, both DER."""

    subject: bytes
    public_key: bytes


def parse(data: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM bundle. Raises InvalidCertificate when there is none or one is unreadable."""
    return list(_parsed(data))


@lru_cache(_KEPT)
def _parsed(data: bytes) -> tuple[x509.Certificate, ...]:
    try:
        found = tuple(_load(block.body) for block in pem.decode(data) if block.kind == pem.CERTIFICATE)
    except UNREADABLE as error:
        raise InvalidCertificate(f"unreadable certificate: {error}") from None
    if not found:
        raise InvalidCertificate("no certificate in PEM form")
    return found


def _load(der: bytes) -> x509.Certificate:
    """Raises one of UNREADABLE. Zero as a serial number is found in roots made by hand, a negative one in damaged certificates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of what is odd and can be read
        certificate = x509.load_der_x509_certificate(der)
        if certificate.serial_number < 0:
            raise ValueError("its serial number is negative")
        # It stands last, behind the number of bits that do not count. The library takes no notice of that, and two texts would be one certificate.
        if der[-len(certificate.signature) - 1] != 0:
            raise ValueError("its signature is no whole number of bytes")
        # All that is read of every certificate, now: whoever has one need not expect a fault in it.
        _ = certificate.subject, certificate.issuer
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return certificate


def encode(chain: list[x509.Certificate]) -> bytes:
    """The certificates as PEM, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)


def normalise(data: bytes) -> bytes:
    """The bundle's certificates alone, without headers or text between them. Raises InvalidCertificate."""
    return encode(parse(data))


def identity(data: bytes) -> NodeIdentity:
    """The identity in the first certificate of a PEM chain. Raises InvalidCertificate."""
    leaf = parse(data)[0]
    return NodeIdentity(
        node_id=_first(leaf, NameOID.COMMON_NAME),
        role=_first(leaf, NameOID.ORGANIZATIONAL_UNIT_NAME),
        organization=_first(leaf, NameOID.ORGANIZATION_NAME),
        not_before_ns=_wall_ns(leaf.not_valid_before_utc),
        not_after_ns=_wall_ns(leaf.not_valid_after_utc),
    )


def issuer(data: bytes, roots: bytes) -> Issuer:
    """Who signed the first certificate of a chain that `roots` vouch for. Raises InvalidCertificate."""
    chain = parse(data)
    for candidate in [*chain[1:], *parse(roots)]:
        if _signed_by(chain[0], candidate):
            return Issuer(candidate.subject.public_bytes(), public_der(candidate))
    raise InvalidCertificate("certificate signed by unknown authority")


def verify_chain(data: bytes, roots: bytes, wall_ns: int, *, allow_expired: bool = False) -> None:
    """Raise InvalidCertificate unless each certificate is signed by its successor, one of them by a root, and all up
    to there are valid now (or, if expired ones are allowed, were all valid at one moment)."""
    _verify(parse(data), roots, wall_ns, allow_expired)


def verify_once_valid(data: bytes, roots: bytes) -> None:
    """As `verify_chain`, at whichever moment."""
    _verify(parse(data), roots, _END_OF_TIME_NS, allow_expired=True)


def verify_server(chain: Sequence[bytes], roots: bytes, wall_ns: int | None, name: str) -> None:
    """Raise InvalidCertificate unless `roots` vouch for a shown chain (DER, leaf first) as `verify_chain` says (at whichever moment
    when `wall_ns` is None), and its leaf is a server's that bears `name`."""
    try:
        found = [_load(one) for one in chain]
    except UNREADABLE as error:
        raise InvalidCertificate(f"unreadable certificate: {error}") from None
    if not found:
        raise InvalidCertificate("no certificate was shown")
    _verify(found, roots, _END_OF_TIME_NS if wall_ns is None else wall_ns, allow_expired=wall_ns is None)
    _check_server(found[0], name)


def _check_server(leaf: x509.Certificate, name: str) -> None:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = names.get_values_for_type(x509.DNSName)
    except UNREADABLE:
        known = []
    if name not in known:
        raise InvalidCertificate(f"certificate is not valid for '{name}'")
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except UNREADABLE as error:
        raise InvalidCertificate(f"certificate's uses cannot be read: {error}") from None
    if ExtendedKeyUsageOID.SERVER_AUTH not in uses and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in uses:
        raise InvalidCertificate("certificate is not for servers")


def _verify(chain: list[x509.Certificate], roots: bytes, wall_ns: int, allow_expired: bool) -> None:
    for certificate, successor in itertools.pairwise(chain):
        if not _signed_by(certificate, successor):
            raise InvalidCertificate("certificate chain is out of order")
    # After a root was rotated it vouches for the leaf itself; the cross-signed certificate behind it leads to the old root.
    paths = [
        [*chain[: length + 1], root]
        for length, certificate in enumerate(chain)
        for root in parse(roots)
        if root == certificate or _signed_by(certificate, root)
    ]
    if not paths:
        raise InvalidCertificate("certificate signed by unknown authority")
    if not any(_valid(path, wall_ns, allow_expired) for path in paths):
        raise OutOfTime(_why_invalid(paths[0], wall_ns))


def verify_root(certificate: x509.Certificate) -> None:
    """Raise InvalidCertificate unless this is a self-signed authority with a key and signature we accept."""
    try:
        key = certificate.public_key()
    except UNREADABLE as error:
        raise InvalidCertificate(f"root key cannot be used: {error}") from None
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= _RSA_BITS_MIN and key.public_numbers().e != 1
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)
    if not strong:
        raise InvalidCertificate(
            "root key must be RSA of 2048 bits or more, or ECDSA on P-256, P-384 or P-521"
        )
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(algorithm, _HASHES):
        raise InvalidCertificate("root must be signed with SHA-256, SHA-384 or SHA-512")
    if not _signed_by(certificate, certificate):
        raise InvalidCertificate("root does not verify against itself")


def verify_roots(data: bytes, wall_ns: int) -> None:
    """Raise InvalidCertificate unless one certificate of a bundle is valid now."""
    roots = parse(data)
    if not any(_valid([root], wall_ns, allow_expired=False) for root in roots):
        raise OutOfTime(f"root {_why_invalid([roots[0]], wall_ns)}")


def not_after_ns(data: bytes) -> int:
    """When the first certificate of a bundle expires. Raises InvalidCertificate."""
    return _wall_ns(parse(data)[0].not_valid_after_utc)


def public_der(certificate: x509.Certificate) -> bytes:
    """The certificate's public key (SubjectPublicKeyInfo, DER). Raises InvalidCertificate for one on a curve that nobody knows, or that is none."""
    try:
        key = certificate.public_key()
    except UNREADABLE as error:
        raise InvalidCertificate(f"certificate's key cannot be used: {error}") from None
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@lru_cache(_KEPT)
def _signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    try:
        limits = signer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(signer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return limits.ca


def _valid(chain: list[x509.Certificate], wall_ns: int, allow_expired: bool) -> bool:
    begin = max(_wall_ns(certificate.not_valid_before_utc) for certificate in chain)
    end = min(_wall_ns(certificate.not_valid_after_utc) for certificate in chain)
    if allow_expired:
        return begin <= min(end, wall_ns)
    return begin <= wall_ns <= end


def _why_invalid(path: list[x509.Certificate], wall_ns: int) -> str:
    begin = max(certificate.not_valid_before_utc for certificate in path)
    end = min(certificate.not_valid_after_utc for certificate in path)
    if wall_ns < _wall_ns(begin):
        return f"certificate is not valid before {begin:%Y-%m-%d %H:%M} UTC; is this machine's clock right?"
    return f"certificate is expired since {end:%Y-%m-%d %H:%M} UTC"


def _first(certificate: x509.Certificate, name: x509.ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(name)
    if not values or not isinstance(values[0].value, str):
        raise InvalidCertificate(f"certificate's subject lacks {name._name}")
    return values[0].value


def _wall_ns(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
