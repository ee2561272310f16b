"""TLS of our own for calls going out: we shake hands, judge the other end, and hand grpcio the bytes.

grpcio's client judges a chain as OpenSSL's kin do, and insists on ALPN. Two kinds of swarm managers fail at that and are
right: one whose chain leads through a cross-signed root during a root rotation, and a Docker Engine up to 2024 that has
reloaded its TLS settings and answers no ALPN since.

How: grpcio connects to a socket of this process that has a name and no file. Each connection that it opens there is joined
with one that we dial. Rules
1. Nothing is sent to the other end before its chain was judged.
2. The socket serves this process alone: the kernel says whose each connection is.
3. What was dialled ends with the channel; `close` waits for it.
"""

from __future__ import annotations

import _ssl
import asyncio
import logging
import os
import secrets
import socket
import ssl
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from swarm_core.rpc import channel
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.relay import End
from swarm_core.runtime import unix_paths

HANDSHAKE_S = 10.0
_BACKLOG = 16
# A channel is what has its methods: there is nothing to inherit, and grpcio need not be loaded for it.
if TYPE_CHECKING:
    _Channel = grpc.aio.Channel
else:
    _Channel = object
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
_log = logging.getLogger(__name__)


class ClientTls(Protocol):
    """How to shake hands with a manager, and whether to believe it."""

    @property
    def server_name(self) -> str:
        """Who the other end must be; also said to it."""

    def context(self) -> ssl.SSLContext:
        """A context for one connection. It does not verify."""

    def judge(self, chain: Sequence[bytes]) -> None:
        """Raise ssl.SSLCertVerificationError unless the shown chain (DER, leaf first) is to be believed."""


async def connect(
    target: str, tls: ClientTls, protocol: Any, *, context: ssl.SSLContext | None = None
) -> Any:
    """A connection to `target` (host:port or unix:path) whose other end was judged; `protocol` is an asyncio factory.

    Gives the transport and the protocol. Raises OSError, ssl.SSLCertVerificationError among them.
    """
    transport, made = await open_tls(target, context or tls.context(), tls.server_name, protocol)
    try:
        tls.judge(shown_chain(transport.get_extra_info("ssl_object")))
    except BaseException:
        transport.abort()
        raise
    return transport, made


async def open_tls(target: str, context: ssl.SSLContext, server_name: str, protocol: Any) -> Any:
    """A connection to `target` as `context` has it, judged by nobody else. Gives the transport and the protocol. Raises OSError."""
    loop = asyncio.get_running_loop()
    how: dict[str, Any] = {
        "ssl": context,
        "server_hostname": server_name,
        "ssl_handshake_timeout": HANDSHAKE_S,
    }
    if target.startswith("unix:"):
        with unix_paths.to_reach(Path(target.removeprefix("unix:"))) as address:
            return await loop.create_unix_connection(protocol, address, **how)
    host, _, port = target.rpartition(":")
    return await loop.create_connection(protocol, host.strip("[]"), int(port), **how)


def shown_chain(connection: ssl.SSLObject | ssl.SSLSocket) -> list[bytes]:
    """What the other end showed, DER, leaf first; nothing of it is verified."""
    public = getattr(connection, "get_unverified_chain", None)
    if public is not None:  # Python 3.13
        return list(public() or ())
    inner = connection._sslobj  # type: ignore[union-attr]
    return [one.public_bytes(_ssl.ENCODING_DER) for one in inner.get_unverified_chain() or ()]


class DialledChannel(_Channel):
    """A channel of grpcio over connections of our own. `close` must be called."""

    def __init__(self, target: str, tls: ClientTls) -> None:
        self._target = target
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._dialling: set[asyncio.Task[None]] = set()
        self._ends: set[End] = set()
        self._end_lost = asyncio.Event()
        self._is_closed = False
        name = f"swarm-dial-{secrets.token_hex(16)}"
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.setblocking(False)
        self._listening.bind(f"\0{name}")
        self._listening.listen(_BACKLOG)
        self._loop.add_reader(self._listening.fileno(), self._accept)
        self._inner = channel.plain(f"unix-abstract:{name}", server_name=tls.server_name)

    # calls, as grpcio makes them

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        return self._inner.unary_unary(*arguments, **options)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return self._inner.unary_stream(*arguments, **options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return self._inner.stream_unary(*arguments, **options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        return self._inner.stream_stream(*arguments, **options)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    async def __aenter__(self) -> DialledChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """End the calls, after `grace` seconds at most, and then every connection."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._inner.close(grace)
        finally:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
            for task in self._dialling:
                task.cancel()
            for end in list(self._ends):
                end.abort()
            if self._dialling:
                await asyncio.wait(self._dialling)
            while self._ends:
                self._end_lost.clear()
                await self._end_lost.wait()

    # connections

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            connection, _ = self._listening.accept()
            if not _is_own(connection):
                _log.warning("somebody else tried to use a connection of this process")
                connection.close()
                return
            connection.setblocking(False)
            # Its owner is this channel: `close` cancels it and waits for it.
            task = self._loop.create_task(self._serve(connection), name=f"dial {self._target}")
            self._dialling.add(task)
            task.add_done_callback(self._dialling.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Dial, and join both ends. When there is no way the connection is closed: grpcio tries again by itself."""
        outer, inner = End(), End()
        try:
            await connect(self._target, self._tls, lambda: outer)
            await self._loop.connect_accepted_socket(lambda: inner, connection)
        except (OSError, ValueError) as error:
            _log.debug("no connection to %s: %s", self._target, error)
            outer.abort()
            connection.close()
            return
        except BaseException:
            outer.abort()
            connection.close()
            raise
        self._ends.add(outer)
        End.join(outer, inner, lambda: self._forget(outer))

    def _forget(self, end: End) -> None:
        self._ends.discard(end)
        self._end_lost.set()


def _is_own(connection: socket.socket) -> bool:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, _, _ = _CREDENTIALS.unpack(raw)
    return bool(pid == os.getpid())
