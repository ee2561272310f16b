"""Who is at the other end: the peer of a connection, and the caller that a handler is told about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a call is made for. Without a proven identity `node_id` is empty and `roles` too. `forwarder` is the manager that passed
    the call on, by its node id."""

    node_id: str
    roles: frozenset[str]
    organization: str
    remote_addr: str
    is_local: bool = False
    forwarder: str = ""

    @property
    def host(self) -> str:
        """The host of `remote_addr`, which is "host:port" or "[host]:port"; of anything else nothing."""
        host, separator, port = self.remote_addr.rpartition(":")
        if not separator or not port.isdigit():
            return ""
        return host.removeprefix("[").removesuffix("]")

    def __str__(self) -> str:
        """For the log: who, from where, and through whom."""
        way = f" through manager {self.forwarder}" if self.forwarder else ""
        return f"node {self.node_id or '?'} at {self.remote_addr or 'the control socket'}{way}"


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The subject of a verified client certificate."""

    common_name: str
    units: frozenset[str]
    organization: str


@dataclass(frozen=True, slots=True)
class Peer:
    """The far end of one connection; `certificate` is None when it showed none."""

    remote_addr: str
    certificate: PeerCertificate | None


def certificate_of(verified: Mapping[str, Any] | None) -> PeerCertificate | None:
    """The subject in what `ssl` reports of a verified peer (SSLObject.getpeercert)."""
    if not verified:
        return None
    fields: dict[str, list[str]] = {}
    for relative_name in verified.get("subject", ()):
        for name, value in relative_name:
            fields.setdefault(name, []).append(value)
    return PeerCertificate(
        common_name=fields.get("commonName", [""])[0],
        units=frozenset(fields.get("organizationalUnitName", ())),
        organization=fields.get("organizationName", [""])[0],
    )


def format_address(address: object) -> str:
    """`host:port` of a socket address; empty for a unix socket."""
    if not isinstance(address, tuple):
        return ""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
