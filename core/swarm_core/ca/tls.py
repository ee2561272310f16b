"""TLS settings: identities, contexts of the standard library, and how a client judges a manager.

Servers ask for a client certificate, verify one that is given, and serve those who have none. Nothing older than
TLS 1.2; sessions are not resumed, so that every connection proves its identity against the trust of its day.

OpenSSL takes the cross-signed root of a Docker manager for a self-signed certificate that nobody knows: it has equal subject and
issuer, and names no authority's key. So a client judges the shown chain itself (`ClientTls`), as SwarmKit does: any
certificate on the way that a trusted one signed is enough. A server cannot (its library verifies, or asks for
nothing); it is told the cross-signed root instead, once that was judged.
"""

import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from swarm_core.api.names import CA_ROLE, MANAGER_ROLE
from swarm_core.ca import pem
from swarm_core.ca.errors import InvalidCertificate
from swarm_core.runtime.clock import SystemClock

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
        return self.roots + _behind_leaf(self.certificate)


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How a client reaches a manager, implements `rpc.dialler.ClientTls`: `roots` are trusted (PEM), `identity` is what it
    shows, `server_name` who the manager must be. `at_any_time`: its certificate may be expired, or not valid yet."""

    roots: bytes
    server_name: str = MANAGER_ROLE
    identity: TlsIdentity | None = None
    wall_ns: Callable[[], int] = SystemClock().wall_ns
    at_any_time: bool = False

    def context(self) -> ssl.SSLContext:
        """For one connection. It does not verify: `judge` does. Raises ssl.SSLError for an unusable identity."""
        context = unverified_context()
        if self.identity is not None:
            with _as_file(self.identity.certificate + self.identity.key) as path:
                context.load_cert_chain(path)
        return context

    def judge(self, chain: Sequence[bytes]) -> None:
        """Raise ssl.SSLCertVerificationError unless `roots` vouch for this chain (DER, leaf first) and its leaf is a server
        called `server_name`."""
        from swarm_core.ca import certificates  # slow to load, and short commands do without

        try:
            moment_ns = None if self.at_any_time else self.wall_ns()
            certificates.verify_server(chain, self.roots, moment_ns, self.server_name)
        except InvalidCertificate as error:
            failure = ssl.SSLCertVerificationError(str(error))
            failure.verify_message = str(error)
            raise failure from None


class Anybody:
    """Implements `rpc.dialler.ClientTls` without believing in anything: only to fetch a root certificate that is checked by
    other means."""

    server_name = CA_ROLE

    def context(self) -> ssl.SSLContext:
        return unverified_context()

    def judge(self, chain: Sequence[bytes]) -> None:
        """Whoever it is."""


def server_context(identity: TlsIdentity, cross_signed: bytes = b"") -> ssl.SSLContext:
    """A server that verifies a client's certificate if it shows one. Raises ssl.SSLError for unusable parts.

    `cross_signed`: roots (PEM) that chains of clients may lead through. They count while the identity's own roots
    vouch for them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    _load(context, identity)
    if cross_signed and _are_vouched_for(cross_signed, identity.roots):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=cross_signed.decode("ascii", "ignore"))
    return context


def local_context(identity: TlsIdentity) -> ssl.SSLContext:
    """A server for this machine's users, who are asked for no certificate. Raises ssl.SSLError for unusable parts."""
    context = server_context(identity)
    context.verify_mode = ssl.CERT_NONE
    return context


def _are_vouched_for(chain: bytes, roots: bytes) -> bool:
    from swarm_core.ca import certificates

    try:
        certificates.verify_chain(chain, roots, SystemClock().wall_ns())
    except InvalidCertificate:
        return False
    return True


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


@lru_cache(64)
def _behind_leaf(chain: bytes) -> bytes:
    return pem.encode(*pem.decode(chain)[1:])


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
