"""Servers: the registry of services, the remote API behind TLS, and the control socket.

    services = Services(plain=(StoreError,))
    services.add(control_pb2.DESCRIPTOR.services_by_name["Control"], *control_handlers(…))
    async with serve_control(services, path, control_context, caller, clock) as control, \
               serve_remote(services, address, context, authorizer, clock) as remote: …

Remote callers are authorised method by method; the control socket's permissions are its authorization (its
directory 0700, itself 0600). Leaving a server's context ends its calls, after a grace for those under way.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from swarm_core.rpc import forwarding, tls_listener
from swarm_core.rpc.adapter import Binding, Method, bound, method_of, served
from swarm_core.rpc.authorization import Authorizer, roles_for
from swarm_core.rpc.call import Call
from swarm_core.rpc.caller import Caller, format_address
from swarm_core.rpc.connection import Service
from swarm_core.rpc.eager import Runners
from swarm_core.rpc.errors import PermissionDenied
from swarm_core.rpc.forwarding import AlwaysLocal, LeaderLocator
from swarm_core.rpc.link_server import LinkService
from swarm_core.rpc.observed import CallObserver, observed
from swarm_core.rpc.refusals import Refusals
from swarm_core.rpc.tls_listener import Policy, TlsListener
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.listening import bind_tcp, claim_path
from swarm_core.runtime.tasks import Group

GRACE_S = 1.0


class Services:
    """Which handlers serve which service. `plain`: exceptions that reach callers as UNKNOWN with their text. `observer`, where there is one,
    is told of each call."""

    def __init__(
        self, *, plain: tuple[type[Exception], ...] = (), observer: CallObserver | None = None
    ) -> None:
        self.plain = plain
        self._observer = observer
        self._methods: dict[str, Method] = {}

    def add(self, service: ServiceDescriptor, *handlers: object, to_leader: bool = False) -> None:
        """Serve `service`: each of its methods by the one handler that has it, under its name in snake case. `to_leader`:
        members that do not lead pass these calls on. Raises ServiceMisbound."""
        calls = bound(service, handlers)
        for descriptor in service.methods:
            roles = roles_for(service.name, descriptor.name)
            call = calls[descriptor.name]
            if self._observer is not None:
                call = observed(descriptor, call, self._observer, self.plain)
            method = method_of(descriptor, call, roles, to_leader)
            assert method.path not in self._methods, f"{service.full_name} is served already"
            self._methods[method.path] = method

    @property
    def methods(self) -> tuple[Method, ...]:
        return tuple(self._methods.values())

    def method(self, path: str) -> Method | None:
        """The method with this path ("/package.Service/Method"), None when it is not served."""
        return self._methods.get(path)


def _making(services: Services, binding: Binding) -> Callable[[Group], Service]:
    """What makes the service of a listener; its calls are tasks of the listener's group."""
    methods = {method.path: served(method, binding) for method in services.methods}
    return lambda group: Service(methods, Runners(group), Refusals())


class _LocalAdmission:
    """Every caller is this node itself."""

    def __init__(self, local: Caller) -> None:
        self._local = local

    def admit(self, _call: Call, _roles: frozenset[str]) -> Caller:
        return self._local

    def glance(self, _call: Call, _roles: frozenset[str]) -> None:
        """Nobody else gets this far."""

    def onward(self, call: Call) -> forwarding.Pairs:
        return forwarding.local_metadata(call.metadata)


class _RemoteAdmission:
    """Callers are who their connection's certificate says."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def admit(self, call: Call, roles: frozenset[str]) -> Caller:
        return self._authorizer.authorize(roles, call.peer, call.metadata)

    def glance(self, call: Call, roles: frozenset[str]) -> None:
        self._authorizer.glance(roles, call.peer)

    def onward(self, call: Call) -> forwarding.Pairs:
        return forwarding.remote_metadata(call.metadata, call.peer)


@dataclass(frozen=True, slots=True)
class LinkUse:
    """What links between managers carry: `message` takes one of raft's, with the length of its sender's ticks in seconds; calls are taken while `leads`."""

    message: Callable[[bytes, float], Awaitable[None] | None]
    leads: Callable[[], bool]


def _no_message(_body: bytes, _tick_s: float) -> None:
    """Raft's messages are other managers'."""
    raise PermissionDenied("messages between managers do not come by the control socket")


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
    listening = listening if listening is not None else bind_tcp(address)
    binding = Binding(_RemoteAdmission(authorizer), locator or AlwaysLocal(), services.plain)
    served_links = None
    if links is not None:
        methods = {method.path: method for method in services.methods}
        served_links = LinkService(links.message, links.leads, methods, authorizer.authorize, services.plain)
    policy = Policy(authorizer.is_node, served_links)
    async with tls_listener.listen(
        context, listening, clock, _making(services, binding), policy, grace_s=grace_s
    ) as listener:
        yield RemoteServer(format_address(listening[0].getsockname()), listener)


@dataclass(frozen=True, slots=True)
class ControlServer:
    """The control socket's server."""

    path: Path
    listener: TlsListener

    def reload(self, context: ssl.SSLContext) -> None:
        """Show another certificate from the next handshake on."""
        self.listener.reload(context)


@asynccontextmanager
async def serve_control(
    services: Services,
    path: Path,
    context: ssl.SSLContext,
    local: Caller,
    clock: Clock,
    *,
    locator: LeaderLocator | None = None,
    grace_s: float = GRACE_S,
) -> AsyncIterator[ControlServer]:
    """Serve `services` on a unix socket for the owner of its directory, who may use links for calls. Raises AddressUnusable."""
    locator = locator or AlwaysLocal()
    binding = Binding(_LocalAdmission(local), locator, services.plain)
    methods = {method.path: method for method in services.methods}
    links = LinkService(
        _no_message, lambda: locator.leads, methods, lambda _roles, _peer, _metadata: local, services.plain
    )
    place = claim_path(path, "the control socket")
    try:
        async with tls_listener.listen(
            context,
            [place.open()],
            clock,
            _making(services, binding),
            Policy(lambda _: True, plain_links=links),
            grace_s=grace_s,
        ) as listener:
            place.publish()
            try:
                yield ControlServer(path, listener)
            finally:
                place.withdraw()
    finally:
        place.withdraw()
