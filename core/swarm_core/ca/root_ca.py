"""The cluster's certificate authority: its trust bundle and, where this member has it, its signing key.

A node certificate says who (CN, OU, O), for which names (SAN) and how long, all chosen here: from the request
only the key is taken. Times come in as nanoseconds; serial numbers and keys come from the chance that is passed in.
"""

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swarm_core.api.names import CA_ROLE, MANAGER_ROLE
from swarm_core.ca import certificates, csr, keys
from swarm_core.ca.chance import SYSTEM, Chance
from swarm_core.ca.errors import InvalidKey

if TYPE_CHECKING:
    from swarm_core.api.proto.types_pb2 import RootCA

ROOT_VALIDITY_S = 20 * 365 * 24 * 3600
NODE_EXPIRY_S = 90 * 24 * 3600
NODE_EXPIRY_MIN_S = 3600
_ROOT_BACKDATE_S = 5 * 60
_NODE_BACKDATE_S = 3600
_SERIAL_BYTES = 20
_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class RootCa:
    """`certificate`: the bundle of trusted roots; `key`: the signing key (PEM) or None; `intermediates`: sent
    along with each issued certificate. The key belongs to the first intermediate, else to the first root."""

    certificate: bytes
    key: bytes | None = None
    intermediates: bytes = b""

    @staticmethod
    def create(wall_ns: int, chance: Chance = SYSTEM) -> "RootCa":
        """A new self-signed root `swarm-ca` with its key."""
        key = keys.generate(chance)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CA_ROLE)])
        begin = _minute(wall_ns) - datetime.timedelta(seconds=_ROOT_BACKDATE_S)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(_serial(chance))
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(seconds=ROOT_VALIDITY_S))
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
        )
        return RootCa(certificate.public_bytes(serialization.Encoding.PEM), keys.sec1(key))

    @staticmethod
    def load(certificate: bytes, key: bytes | None = None, intermediates: bytes = b"") -> "RootCa":
        """A root from its parts, checked. Raises InvalidCertificate, InvalidKey."""
        roots = certificates.parse(certificate)
        for root in roots:
            certificates.verify_root(root)
        if intermediates:
            certificates.parse(intermediates)
        if key:
            signer = certificates.parse(intermediates)[0] if intermediates else roots[0]
            if keys.public_der(keys.load(key)) != certificates.public_der(signer):
                raise InvalidKey("the CA key does not belong to the CA certificate")
        return RootCa(certificate, key or None, intermediates)

    @staticmethod
    def of_cluster(stored: "RootCA") -> "RootCa":
        """The root that signs for a cluster now: the next one, with the cross-signed certificate between, while it rotates. Raises
        InvalidCertificate, InvalidKey."""
        if stored.HasField("root_rotation"):
            rotation = stored.root_rotation
            return RootCa.load(stored.ca_cert, rotation.ca_key, rotation.cross_signed_ca_cert)
        return RootCa.load(stored.ca_cert, stored.ca_key)

    @property
    def can_sign(self) -> bool:
        return self.key is not None

    @property
    def issuer(self) -> certificates.Issuer:
        """Who signs: the subject and key that issued certificates name."""
        signer = certificates.parse(self.intermediates or self.certificate)[0]
        return certificates.Issuer(signer.subject.public_bytes(), certificates.public_der(signer))

    def cross_sign(self, root: bytes, chance: Chance = SYSTEM) -> bytes:
        """The self-signed `root` (PEM) as signed by this one instead of itself: same name, key and validity. Raises
        InvalidKey without a key."""
        if self.key is None:
            raise InvalidKey("this manager has no CA key to sign with")
        key, signer = keys.load(self.key), certificates.parse(self.certificate)[0]
        new = certificates.parse(root)[0]
        builder = (
            x509.CertificateBuilder()
            .subject_name(new.subject)
            .issuer_name(signer.subject)
            .public_key(_issuer_key(new))
            .serial_number(_serial(chance))
            .not_valid_before(new.not_valid_before_utc)
            .not_valid_after(new.not_valid_after_utc)
        )
        for extension in new.extensions:
            if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
                builder = builder.add_extension(extension.value, extension.critical)
        # Both roots may have the same name: this says which of them signed.
        builder = builder.add_extension(_authority(signer), critical=False)
        signed = builder.sign(key, _hash_for(key), ecdsa_deterministic=keys.deterministic(key))
        return signed.public_bytes(serialization.Encoding.PEM)

    def sign(
        self,
        request: bytes,
        *,
        node_id: str,
        role: str,
        organization: str,
        wall_ns: int,
        expiry_s: float = NODE_EXPIRY_S,
        chance: Chance = SYSTEM,
    ) -> bytes:
        """The certificate chain (PEM) for the key of `request`. Raises InvalidRequest; InvalidKey without a key."""
        if self.key is None:
            raise InvalidKey("this manager has no CA key to sign with")
        key = keys.load(self.key)
        signer = certificates.parse(self.intermediates or self.certificate)[0]
        public = csr.public_key(request)
        begin = _minute(wall_ns) - datetime.timedelta(seconds=_NODE_BACKDATE_S)
        expiry_s = expiry_s if expiry_s >= NODE_EXPIRY_MIN_S else NODE_EXPIRY_S
        leaf = (
            x509.CertificateBuilder()
            .subject_name(_node_name(node_id, role, organization))
            .issuer_name(signer.subject)
            .public_key(public)
            .serial_number(_serial(chance))
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(seconds=expiry_s + _NODE_BACKDATE_S))
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(_authority(signer), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in host_names(node_id, role)]),
                critical=False,
            )
            .sign(key, _hash_for(key), ecdsa_deterministic=keys.deterministic(key))
        )
        return leaf.public_bytes(serialization.Encoding.PEM) + self.intermediates


def host_names(node_id: str, role: str) -> list[str]:
    """The names that a node's certificate is for."""
    return [role, node_id, CA_ROLE] if role == MANAGER_ROLE else [role, node_id]


def _node_name(node_id: str, role: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            x509.NameAttribute(NameOID.COMMON_NAME, node_id),
        ]
    )


def _authority(signer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(_issuer_key(signer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _issuer_key(signer: x509.Certificate) -> csr.PublicKey:
    key = signer.public_key()
    assert isinstance(key, csr.PublicKey)  # RootCa.load accepts no other kind
    return key


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _hash_for(key: keys.PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    bits = key.key_size
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if bits == 256:
            return hashes.SHA256()
        return hashes.SHA384() if bits == 384 else hashes.SHA512()
    if bits < 3072:
        return hashes.SHA256()
    return hashes.SHA384() if bits < 4096 else hashes.SHA512()


def _minute(wall_ns: int) -> datetime.datetime:
    minutes = (wall_ns + _MINUTE_NS // 2) // _MINUTE_NS
    return datetime.datetime.fromtimestamp(minutes * 60, datetime.UTC)


def _serial(chance: Chance) -> int:
    value = int.from_bytes(chance(_SERIAL_BYTES), "big") & ((1 << (8 * _SERIAL_BYTES - 1)) - 1)
    return value or 1
