"""Servers: the registry of services, the remote API behind TLS, and the control socket.

    services = Services(plain=(StoreError,))
    services.add(control_pb2.DESCRIPTOR.services_by_name["Control"], *control_handlers(…))
    async with serve_control(services, path, certificate=…, key=…, local=caller) as control, \
               serve_remote(services, address, context, authorizer, clock) as remote: …

Remote callers are authorised method by method; the control socket's permissions are its authorization (its
directory 0700, itself 0600). Leaving a server's context ends its calls, after a grace for those under way.
"""

import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from swarm_core.api.limits import REQUEST_BYTES_MAX
from swarm_core.rpc import control_socket, forwarding, tls_listener
from swarm_core.rpc.adapter import Binding, Context, Handler, Method, bound, method_of, rpc_handler
from swarm_core.rpc.authorization import Authorizer, roles_for
from swarm_core.rpc.caller import Caller, format_address
from swarm_core.rpc.eager_server import eager_server
from swarm_core.rpc.errors import AddressUnusable
from swarm_core.rpc.forwarding import AlwaysLocal, LeaderLocator
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.link_server import LinkService
from swarm_core.rpc.tls_listener import TlsListener
from swarm_core.runtime.clock import Clock

CALLS_MAX = 65_536
GRACE_S = 1.0
_OPTIONS = (
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.server_handshake_timeout_ms", int(tls_listener.HANDSHAKE_S * 1000)),
    # Agents of other makers may ping more often than grpcio's five minutes allow.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
)


class Services:
    """Which handlers serve which service. `plain`: exceptions that reach callers as UNKNOWN with their text."""

    def __init__(self, *, plain: tuple[type[Exception], ...] = ()) -> None:
        self.plain = plain
        self._methods: dict[str, Method] = {}

    def add(self, service: ServiceDescriptor, *handlers: object, to_leader: bool = False) -> None:
        """Serve `service`: each of its methods by the one handler that has it, under its name in snake case. `to_leader`:
        members that do not lead pass these calls on. Raises ServiceMisbound."""
        calls = bound(service, handlers)
        for descriptor in service.methods:
            roles = roles_for(service.name, descriptor.name)
            method = method_of(descriptor, calls[descriptor.name], roles, to_leader)
            assert method.path not in self._methods, f"{service.full_name} is served already"
            self._methods[method.path] = method

    @property
    def methods(self) -> tuple[Method, ...]:
        return tuple(self._methods.values())


class _Table(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """All methods of a server in one look-up."""

    def __init__(self, services: Services, binding: Binding) -> None:
        self._handlers = {method.path: rpc_handler(method, binding) for method in services.methods}

    def service(self, details: grpc.HandlerCallDetails) -> "Handler | None":
        return self._handlers.get(details.method)


class _LocalAdmission:
    """Every caller is this node itself."""

    def __init__(self, local: Caller) -> None:
        self._local = local

    def admit(self, _context: Context, _roles: frozenset[str]) -> Caller:
        return self._local

    def onward(self, context: Context) -> forwarding.Pairs:
        return forwarding.local_metadata(context.invocation_metadata() or ())


class _RemoteAdmission:
    """Callers are who their connection's certificate says."""

    def __init__(self, listener: TlsListener, authorizer: Authorizer) -> None:
        self._listener = listener
        self._authorizer = authorizer

    def admit(self, context: Context, roles: frozenset[str]) -> Caller:
        peer = self._listener.peer(context.peer())
        return self._authorizer.authorize(roles, peer, context.invocation_metadata() or ())

    def onward(self, context: Context) -> forwarding.Pairs:
        return forwarding.remote_metadata(
            context.invocation_metadata() or (), self._listener.peer(context.peer())
        )


@dataclass(frozen=True, slots=True)
class LinkUse:
    """What links between managers carry: `message` takes one of raft's, with the length of its sender's ticks in seconds; calls are taken while `leads`."""

    message: Callable[[bytes, float], Awaitable[None]]
    leads: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """The remote API. `address`: host:port it really listens on."""

    address: str
    listener: TlsListener

    def reload(self, context: ssl.SSLContext) -> None:
        """Show and trust what `context` says from the next handshake on."""
        self.listener.reload(context)


@asynccontextmanager
async def serve_remote(
    services: Services,
    address: str,
    context: ssl.SSLContext,
    authorizer: Authorizer,
    clock: Clock,
    *,
    locator: LeaderLocator | None = None,
    listening: list[socket.socket] | None = None,
    links: LinkUse | None = None,
    grace_s: float = GRACE_S,
) -> AsyncIterator[RemoteServer]:
    """Serve `services` on `address` (host:port), or on sockets that are listening already. Raises AddressUnusable.

    With `links` other managers of ours may use links.
    """
    listening = listening if listening is not None else tls_listener.bind(address)
    directory = Path(tempfile.mkdtemp(prefix="swarm-rpc-"))
    backend = directory / "grpc.sock"
    try:
        served = None
        if links is not None:
            methods = {method.path: method for method in services.methods}
            served = LinkService(links.message, links.leads, methods, authorizer, services.plain)
        async with tls_listener.listen(context, listening, backend, clock, links=served) as listener:
            admission = _RemoteAdmission(listener, authorizer)
            server = _server(services, Binding(admission, locator or AlwaysLocal(), services.plain))
            server.add_insecure_port(f"unix:{backend}")
            await server.start()
            try:
                yield RemoteServer(format_address(listening[0].getsockname()), listener)
            finally:
                await server.stop(grace_s)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class ControlServer:
    """The control socket's server."""

    def __init__(self, path: Path, certificate: bytes, key: bytes) -> None:
        self.path = path
        self._identity = [(key, certificate)]
        self._is_new = False

    def reload(self, certificate: bytes, key: bytes) -> None:
        """Show another certificate from the next handshake on."""
        self._identity = [(key, certificate)]
        self._is_new = True

    def credentials(self) -> grpc.ServerCredentials:
        """grpcio asks again at every handshake, in a thread of its own."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._renewed,  # type: ignore[arg-type]  # the stubs do not know that None is allowed
            False,
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """None: as before. A swap takes the old certificate from under handshakes of the same moment, and grpcio dies of
        that; so it happens when there is something new, not at every handshake."""
        if not self._is_new:
            return None
        self._is_new = False
        return self._configuration()

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(self._identity)


@asynccontextmanager
async def serve_control(
    services: Services,
    path: Path,
    *,
    certificate: bytes,
    key: bytes,
    local: Caller,
    locator: LeaderLocator | None = None,
    grace_s: float = GRACE_S,
) -> AsyncIterator[ControlServer]:
    """Serve `services` on a unix socket for the owner of its directory. Raises AddressUnusable."""
    control = ControlServer(path, certificate, key)
    server = _server(services, Binding(_LocalAdmission(local), locator or AlwaysLocal(), services.plain))
    place = control_socket.claim(path)
    try:
        _open_port(server, place, control)
        await server.start()
        place.publish()
        yield control
    finally:
        place.withdraw()
        await server.stop(grace_s)


def _open_port(server: grpc.aio.Server, place: control_socket.Place, control: ControlServer) -> None:
    try:
        server.add_secure_port(f"unix:{place.making}", control.credentials())
    except RuntimeError as error:
        raise AddressUnusable(f"cannot serve on the control socket {place.path}: {error}") from None


def _server(services: Services, binding: Binding) -> grpc.aio.Server:
    server = eager_server(_OPTIONS, CALLS_MAX)
    server.add_generic_rpc_handlers((_Table(services, binding),))
    return server
