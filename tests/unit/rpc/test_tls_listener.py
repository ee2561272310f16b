"""TLS with an optional client certificate: who gets through, who does not, and what it costs the others."""

import asyncio
import os
import socket
import ssl

import pytest
from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto import control_pb2, watch_pb2
from swarm_core.ca import tls
from swarm_core.client.connection import Connection
from swarm_core.client.errors import CallFailed, UntrustedManager
from swarm_core.rpc import tls_listener
from swarm_core.rpc.grpcio import grpc
from swarm_core.rpc.server import RemoteServer, Services
from swarm_core.rpc.strangers import Strangers
from swarm_core.runtime.listening import AddressUnusable, bind_tcp
from swarm_testkit.free_ports import free_port
from swarm_testkit.raw_http2 import raw_client
from swarm_testkit.trust import (
    YEAR_NS,
    Authority,
    EchoServices,
    connected,
    echo_services,
    make_authority,
    remote_server,
)

GetNode = control_pb2.GetNodeRequest
AUTHORITY = make_authority()


@pytest.fixture
def echo() -> EchoServices:
    return EchoServices(AUTHORITY.root.certificate)


async def call(
    server: RemoteServer, identity: tls.TlsIdentity | None, authority: Authority = AUTHORITY
) -> str:
    async with connected(server.address, authority, identity) as connection:
        answer = await connection.call("Control.GetNode", GetNode(), timeout=40)
        return str(answer.node.id)


async def raw(server: RemoteServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = server.address.rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


async def forgotten(server: RemoteServer) -> None:
    """Return when no connection is left."""
    async with asyncio.timeout(40):
        while server.listener.connections:
            await asyncio.sleep(0.005)


async def test_managers_workers_and_joiners_share_a_port(echo: EchoServices) -> None:
    """Each is who its certificate says; the listener forgets connections that ended."""
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        assert await call(server, AUTHORITY.manager("m5")) == "m5"
        for identity in (AUTHORITY.worker(), None):
            with pytest.raises(CallFailed) as failed:
                await call(server, identity)
            assert failed.value.code == "PERMISSION_DENIED"
        await forgotten(server)


async def test_other_organisation_and_blacklist(echo: EchoServices) -> None:
    """A certificate of our root for another cluster, and one of a removed node, prove nothing."""
    async with remote_server(AUTHORITY, echo_services(echo), blacklist={"gone"}) as server:
        for identity in (
            AUTHORITY.node("m1", MANAGER_ROLE, organization="other"),
            AUTHORITY.manager("gone"),
        ):
            with pytest.raises(CallFailed) as failed:
                await call(server, identity)
            assert failed.value.code == "PERMISSION_DENIED"


async def handshake(server: RemoteServer, identity: tls.TlsIdentity) -> bytes:
    """What a client that shows `identity` gets to read."""
    context = tls.client_context(AUTHORITY.root.certificate, identity)
    host, port = server.address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(
        host, int(port), ssl=context, server_hostname="swarm-manager"
    )
    try:
        async with asyncio.timeout(40):
            return await reader.read(100)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("flaw", ["expired", "other root"])
async def test_bad_client_certificates_end_the_handshake(echo: EchoServices, flaw: str) -> None:
    """An expired certificate or one of a strange root is not a missing one: the connection is refused."""
    if flaw == "expired":
        identity = AUTHORITY.node("m1", MANAGER_ROLE, age_ns=YEAR_NS)
    else:
        identity = make_authority().manager()
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            assert await handshake(server, identity) == b""
            raise ConnectionResetError
        assert await call(server, AUTHORITY.manager()) == "m1"


async def test_expired_server_certificate_is_not_trusted(echo: EchoServices) -> None:
    """The client says which certificate is wrong, and why."""
    expired = AUTHORITY.node("m1", MANAGER_ROLE, age_ns=YEAR_NS)
    async with remote_server(AUTHORITY, echo_services(echo), identity=expired) as server:
        with pytest.raises(UntrustedManager, match="expired"):
            await call(server, AUTHORITY.manager())


async def test_worker_is_not_a_manager(echo: EchoServices) -> None:
    """A worker's certificate does not serve as a manager's."""
    async with remote_server(AUTHORITY, echo_services(echo), identity=AUTHORITY.worker()) as server:
        with pytest.raises(UntrustedManager, match="not trusted"):
            await call(server, AUTHORITY.manager())


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"", b"\x16\x03\x01\xff\xff"],
    ids=["http", "noise", "nothing", "half a hello"],
)
async def test_garbage_on_the_port(echo: EchoServices, garbage: bytes) -> None:
    """What is no TLS is dropped; others do not notice."""
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        reader, writer = await raw(server)
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(40):
            try:
                await reader.read()
            except ConnectionError:
                pass
        writer.close()
        assert await call(server, AUTHORITY.manager()) == "m1"
        await forgotten(server)


async def test_garbage_inside_tls(echo: EchoServices) -> None:
    """What is no HTTP/2 ends the connection, and it is forgotten."""
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        host, port = server.address.rsplit(":", 1)
        context = tls.client_context(AUTHORITY.root.certificate)
        reader, writer = await asyncio.open_connection(
            host, int(port), ssl=context, server_hostname="swarm-ca"
        )
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        async with asyncio.timeout(40):
            await reader.read()
        writer.close()
        await forgotten(server)
        assert await call(server, AUTHORITY.manager()) == "m1"


async def test_a_silent_client_is_dropped(echo: EchoServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not shake hands in time is disconnected, and holds nobody up meanwhile."""
    monkeypatch.setattr(tls_listener, "HANDSHAKE_S", 0.2)
    begun: list[object] = []
    begins = Strangers.handshake_begins

    def noted(strangers: Strangers, task: asyncio.Task[None]) -> None:
        begun.append(task)
        begins(strangers, task)

    monkeypatch.setattr(Strangers, "handshake_begins", noted)
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        readers = [await raw(server) for _ in range(20)]
        async with asyncio.timeout(40):
            while len(begun) < len(readers):
                await asyncio.sleep(0.005)
        await asyncio.sleep(0)  # the last of them begins
        monkeypatch.setattr(tls_listener, "HANDSHAKE_S", 40)  # a busy machine takes its time
        assert await call(server, AUTHORITY.manager()) == "m1"
        async with asyncio.timeout(40):
            for reader, writer in readers:
                assert await reader.read() == b""
                writer.close()


async def test_who_has_left_is_forgotten_at_once(echo: EchoServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is gone without a goodbye holds no descriptor until the time for goodbyes is over."""
    monkeypatch.setattr(tls_listener, "GOODBYE_S", 600)
    context = tls.client_context(AUTHORITY.root.certificate)
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        async with raw_client(server.address, context) as client:
            await client.until(lambda: client.settings)
            assert server.listener.connections == 1
        await forgotten(server)


async def test_no_more_connections_than_there_may_be(
    echo: EchoServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many waits, and is served once another has left."""
    monkeypatch.setattr(tls_listener, "CONNECTIONS_MAX", 2)
    context = tls.client_context(AUTHORITY.root.certificate)
    async with remote_server(AUTHORITY, echo_services(echo)) as server, raw_client(server.address, context):
        async with raw_client(server.address, context):
            waiting = raw_client(server.address, context)
            entering = asyncio.ensure_future(waiting.__aenter__())
            _, writer = await raw(server)  # the system took it, and the one before it
            assert not entering.done()
            assert server.listener.connections == 2
            writer.close()
        await entering
        await waiting.__aexit__(None, None, None)


class Flood:
    """A stream without end; counts what left it."""

    def __init__(self) -> None:
        self.sent = 0

    async def watch(self, request: object, caller: object) -> object:
        message = watch_pb2.WatchMessage()
        message.events.add().object.service.id = "x" * 50_000
        data = message.SerializeToString()
        while True:
            yield data
            self.sent += 1


async def test_a_slow_reader_slows_its_stream_down() -> None:
    """Memory stays bounded: the handler stops producing when its reader stops reading."""
    flood, services = Flood(), Services()
    services.add(watch_pb2.DESCRIPTOR.services_by_name["Watch"], flood)
    identity = AUTHORITY.manager()
    # grpcio grows a reader's window as long as it takes its estimate of the line for a reason to; how far depends on the machine.
    options = (("grpc.ssl_target_name_override", MANAGER_ROLE), ("grpc.http2.bdp_probe", 0))
    credentials = grpc.ssl_channel_credentials(identity.roots, identity.key, identity.certificate)
    async with (
        remote_server(AUTHORITY, services) as server,
        Connection(
            grpc.aio.secure_channel(server.address, credentials, options), server.address
        ) as connection,
    ):
        stream = connection.stream("Watch.Watch", watch_pb2.WatchRequest())
        await anext(stream)
        before = -1
        async with asyncio.timeout(40):
            while before != flood.sent:
                before = flood.sent
                await asyncio.sleep(0.1)
        assert flood.sent < 400  # 20 MB: sockets' and windows' buffers, and no more
        for _ in range(flood.sent + 10):
            await anext(stream)
        assert flood.sent > before
        await stream.aclose()  # type: ignore[attr-defined]


async def test_certificates_are_reloaded_with_the_port_open(echo: EchoServices) -> None:
    """A new context serves new handshakes; connections made before go on."""
    other = make_authority()
    async with (
        remote_server(AUTHORITY, echo_services(echo)) as server,
        connected(server.address, AUTHORITY, AUTHORITY.manager("old")) as old,
    ):
        await old.call("Control.GetNode", GetNode(), timeout=40)
        server.reload(tls.server_context(other.manager()))
        assert await call(server, other.manager("new"), other) == "new"
        with pytest.raises(UntrustedManager):
            await call(server, AUTHORITY.manager())
        answer = await old.call("Control.GetNode", GetNode(), timeout=40)
        assert answer.node.id == "old"


async def test_a_failure_of_the_user_is_raised_as_it_is(echo: EchoServices) -> None:
    """What goes wrong while a server is open is not wrapped into a group, and the port is free again."""
    with pytest.raises(ZeroDivisionError):
        # A port that no other process is given: nobody takes it meanwhile.
        listening = bind_tcp(f"127.0.0.1:{free_port()}")
        async with remote_server(AUTHORITY, echo_services(echo), listening=listening) as server:
            raise ZeroDivisionError
    for one in bind_tcp(server.address):
        one.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_not_offered(version: ssl.TLSVersion) -> None:
    """Nothing older than TLS 1.2, and no resumption."""
    context = tls.server_context(AUTHORITY.manager())
    assert context.minimum_version > version
    assert context.num_tickets == 0
    assert {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"} == {
        f"ECDHE-{kind}-{cipher}"
        for kind in ("ECDSA", "RSA")
        for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    }


def test_addresses() -> None:
    """Free ports, version 6, all addresses; what is no address, or taken, is told in one sentence."""
    for address in ("127.0.0.1:0", ":0", "0.0.0.0:0"):
        (bound,) = bind_tcp(address)
        bound.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressUnusable, match=f"cannot listen on 127.0.0.1:{port}"):
            bind_tcp(f"127.0.0.1:{port}")
    for address in ("127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", "nowhere.invalid:1"):
        with pytest.raises(AddressUnusable):
            bind_tcp(address)
