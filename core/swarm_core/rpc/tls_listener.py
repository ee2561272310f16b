"""Sockets that speak TLS, where a client's certificate is optional: who is there is known before the first byte is served.

Joining nodes have no certificate, all others must be known; both come to one port. A connection becomes one of HTTP/2, or,
when it asked for that by name, a link between managers. On a unix socket a link may do without TLS.

Rules
1. A handshake has ten seconds. Connections are counted, and no more than the limit are accepted.
2. A new context serves new handshakes, while the port stays open and old connections go on.
3. Who has not proven to be of the cluster gets a stranger's terms (`strangers`).
4. What is refused is counted, and told in one line a minute.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

from swarm_core.api.limits import REQUEST_BYTES_MAX
from swarm_core.rpc import link
from swarm_core.rpc.caller import Peer, certificate_of, format_address
from swarm_core.rpc.connection import ServerConnection, Service, Terms
from swarm_core.rpc.h2 import bounds
from swarm_core.rpc.link_server import LinkServer, LinkService
from swarm_core.rpc.strangers import Strangers
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group, cancel_and_wait

CONNECTIONS_MAX = 16_384
CALLS_MAX = 65_536
# A request for a certificate is a kilobyte or two.
STRANGERS_REQUEST_BYTES_MAX = 65_536
HANDSHAKE_S = 10.0
GOODBYE_S = 3.0
_LAST_WORDS_S = 0.5
_POLL_S = 0.02
_TICK_S = 1.0
_TICKS_PER_TELLING = 60
_ACCEPT_PAUSE_S = 0.1
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_LOGGER = logging.getLogger(__name__)


class _NodesCalls:
    """Counts the calls of those who have proven who they are, implements `connection.Book`."""

    def __init__(self) -> None:
        self._calls = 0

    def call_begins(self, _: ServerConnection) -> bool:
        if self._calls >= CALLS_MAX:
            return False
        self._calls += 1
        return True

    def call_ended(self, _: ServerConnection) -> None:
        self._calls -= 1


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is served how: `is_node` says whether a peer has proven to be of the cluster; links are offered where there is a service
    for them. `plain_links` are those without TLS, for whoever may connect: of a unix socket alone."""

    is_node: Callable[[Peer], bool]
    links: LinkService | None = None
    plain_links: LinkService | None = None


class _Entrance(asyncio.Protocol):
    """A connection until its handshake is over; then something else becomes its protocol, or it ends."""

    def __init__(self, listener: "TlsListener", remote_addr: str) -> None:
        self._listener = listener
        self._remote_addr = remote_addr
        self.is_through = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.is_through = True
        tls = cast(asyncio.Transport, transport)
        self._listener.enter(tls, Peer(self._remote_addr, certificate_of(tls.get_extra_info("peercert"))))

    def connection_lost(self, _: Exception | None) -> None:
        self._listener.left()


class TlsListener:
    """Listening sockets and the connections that came in by them. Made by `listen`."""

    def __init__(
        self, context: ssl.SSLContext, group: Group, clock: Clock, service: Service, policy: Policy
    ) -> None:
        self._service = service
        self._policy = policy
        self._context = self._offering(context)
        self._group = group
        self._clock = clock
        self.refusals = service.refusals
        self._strangers = Strangers(self.refusals)
        calls, gone = _NodesCalls(), self._gone
        self._nodes = Terms(bounds.MEMBERS, REQUEST_BYTES_MAX, calls, gone)
        self._guests = Terms(bounds.STRANGERS, STRANGERS_REQUEST_BYTES_MAX, self._strangers, gone)
        self._open: set[ServerConnection] = set()
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)

    def reload(self, context: ssl.SSLContext) -> None:
        """Use `context` for handshakes from now on."""
        self._context = self._offering(context)

    def _offering(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """With links offered to whoever asks for one."""
        if self._policy.links is not None:
            context.set_alpn_protocols([link.PROTOCOL, "h2"])
        return context

    @property
    def connections(self) -> int:
        """How many are open, links not counted."""
        return len(self._open)

    async def accept(self, listening: socket.socket) -> None:
        """Serve one listening socket until cancelled."""
        while True:
            await _readable(listening)
            await self._slots.acquire()
            try:
                connection, address = listening.accept()
            except OSError as error:
                self._slots.release()
                if error.errno in _EXHAUSTED:
                    self.refusals.count(f"connections that met {errno.errorcode[error.errno]}")
                    await self._clock.sleep(_ACCEPT_PAUSE_S)
                continue
            connection.setblocking(False)
            task = self._group.spawn(self._connect(connection, format_address(address)), name="tls")
            self._strangers.handshake_begins(task)
            task.add_done_callback(self._strangers.handshake_ended)

    async def _connect(self, connection: socket.socket, remote_addr: str) -> None:
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        entrance = _Entrance(self, remote_addr)
        try:
            if self._policy.plain_links is not None and await _begins_with_frame(connection):
                await self._enter_plainly(connection, self._policy.plain_links)
                entrance.is_through = True
                return
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: entrance,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=GOODBYE_S,
            )
        except ssl.SSLError:
            self.refusals.count("handshakes that failed")
        except (ConnectionAbortedError, TimeoutError):
            self.refusals.count("handshakes that took too long")
        except OSError:
            # Gone in the middle of it: clients of ours that only look at the certificate do that too.
            pass
        finally:
            if not entrance.is_through:
                connection.close()
                self.left()

    def enter(self, transport: asyncio.Transport, peer: Peer) -> None:
        """Serve a connection that has shaken hands."""
        links = self._policy.links
        if links is not None and _chosen(transport) == link.PROTOCOL:
            if links.admits(peer):
                server = LinkServer(links, peer)
                _hand_over(transport, server)
                self._group.spawn(self._serve_link(server), name="link")
            else:
                self.refusals.count("links that were asked for by no manager")
                transport.abort()
            return
        is_node = self._policy.is_node(peer)
        connection = ServerConnection(self._service, peer, self._nodes if is_node else self._guests)
        if not is_node and not self._strangers.admit(connection):
            transport.abort()
            return
        self._open.add(connection)
        _hand_over(transport, connection)

    async def _enter_plainly(self, connection: socket.socket, links: LinkService) -> None:
        """Serve a link without TLS."""
        server = LinkServer(links, Peer("", None))
        await asyncio.get_running_loop().connect_accepted_socket(lambda: server, connection)
        self._group.spawn(self._serve_link(server), name="link")

    async def _serve_link(self, server: LinkServer) -> None:
        try:
            await server.run()
        finally:
            self.left()

    def left(self) -> None:
        """An accepted connection is gone."""
        self._slots.release()

    def _gone(self, connection: ServerConnection) -> None:
        self._open.discard(connection)
        self._strangers.left(connection)
        self.left()

    async def watch(self) -> None:
        """Let time pass for the connections, and tell what was refused, until cancelled."""
        while True:
            for _ in range(_TICKS_PER_TELLING):
                await self._clock.sleep(_TICK_S)
                for connection in list(self._open):
                    connection.tick()
            if news := self.refusals.news():
                _LOGGER.warning("refused in the last minute: %s", news)

    async def stop(self, grace_s: float) -> None:
        """End every connection: after its calls, or after `grace_s`."""
        for connection in list(self._open):
            connection.give_way()
        await self._until(lambda: not any(one.is_at_work for one in self._open), grace_s)
        for connection in list(self._open):
            connection.end()
        await self._until(lambda: not self._open, _LAST_WORDS_S)
        for connection in list(self._open):
            connection.abort()
        await self._until(lambda: not self._open, GOODBYE_S)

    async def _until(self, is_so: Callable[[], bool], limit_s: float) -> None:
        """Return when it is so, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not is_so():
                    await self._clock.sleep(_POLL_S)


async def _readable(waited: socket.socket) -> None:
    """Return when something has come, or somebody waits to be accepted. Accepting is not left to the loop: a connection that it has accepted
    while its caller is cancelled is nobody's."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.add_reader(waited.fileno(), _found, future)
    try:
        await future
    finally:
        loop.remove_reader(waited.fileno())


async def _begins_with_frame(connection: socket.socket) -> bool:
    """Whether the other end speaks a link's frames, and no TLS; what it said is still to be read. Raises OSError."""
    async with asyncio.timeout(HANDSHAKE_S):
        await _readable(connection)
    return connection.recv(1, socket.MSG_PEEK) in link.FIRST_BYTES


def _found(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _chosen(transport: asyncio.Transport) -> str | None:
    chosen: str | None = transport.get_extra_info("ssl_object").selected_alpn_protocol()
    return chosen


def _hand_over(transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
    transport.set_protocol(protocol)
    protocol.connection_made(transport)


@asynccontextmanager
async def listen(
    context: ssl.SSLContext,
    listening: list[socket.socket],
    clock: Clock,
    make_service: Callable[[Group], Service],
    policy: Policy,
    *,
    grace_s: float,
) -> AsyncIterator[TlsListener]:
    """Serve bound and listening sockets, which are closed at the end. The tasks of the service belong to the group it is made with."""
    failure: Exception | None = None
    async with Group() as group:
        listener = TlsListener(context, group, clock, make_service(group), policy)
        accepting = [group.spawn(listener.accept(one), name="tls accept") for one in listening]
        group.spawn(listener.watch(), name="tls watch")
        try:
            yield listener
        except Exception as error:  # noqa: BLE001 - the user's own, raised below as it is and not as a group
            failure = error
        finally:
            try:
                for task in accepting:
                    await cancel_and_wait(task)
                for one in listening:
                    one.close()
                await listener.stop(grace_s)
            finally:
                group.cancel_all()
                for one in listening:
                    one.close()
    if failure is not None:
        raise failure
