"""Who may call what over the remote API: certificate roles by method (docs/design/certificates.md 3.10).

Rules: a direct caller needs a verified certificate with an allowed role, of this organization, not blacklisted. A
forwarded call is believed only from a manager, and then judged by the certificate that the manager names. Methods
open to anybody still learn who calls when the caller can prove it. Every refusal is PERMISSION_DENIED.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from swarm_core.api.names import MANAGER_ROLE, WORKER_ROLE
from swarm_core.rpc.caller import Caller, Peer, PeerCertificate
from swarm_core.rpc.errors import PermissionDenied

_MANAGERS = frozenset({MANAGER_ROLE})
_NODES = frozenset({WORKER_ROLE, MANAGER_ROLE})
ANYBODY: frozenset[str] = frozenset()
PACKAGE = "docker.swarmkit.v1"

FORWARDED = "forwarded_cert"
FORWARDED_CN = "forwarded_cert_cn"
FORWARDED_ORG = "forwarded_cert_org"
FORWARDED_OU = "forwarded_cert_ou"
REMOTE_ADDR = "remote_addr"
FORWARDING_KEYS = frozenset({FORWARDED, FORWARDED_CN, FORWARDED_ORG, FORWARDED_OU, REMOTE_ADDR})

_NOTHING_SHOWN = "Permission denied: unauthorized peer role: no client certificates in request"

Metadata = Iterable[tuple[str, str | bytes]]

# A service, or one method of it; the method's entry wins.
_ROLES: dict[str, frozenset[str]] = {
    "CA/GetRootCACertificate": ANYBODY,
    "CA/GetUnlockKey": _MANAGERS,
    "NodeCA": ANYBODY,
    "Raft": _MANAGERS,
    "RaftMembership": _MANAGERS,
    "RaftStatus": _MANAGERS,
    "ManagerFigures": _MANAGERS,
    "OwnCertificate": _MANAGERS,
    "Backup": _MANAGERS,
    "Health": _MANAGERS,
    "Control": _MANAGERS,
    "Rollouts": _MANAGERS,
    "Watch": _MANAGERS,
    "Logs": _MANAGERS,
    "LogBroker": _NODES,
    "ResourceAllocator": _NODES,
    "Dispatcher": _NODES,
    "Progress/ReportProgress": _NODES,
    "Progress/WatchProgress": _MANAGERS,
    "Exec/RunInTask": _MANAGERS,
    "Exec/ListenExec": _NODES,
    "Exec/ServeExec": _NODES,
    "Usage/ListenUsage": _NODES,
    "Usage/ReportUsage": _NODES,
    "Usage/WatchUsage": _MANAGERS,
    "Endpoints": _NODES,
}


def roles_for(service: str, method: str) -> frozenset[str]:
    """The roles that may call a method (ANYBODY: none is needed). Raises KeyError for a method nobody listed."""
    name = f"{service}/{method}"
    return _ROLES[name] if name in _ROLES else _ROLES[service]


@dataclass(frozen=True, slots=True)
class Authorizer:
    """`organization`: this cluster's id; `blacklist`: the refused node ids of the moment (empty while unknown)."""

    organization: str
    blacklist: Callable[[], Container[str]]

    def authorize(self, roles: frozenset[str], peer: Peer, metadata: Metadata) -> Caller:
        """The caller whom the handler may believe. Raises PermissionDenied."""
        if roles:
            return self._proven(roles, peer, metadata)
        try:
            return self._proven(_NODES, peer, metadata)
        except PermissionDenied:
            return Caller("", frozenset(), "", peer.remote_addr)

    def is_node(self, peer: Peer) -> bool:
        """Whether the other end of a connection has proven to be a node of this cluster."""
        try:
            self._direct(_NODES, peer)
        except PermissionDenied:
            return False
        return True

    def glance(self, roles: frozenset[str], peer: Peer) -> None:
        """Raise PermissionDenied for a caller whom no manager would admit: who shows no certificate where one is needed."""
        if roles and peer.certificate is None:
            raise PermissionDenied(_NOTHING_SHOWN)

    def _proven(self, roles: frozenset[str], peer: Peer, metadata: Metadata) -> Caller:
        named: dict[str, list[str]] | None = None
        for key, value in metadata:
            if key in FORWARDING_KEYS:
                named = named or {}
                named.setdefault(key, []).append(str(value))
        if named is None or FORWARDED not in named:
            certificate = self._direct(roles, peer)
            return _caller(certificate, peer.remote_addr, "")
        # Anything but one plain "true" is no manager's doing.
        if named[FORWARDED] != ["true"]:
            raise PermissionDenied("Permission denied: malformed forwarding metadata")
        forwarder = self._direct(_MANAGERS, peer)
        certificate = _forwarded(named)
        self._check(roles, certificate)
        remote_addr = next(iter(named.get(REMOTE_ADDR, ())), peer.remote_addr)
        return _caller(certificate, remote_addr, forwarder.common_name)

    def _direct(self, roles: frozenset[str], peer: Peer) -> PeerCertificate:
        certificate = peer.certificate
        if certificate is None:
            raise PermissionDenied(_NOTHING_SHOWN)
        self._check(roles, certificate)
        return certificate

    def _check(self, roles: frozenset[str], certificate: PeerCertificate) -> None:
        if not certificate.common_name or roles.isdisjoint(certificate.units):
            raise PermissionDenied("Permission denied: remote certificate not authorized for this call")
        if certificate.organization != self.organization:
            raise PermissionDenied("Permission denied: remote certificate is of another cluster")
        # Also behind a manager: a node that was removed must not come in through another manager.
        if certificate.common_name in self.blacklist():
            raise PermissionDenied(
                f"Permission denied: certificate from node {certificate.common_name} is revoked"
            )


def _forwarded(named: dict[str, list[str]]) -> PeerCertificate:
    return PeerCertificate(
        common_name=named.get(FORWARDED_CN, [""])[0],
        units=frozenset(named.get(FORWARDED_OU, ())),
        organization=named.get(FORWARDED_ORG, [""])[0],
    )


def _caller(certificate: PeerCertificate, remote_addr: str, forwarder: str) -> Caller:
    return Caller(
        certificate.common_name,
        certificate.units,
        certificate.organization,
        remote_addr,
        forwarder=forwarder,
    )
