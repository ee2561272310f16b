"""How simulated nodes reach managers (see client.dial), with TLS's part played by hand.

Who connects and who answers verify each other's chain against the roots they trust, by their own clocks. The name that is
expected must be one of those that a manager's certificate is for.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from swarm_core.api.proto.ca_pb2 import GetRootCACertificateRequest, GetRootCACertificateResponse
from swarm_core.ca import certificates
from swarm_core.ca.certificates import Issuer, NodeIdentity
from swarm_core.ca.errors import InvalidCertificate
from swarm_core.ca.root_ca import host_names
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.connection import OPEN_S
from swarm_core.client.errors import ClientError, Unreachable, UntrustedManager
from swarm_core.client.trust import Trust
from swarm_core.rpc.caller import Peer, PeerCertificate

from swarm_testkit.simulation.calls import Door, Server, SimulatedConnection
from swarm_testkit.simulation.checkers import Findings
from swarm_testkit.simulation.host import Host
from swarm_testkit.simulation.network import Network

_HOUR_NS = 3600 * 10**9


class Verifier:
    """Verifies chains, and remembers for an hour of the clock in question: signatures cost more than all else here."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes, int], str] = {}
        self._identities: dict[bytes, NodeIdentity] = {}
        self._issuers: dict[tuple[bytes, bytes], Issuer] = {}

    def identity(self, chain: bytes) -> NodeIdentity:
        """The subject of a chain."""
        if chain not in self._identities:
            self._identities[chain] = certificates.identity(chain)
        return self._identities[chain]

    def issuer(self, chain: bytes, roots: bytes) -> Issuer:
        """Who signed a chain that `roots` vouch for."""
        key = (chain, roots)
        if key not in self._issuers:
            self._issuers[key] = certificates.issuer(chain, roots)
        return self._issuers[key]

    def why_not(self, chain: bytes, roots: bytes, wall_ns: int) -> str:
        """Why a chain cannot be believed at this moment; empty when it can."""
        found = self.identity(chain)
        if not found.not_before_ns <= wall_ns <= found.not_after_ns:
            return "certificate is expired or not yet valid"
        key = (chain, roots, wall_ns // _HOUR_NS)
        if key not in self._known:
            try:
                certificates.verify_chain(chain, roots, wall_ns)
                self._known[key] = ""
            except InvalidCertificate as error:
                self._known[key] = str(error)
        return self._known[key]


class SimulatedDial:
    """The ways of one host. `find` gives the server at an address or behind a control socket."""

    def __init__(
        self,
        host: Host,
        network: Network,
        find: Callable[[str | Path], Server | None],
        verifier: Verifier,
        findings: Findings,
    ) -> None:
        self.host, self._network, self._find = host, network, find
        self._verifier, self._findings = verifier, findings

    async def open(self, target: str | Path, trust: Trust, *, timeout: float = OPEN_S) -> SimulatedConnection:
        """See client.dial.Dial."""
        server = self._find(target)
        if server is None:
            raise Unreachable(f"there is nobody at {target}")
        if isinstance(target, Path):
            return self.open_control(server)
        await self._reach(server, timeout)
        shown = server.credentials
        if shown is None:
            raise Unreachable(f"{server.host.name} is down")
        self._check_server(shown, trust)
        certificate = None
        if trust.identity is not None:
            certificate = self._admitted(server, shown, trust.identity)
        return self._connection(server, Door(self._peer(certificate), trust.identity))

    def open_control(self, server: Server) -> SimulatedConnection:
        """The control socket of a manager; people reach it over the network, too."""
        if not server.serves_control:
            raise Unreachable(f"{server.host.name} does not serve")
        return self._connection(server, Door(None, None))

    async def fetch_root(self, address: str, *, timeout: float) -> bytes:
        """See client.dial.Dial."""
        server = self._find(address)
        try:
            if server is None:
                raise Unreachable(f"there is nobody at {address}")
            await self._reach(server, timeout)
            connection = self._connection(server, Door(self._peer(None), None))
            answer: GetRootCACertificateResponse = await connection.call(
                "CA.GetRootCACertificate", GetRootCACertificateRequest(), timeout=timeout
            )
        except ClientError as error:
            raise OSError(str(error)) from None
        return answer.certificate

    def _connection(self, server: Server, door: Door) -> SimulatedConnection:
        return SimulatedConnection(self.host, server, self._network, door, self._findings, self._verifier)

    def _peer(self, certificate: PeerCertificate | None) -> Peer:
        return Peer(f"{self.host.name}:1", certificate)

    async def _reach(self, server: Server, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._network.carry(self.host.name, server.host)
                if not server.is_serving:
                    raise Unreachable(f"{server.host.name} is down")
                await self._network.carry(server.host.name, self.host)
        except TimeoutError:
            raise Unreachable(f"{server.host.name} did not answer in time") from None

    def _check_server(self, shown: TlsIdentity, trust: Trust) -> None:
        why = self._verifier.why_not(shown.certificate, trust.roots, self.host.clock.wall_ns())
        found = self._verifier.identity(shown.certificate)
        if why or trust.server_name not in host_names(found.node_id, found.role):
            raise UntrustedManager(
                f"{self.host.name} does not believe {found.node_id}: {why or 'another name'}"
            )

    def _admitted(self, server: Server, shown: TlsIdentity, own: TlsIdentity) -> PeerCertificate:
        why = self._verifier.why_not(own.certificate, shown.anchors, server.host.clock.wall_ns())
        if why:
            raise Unreachable(f"{server.host.name} does not believe {self.host.name}: {why}")
        found = self._verifier.identity(own.certificate)
        return PeerCertificate(found.node_id, frozenset({found.role}), found.organization)
