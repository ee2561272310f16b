"""The end of a connection."""

import asyncio

from swarm_core.ca import tls
from swarm_core.runtime import transports
from swarm_testkit.trust import make_authority

AUTHORITY = make_authority()


class Wire(asyncio.Transport):
    """What became of it, and how it answers `close`."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self._failure = failure
        self.ends: list[str] = []

    def is_closing(self) -> bool:
        return bool(self.ends)

    def close(self) -> None:
        self.ends.append("closed")
        if self._failure is not None:
            raise self._failure

    def abort(self) -> None:
        self.ends.append("aborted")


def test_a_connection_is_closed_once() -> None:
    wire = Wire()
    transports.close(wire)
    transports.close(wire)
    assert wire.ends == ["closed"]


def test_what_cannot_be_closed_politely_is_dropped() -> None:
    wire = Wire(RuntimeError("cannot switch state from 0 to 4"))
    transports.close(wire)
    assert wire.ends == ["closed", "aborted"]


class Served(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self) -> None:
        self.made: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.made.set_result(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()


async def test_one_that_was_closed_more_than_once_can_still_be_dropped() -> None:
    """Also where the other end never says goodbye. A second close made asyncio forget the connection, which then stayed."""
    served = Served()
    server = await asyncio.get_running_loop().create_server(
        lambda: served, "127.0.0.1", 0, ssl=tls.server_context(AUTHORITY.manager())
    )
    context = tls.client_context(AUTHORITY.root.certificate, AUTHORITY.worker())
    _, writer = await asyncio.open_connection(
        *server.sockets[0].getsockname(), ssl=context, server_hostname="swarm-manager"
    )
    try:
        async with asyncio.timeout(20):
            transport = await served.made
            writer.transport.pause_reading()
            transports.close(transport)
            transports.close(transport)
            assert not served.lost.is_set()
            transport.abort()
            await served.lost.wait()
    finally:
        writer.transport.abort()
        server.close()
