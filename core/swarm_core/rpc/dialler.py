"""The mirror image of the listener: reach a manager over TLS without verifying it.

grpcio always verifies. Before a node trusts anybody it must fetch the root certificate from somebody; what it gets
is then checked against the join token's digest, or vouched for by the permissions of the socket it came through.
Nothing else may be asked this way.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from swarm_core.rpc import channel
from swarm_core.rpc.bridge import End
from swarm_core.rpc.grpcio import grpc

HANDSHAKE_S = 10.0


@asynccontextmanager
async def unverified(
    target: str, context: ssl.SSLContext, *, server_name: str
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to `target` (host:port or unix:path), with whoever answers there; `context` must not verify. One
    connection is made at once: raises OSError when there is nobody or no TLS."""
    outer = End()
    await _dial(target, context, outer, server_name)
    try:
        with tempfile.TemporaryDirectory(prefix="swarm-dial-") as directory:
            path = Path(directory) / "s"
            inner_server = await asyncio.get_running_loop().create_unix_server(
                lambda: _Joining(outer), path=str(path)
            )
            async with inner_server:
                opened = channel.plain(f"unix:{path}", server_name=server_name)
                try:
                    yield opened
                finally:
                    await opened.close(None)
    finally:
        outer.abort()


class _Joining(End):
    """The one connection that grpcio makes to us."""

    def __init__(self, outer: End) -> None:
        super().__init__()
        self._outer = outer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._outer._other is None:
            End.join(self, self._outer, lambda: None)
        else:
            transport.close()


async def _dial(target: str, context: ssl.SSLContext, outer: End, server_name: str) -> None:
    loop = asyncio.get_running_loop()
    if target.startswith("unix:"):
        await loop.create_unix_connection(
            lambda: outer,
            target.removeprefix("unix:"),
            ssl=context,
            server_hostname=server_name,
            ssl_handshake_timeout=HANDSHAKE_S,
        )
        return
    host, _, port = target.rpartition(":")
    await loop.create_connection(
        lambda: outer,
        host.strip("[]"),
        int(port),
        ssl=context,
        server_hostname=server_name,
        ssl_handshake_timeout=HANDSHAKE_S,
    )
