"""TLS settings: identities and contexts of the standard library. Knows nothing of certificates' content.

Servers ask for a client certificate, verify one that is given, and serve those who have none. Nothing older than
TLS 1.2; sessions are not resumed, so that every connection proves its identity against the trust of its day.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from swarm_core.ca import pem

_ALPN = ["h2"]
_SUITES_TLS12 = ":".join(
    f"ECDHE-{kind}-{cipher}"
    for cipher in ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")
    for kind in ("ECDSA", "RSA")
)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """What a process shows and whom it trusts: roots, own chain and key, all PEM."""

    roots: bytes
    certificate: bytes
    key: bytes

    @property
    def anchors(self) -> bytes:
        """Whom to believe at the other end: the roots, and those that the own chain says they vouch for. While a root CA is
        rotated these are the next root; who was away when it took over still believes everybody else by it."""
        return self.roots + pem.encode(*pem.decode(self.certificate)[1:])


def server_context(identity: TlsIdentity) -> ssl.SSLContext:
    """A server that verifies a client's certificate if it shows one. Raises ssl.SSLError for unusable parts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    _load(context, identity)
    return context


def client_context(roots: bytes, identity: TlsIdentity | None = None) -> ssl.SSLContext:
    """A client that trusts `roots`; the server name is the caller's to give when it connects."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.load_verify_locations(cadata=roots.decode("ascii", "ignore"))
    if identity is not None:
        _load(context, identity)
    return context


def unverified_context() -> ssl.SSLContext:
    """A client that believes anybody: only to fetch a root certificate that is checked by other means."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES_TLS12)
    context.set_alpn_protocols(_ALPN)


def _load(context: ssl.SSLContext, identity: TlsIdentity) -> None:
    context.load_verify_locations(cadata=identity.anchors.decode("ascii", "ignore"))
    with _as_file(identity.certificate + identity.key) as path:
        context.load_cert_chain(path)


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """A path that holds `data`, for the one call of the standard library that reads keys from files only. Where the
    system offers it the bytes stay in memory."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("swarm-tls")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "chain.pem"
        path.touch(mode=0o600)
        path.write_bytes(data)
        yield str(path)
