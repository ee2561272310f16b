"""Certificate signing requests: a fresh key and an empty subject.

The CA takes the key and nothing else from a request: subject, names and validity are the CA's to say.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from swarm_core.ca.certificates import UNREADABLE
from swarm_core.ca.errors import InvalidRequest
from swarm_core.ca.keys import PrivateKey, deterministic

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def create(key: PrivateKey) -> bytes:
    """A request (PEM) for a certificate of `key`."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=deterministic(key))
    return request.public_bytes(serialization.Encoding.PEM)


def public_key(request: bytes) -> PublicKey:
    """The key of a request (PEM) whose own signature holds. Raises InvalidRequest."""
    try:
        parsed = x509.load_pem_x509_csr(request)
        key = parsed.public_key()
        valid = parsed.is_signature_valid
    except UNREADABLE as error:
        raise InvalidRequest(f"unreadable certificate signing request: {error}") from None
    if not valid:
        raise InvalidRequest("the certificate signing request's signature does not hold")
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise InvalidRequest("only ECDSA and RSA keys are signed")
    return key
