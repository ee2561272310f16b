"""Identities and live secure servers for tests: real keys, real TLS, loopback and unix sockets.

authority = make_authority()
manager = authority.manager("m1")
async with remote_server(authority, services) as server: …
"""

import socket
import time
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from swarm_core.api.names import CA_ROLE, MANAGER_ROLE, WORKER_ROLE
from swarm_core.api.proto import ca_pb2, control_pb2, logbroker_pb2, watch_pb2
from swarm_core.ca import csr, keys, tls
from swarm_core.ca.root_ca import RootCa
from swarm_core.ca.tls import TlsIdentity
from swarm_core.client.connection import Connection
from swarm_core.client.trust import Trust
from swarm_core.rpc.authorization import Authorizer
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import NotFound
from swarm_core.rpc.forwarding import LeaderLocator
from swarm_core.rpc.server import ControlServer, RemoteServer, Services, serve_control, serve_remote
from swarm_core.runtime.clock import SystemClock

from swarm_testkit.refusing import Refusing

ORGANIZATION = "cluster-1"
YEAR_NS = 365 * 24 * 3600 * 1_000_000_000
LOCAL = Caller("m1", frozenset({MANAGER_ROLE}), ORGANIZATION, "", is_local=True)


def now_ns() -> int:
    """The real time: TLS libraries take no clock."""
    return time.time_ns()


@dataclass(frozen=True, slots=True)
class Authority:
    """A root CA and what it signs."""

    root: RootCa
    organization: str = ORGANIZATION

    def manager(self, node_id: str = "m1") -> TlsIdentity:
        return self.node(node_id, MANAGER_ROLE)

    def worker(self, node_id: str = "w1") -> TlsIdentity:
        return self.node(node_id, WORKER_ROLE)

    def node(
        self, node_id: str, role: str, *, organization: str | None = None, age_ns: int = 0
    ) -> TlsIdentity:
        """An identity; `age_ns` is how long ago its certificate was made."""
        key = keys.generate()
        certificate = self.root.sign(
            csr.create(key),
            node_id=node_id,
            role=role,
            organization=organization or self.organization,
            wall_ns=now_ns() - age_ns,
        )
        return TlsIdentity(self.root.certificate, certificate, keys.pkcs8(key))

    def trust(self, identity: TlsIdentity | None = None) -> Trust:
        """What a node of this cluster, or one that wants to be, believes."""
        name = MANAGER_ROLE if identity else CA_ROLE
        return Trust(self.root.certificate, identity, name)


def make_authority() -> Authority:
    """A fresh cluster's root, made a year ago."""
    return Authority(RootCa.create(now_ns() - YEAR_NS))


class EagerClock(SystemClock):
    """Real time, but waits are noted and not waited for."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await super().sleep(0)


@dataclass(slots=True)
class EchoServices:
    """Handlers of every shape, which say who called: unary, server stream, client stream, open to anybody."""

    root: bytes = b""
    callers: list[Caller] = field(default_factory=list)

    async def get_node(
        self, request: control_pb2.GetNodeRequest, caller: Caller
    ) -> control_pb2.GetNodeResponse | bytes:
        """Answers with the caller's id in encoded form; fails as the asked id says."""
        self.callers.append(caller)
        match request.node_id:
            case "missing":
                raise NotFound("node missing not found")
            case "plain":
                raise PlainFailure("update out of sequence")
            case "bug":
                raise ZeroDivisionError("secret detail")
        answer = control_pb2.GetNodeResponse()
        answer.node.id = caller.node_id
        return answer.SerializeToString()

    async def watch(
        self, request: watch_pb2.WatchRequest, caller: Caller
    ) -> AsyncIterator[watch_pb2.WatchMessage | bytes]:
        """As many messages as `resume_from` says, alternating messages and bytes."""
        for number in range(request.resume_from.index):
            message = watch_pb2.WatchMessage()
            message.version.index = number
            yield message if number % 2 else message.SerializeToString()

    async def publish_logs(
        self, requests: AsyncIterator[logbroker_pb2.PublishLogsMessage], caller: Caller
    ) -> logbroker_pb2.PublishLogsResponse:
        """Reads everything; a message that says close must be the last one."""
        self.callers.append(caller)
        async for message in requests:
            if not message.subscription_id:
                raise NotFound("subscription not found")
        return logbroker_pb2.PublishLogsResponse()

    async def get_root_ca_certificate(
        self, request: ca_pb2.GetRootCACertificateRequest, caller: Caller
    ) -> ca_pb2.GetRootCACertificateResponse:
        self.callers.append(caller)
        return ca_pb2.GetRootCACertificateResponse(certificate=self.root)


class PlainFailure(Exception):
    """An ordinary failure whose text is for the caller."""

    plain = True


def echo_services(echo: EchoServices, *, to_leader: bool = False) -> Services:
    """`echo` behind Control, Watch, LogBroker and CA."""
    services = Services()
    for module, name in (
        (control_pb2, "Control"),
        (watch_pb2, "Watch"),
        (logbroker_pb2, "LogBroker"),
        (ca_pb2, "CA"),
    ):
        service = module.DESCRIPTOR.services_by_name[name]
        services.add(service, echo, Refusing(service, echo), to_leader=to_leader)
    return services


@asynccontextmanager
async def remote_server(
    authority: Authority,
    services: Services,
    *,
    identity: TlsIdentity | None = None,
    blacklist: Container[str] = (),
    locator: LeaderLocator | None = None,
    listening: list[socket.socket] | None = None,
) -> AsyncIterator[RemoteServer]:
    """A manager's remote API on a free port of the loopback, or on sockets that are listening already."""
    context = tls.server_context(identity or authority.manager())
    authorizer = Authorizer(authority.organization, lambda: blacklist)
    async with serve_remote(
        services,
        "127.0.0.1:0",
        context,
        authorizer,
        SystemClock(),
        locator=locator,
        listening=listening,
        grace_s=0,
    ) as server:
        yield server


@asynccontextmanager
async def control_server(
    authority: Authority, services: Services, path: Path, *, locator: LeaderLocator | None = None
) -> AsyncIterator[ControlServer]:
    """A manager's control socket."""
    context = tls.local_context(authority.manager())
    async with serve_control(
        services, path, context, LOCAL, SystemClock(), locator=locator, grace_s=0
    ) as server:
        yield server


@asynccontextmanager
async def connected(
    target: str | Path, authority: Authority | None = None, identity: TlsIdentity | None = None
) -> AsyncIterator[Connection]:
    """A connection that shows `identity`; without an authority the trust is found at the socket."""
    trust = authority.trust(identity) if authority else None
    async with await Connection.open(target, trust=trust, timeout=40) as connection:
        yield connection
