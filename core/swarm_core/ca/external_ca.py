"""Certificate authorities outside the cluster, spoken to in CFSSL's protocol (docs/design/certificates.md 3.12).

Rules:
- A request is one POST of JSON over TLS with the manager's own certificate; the answer is at most 256 KiB, and each
  authority has five seconds. They are asked in their order until one answers.
- An entry speaks for the root whose certificate it names; one that names none speaks for the current root.
- An authority that cannot be understood may do better later; one that says no has decided.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from swarm_core.api.json_text import json_of
from swarm_core.api.proto.types_pb2 import ExternalCA
from swarm_core.ca import certificates, keys, tls
from swarm_core.ca.errors import CaError, ExternalCaRefused, ExternalCaUnavailable, InvalidCertificate
from swarm_core.ca.root_ca import host_names

if TYPE_CHECKING:
    import http.client

TRY_S = 5.0
ANSWER_BYTES_MAX = 256 * 1024
CROSS_SIGNING_PROFILE = "CA"
_HTTPS_PORT, _OK = 443, 200
Request = dict[str, Any]


def urls_for(entries: Iterable[ExternalCA], root: bytes, *, current: bytes) -> list[str]:
    """The addresses of the authorities that sign for `root`."""
    wanted = certificates.normalise(root)
    return [
        entry.url
        for entry in entries
        if entry.protocol == ExternalCA.CFSSL and _normal(entry.ca_cert or current) == wanted
    ]


def node_request(csr: bytes, *, node_id: str, role: str, organization: str) -> Request:
    """What to ask for a node's certificate."""
    return {
        "hosts": host_names(node_id, role),
        "certificate_request": csr.decode("ascii", "replace"),
        "subject": {"CN": node_id, "names": [{"OU": role, "O": organization}]},
        "profile": "",
    }


def cross_signing_request(root: bytes, key: bytes) -> Request:
    """What to ask for a new root (PEM) to be vouched for; `key` is the new root's."""
    certificate = certificates.parse(root)[0]
    private = keys.load(key)
    builder = x509.CertificateSigningRequestBuilder().subject_name(certificate.subject)
    for extension in certificate.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    algorithm = certificate.signature_hash_algorithm
    assert algorithm is not None  # RootCa.load accepts no root without one
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return {
        "hosts": [],
        "certificate_request": builder.sign(private, algorithm)  # type: ignore[arg-type]
        .public_bytes(serialization.Encoding.PEM)
        .decode("ascii"),
        "subject": {"CN": str(names[0].value) if names else "", "names": []},
        "profile": CROSS_SIGNING_PROFILE,
        "extensions": [
            {
                "id": limits.oid.dotted_string,
                "critical": limits.critical,
                "value": limits.value.public_bytes().hex(),
            }
        ],
    }


class ExternalCas:
    """The way to authorities outside; `identity` is what this manager shows them."""

    def __init__(self, identity: Callable[[], tls.TlsIdentity]) -> None:
        self._identity = identity

    async def sign(self, urls: Sequence[str], request: Request, *, roots: bytes) -> bytes:
        """The certificate (PEM) from the first authority that answers. Raises ExternalCaUnavailable,
        ExternalCaRefused; `roots` must vouch for the authorities."""
        import http.client  # few clusters have such authorities

        failure = ExternalCaUnavailable("no external CA signs for this root")
        body = json.dumps(request).encode()
        for url in urls:
            try:
                status, answer = await self._bounded(partial(_post, url, body, self._context(roots)))
                return _certificate_in(url, status, answer)
            except ExternalCaUnavailable as error:
                failure = error
            except (OSError, http.client.HTTPException, ValueError, TimeoutError) as error:
                failure = ExternalCaUnavailable(f"the external CA {url} cannot be reached: {_reason(error)}")
        raise failure

    async def check_reachable(self, urls: Sequence[str], *, roots: bytes) -> None:
        """Raise ExternalCaUnavailable unless one authority can be reached that `roots` vouch for."""
        failure = ExternalCaUnavailable("there is no external CA for this root")
        for url in urls:
            try:
                await self._bounded(partial(_shake_hands, url, self._context(roots)))
                return
            except (OSError, ValueError, TimeoutError) as error:
                failure = ExternalCaUnavailable(f"the external CA {url} cannot be reached: {_reason(error)}")
        raise failure

    def _context(self, roots: bytes) -> ssl.SSLContext:
        context = tls.client_context(roots, self._identity())
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def _bounded(self, work: Callable[[], Any]) -> Any:
        async with asyncio.timeout(TRY_S):
            return await asyncio.to_thread(work)


def _connection(url: str, context: ssl.SSLContext) -> "http.client.HTTPSConnection":
    import http.client

    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("its address must begin with https://")
    return http.client.HTTPSConnection(
        parts.hostname, parts.port or _HTTPS_PORT, timeout=TRY_S, context=context
    )


def _post(url: str, body: bytes, context: ssl.SSLContext) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = _connection(url, context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {"Content-Type": "application/json", "Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read(ANSWER_BYTES_MAX + 1)
    finally:
        connection.close()


def _shake_hands(url: str, context: ssl.SSLContext) -> None:
    connection = _connection(url, context)
    try:
        connection.connect()
    finally:
        connection.close()


def _certificate_in(url: str, status: int, answer: bytes) -> bytes:
    if status != _OK:
        raise ExternalCaUnavailable(f"the external CA {url} answered with status {status}")
    if len(answer) > ANSWER_BYTES_MAX:
        raise ExternalCaUnavailable(f"the answer of the external CA {url} is too long")
    try:
        found = json_of(answer)
        is_success, errors = bool(found["success"]), found.get("errors") or []
        certificate = found["result"]["certificate"].encode("ascii") if is_success else b""
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ExternalCaUnavailable(f"the answer of the external CA {url} cannot be understood") from None
    if not is_success:
        texts = [str(one.get("message", one)) if isinstance(one, dict) else str(one) for one in errors]
        raise ExternalCaRefused(f"the external CA {url} refused: {'; '.join(texts) or 'no reason given'}")
    try:
        return certificates.normalise(certificate)
    except InvalidCertificate as error:
        raise ExternalCaRefused(f"the external CA {url} sent no certificate: {error}") from None


def _normal(certificate: bytes) -> bytes:
    try:
        return certificates.normalise(certificate)
    except CaError:
        return b""  # speaks for no root


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return f"no answer within {TRY_S:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
