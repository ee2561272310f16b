"""TLS with an optional client certificate in front of a grpcio server.

grpcio can demand a client certificate or not ask for one; joining nodes have none, all others must be known. So TLS
ends here, and the bytes go to a grpcio server on a private unix socket. Each connection is bound to its own path on
that side, so that the server's `context.peer()` names the connection and `peer()` here says who is behind it.

Rules: a handshake has ten seconds; connections are counted, and no more than the limit are accepted; a new context
serves new handshakes while the port stays open and old connections go on.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from swarm_core.rpc import link
from swarm_core.rpc.bridge import End
from swarm_core.rpc.caller import Peer, certificate_of, format_address
from swarm_core.rpc.errors import AddressUnusable
from swarm_core.rpc.link_server import LinkServer, LinkService
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group

CONNECTIONS_MAX = 16_384
HANDSHAKE_S = 10.0
GOODBYE_S = 3.0
_BACKLOG = 512
_ACCEPT_PAUSE_S = 0.1
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_STRANGER = Peer("", None)
_LOGGER = logging.getLogger(__name__)


class TlsListener:
    """One port. Made by `listen`."""

    def __init__(
        self,
        context: ssl.SSLContext,
        backend: Path,
        group: Group,
        clock: Clock,
        links: LinkService | None = None,
    ) -> None:
        self._links = links
        self._context = self._offering(context)
        self._backend = backend
        self._group = group
        self._clock = clock
        self._peers: dict[str, Peer] = {}
        self._ends: dict[str, End] = {}
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)
        self._count = 0

    def reload(self, context: ssl.SSLContext) -> None:
        """Use `context` for handshakes from now on."""
        self._context = self._offering(context)

    def _offering(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """With links offered to whoever asks for one."""
        if self._links is not None:
            context.set_alpn_protocols([link.PROTOCOL, "h2"])
        return context

    def peer(self, name: str) -> Peer:
        """Who is behind the connection that the server calls `name`; nobody, if it did not come through here."""
        return self._peers.get(name.rpartition("/")[2], _STRANGER)

    @property
    def connections(self) -> int:
        return len(self._ends)

    async def accept(self, listening: socket.socket) -> None:
        """Serve one listening socket until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._slots.acquire()
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:
                self._slots.release()
                if error.errno in _EXHAUSTED:
                    _LOGGER.error("cannot accept connections: %s", error)
                    await self._clock.sleep(_ACCEPT_PAUSE_S)
                continue
            self._count += 1
            name = f"c{self._count}"
            self._group.spawn(self._connect(connection, format_address(address), name), name=f"tls {name}")

    def close(self) -> None:
        """End all connections at once."""
        for end in list(self._ends.values()):
            end.abort()

    async def _connect(self, connection: socket.socket, remote_addr: str, name: str) -> None:
        outer = End()
        joined = False
        try:
            peer = await self._shake_hands(connection, remote_addr, outer)
            if peer is not None and self._wants_link(outer):
                await self._serve_link(outer, peer, name)
            elif peer is not None:
                self._peers[name] = peer
                inner = await self._reach_backend(name)
                self._ends[name] = outer
                End.join(outer, inner, lambda: self._forget(name))
                joined = True
        except OSError as error:
            _LOGGER.error(
                "connection of %s dropped: the server behind TLS is not there: %s", remote_addr, error
            )
        finally:
            if not joined:
                if outer.transport is not None:
                    outer.transport.abort()
                connection.close()
                self._forget(name)

    def _wants_link(self, outer: End) -> bool:
        assert outer.transport is not None
        chosen = outer.transport.get_extra_info("ssl_object").selected_alpn_protocol()
        return self._links is not None and chosen == link.PROTOCOL

    async def _serve_link(self, outer: End, peer: Peer, name: str) -> None:
        assert self._links is not None
        assert outer.transport is not None
        if not self._links.admits(peer):
            return
        self._ends[name] = outer
        server = LinkServer(self._links, peer)
        link.take_over(outer.transport, server, outer.take_early())
        await server.run()

    async def _shake_hands(self, connection: socket.socket, remote_addr: str, outer: End) -> Peer | None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: outer,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=GOODBYE_S,
            )
        except OSError as error:
            _LOGGER.debug("handshake with %s failed: %s", remote_addr, error)
            return None
        return Peer(remote_addr, certificate_of(transport.get_extra_info("peercert")))

    async def _reach_backend(self, name: str) -> End:
        inner = End()
        near = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            near.setblocking(False)
            near.bind(str(self._backend.parent / name))
            loop = asyncio.get_running_loop()
            await loop.sock_connect(near, str(self._backend))
            await loop.create_unix_connection(lambda: inner, sock=near)
        except BaseException:
            near.close()
            raise
        return inner

    def _forget(self, name: str) -> None:
        self._ends.pop(name, None)
        self._peers.pop(name, None)
        with suppress(FileNotFoundError):
            (self._backend.parent / name).unlink()
        self._slots.release()


@asynccontextmanager
async def listen(
    context: ssl.SSLContext,
    listening: list[socket.socket],
    backend: Path,
    clock: Clock,
    *,
    links: LinkService | None = None,
) -> AsyncIterator[TlsListener]:
    """Serve bound and listening sockets, which are closed at the end. `backend`: the server's unix socket, in a
    directory that belongs to this listener."""
    failure: Exception | None = None
    async with Group() as group:
        listener = TlsListener(context, backend, group, clock, links)
        try:
            for one in listening:
                group.spawn(listener.accept(one), name="tls accept")
            yield listener
        except Exception as error:  # noqa: BLE001 - the user's own, raised below as it is and not as a group
            failure = error
        finally:
            group.cancel_all()
            listener.close()
            for one in listening:
                one.close()
    if failure is not None:
        raise failure


def bind(address: str) -> list[socket.socket]:
    """Listening sockets for `host:port` (an empty host: all addresses). Raises AddressUnusable."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    found: list[socket.socket] = []
    try:
        if not port.isdecimal() or int(port) > 65535:
            raise AddressUnusable(f"{address!r} is not an address of the form host:port")
        if not host and socket.has_dualstack_ipv6():
            found.append(
                socket.create_server(
                    ("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG
                )
            )
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            found.append(socket.create_server((host, int(port)), family=family, backlog=_BACKLOG))
    except OSError as error:
        # The library appends the address, which already stands here.
        reason = (error.strerror or str(error)).partition(" (while ")[0]
        raise AddressUnusable(f"cannot listen on {address}: {reason}") from None
    for one in found:
        one.setblocking(False)
    return found
