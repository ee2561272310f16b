"""Connections of our own for grpcio: managers that its TLS refuses, and whom ours refuses."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from swarm_core.api.proto import control_pb2
from swarm_core.ca import certificates, keys, tls
from swarm_core.ca.root_ca import RootCa
from swarm_core.client.connection import Connection
from swarm_core.client.errors import ClientError, Unreachable, UntrustedManager
from swarm_core.client.trust import Trust
from swarm_core.rpc import dialler
from swarm_core.rpc.grpcio import grpc
from swarm_testkit.free_ports import free_port
from swarm_testkit.trust import Authority, EchoServices, echo_services, make_authority, now_ns, remote_server

AUTHORITY = make_authority()
_GET_NODE = "/docker.swarmkit.v1.Control/GetNode"


def as_docker_cross_signs(old: RootCa, new: RootCa) -> bytes:
    """The new root, signed by the old one, as Go's library writes it: equal subject and issuer name no authority's key."""
    root = certificates.parse(new.certificate)[0]
    signer = certificates.parse(old.certificate)[0]
    assert old.key is not None
    key = serialization.load_pem_private_key(old.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(
        issuer_name=signer.subject,
        subject_name=root.subject,
        public_key=root.public_key(),
        serial_number=root.serial_number,
        not_valid_before=root.not_valid_before_utc,
        not_valid_after=root.not_valid_after_utc,
    )
    for extension in root.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return certificates.encode([builder.sign(key, hashes.SHA256())])


def rotating(authority: Authority) -> tuple[Authority, bytes]:
    """The authority during a rotation that a Docker manager leads, whose roots are still the old ones; and its cross-signed
    root."""
    new = make_authority()
    cross = as_docker_cross_signs(authority.root, new.root)
    return Authority(new.root, authority.organization), cross


def renewed(authority: Authority, node_id: str) -> tuple[tls.TlsIdentity, bytes]:
    """A manager of `authority` that has its new certificate already, but trusts the old root."""
    new, cross = rotating(authority)
    identity = new.manager(node_id)
    return tls.TlsIdentity(authority.root.certificate, identity.certificate + cross, identity.key), cross


async def who_am_i(channel: grpc.aio.Channel) -> str:
    answer = await channel.unary_unary(_GET_NODE, None, None)(b"", timeout=40)
    return control_pb2.GetNodeResponse.FromString(answer).node.id


@asynccontextmanager
async def dialled(address: str, client: dialler.ClientTls) -> AsyncIterator[dialler.DialledChannel]:
    async with dialler.DialledChannel(address, client) as channel:
        yield channel


def client(authority: Authority = AUTHORITY, **how: object) -> tls.ClientTls:
    return tls.ClientTls(authority.root.certificate, identity=authority.manager("m9"), **how)  # type: ignore[arg-type]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time to speak HTTP/2."""
    monkeypatch.setattr("swarm_core.client.connection._SPEAKS_S", 40)


async def test_calls_go_through() -> None:
    """A manager is reached, and knows who calls; every shape of call works."""
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as server:
        async with dialled(server.address, client()) as channel:
            assert [await who_am_i(channel) for _ in range(3)] == ["m9"] * 3


@pytest.mark.usefixtures("patient")
async def test_openssl_refuses_dockers_cross_signed_root_and_we_do_not() -> None:
    """During a rotation that a Docker manager leads, its certificate leads to the old root through the new one."""
    identity, _ = renewed(AUTHORITY, "m1")
    async with remote_server(AUTHORITY, echo_services(EchoServices()), identity=identity) as server:
        host, _, port = server.address.rpartition(":")
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                host,
                int(port),
                ssl=tls.client_context(AUTHORITY.root.certificate),
                server_hostname="swarm-manager",
            )
        async with dialled(server.address, client()) as channel:
            assert await who_am_i(channel) == "m9"
        async with await Connection.open(
            server.address, trust=AUTHORITY.trust(AUTHORITY.manager("m8")), timeout=40
        ) as connection:
            answer = await connection.call("Control.GetNode", control_pb2.GetNodeRequest(), timeout=40)
            assert answer.node.id == "m8"


async def test_a_server_believes_clients_of_the_new_root_when_it_knows_the_cross_signed_one() -> None:
    """A node that renewed first is not cut off from a manager of ours; a strange root stays strange."""
    identity, cross = renewed(AUTHORITY, "m7")
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as server:
        early = tls.ClientTls(AUTHORITY.root.certificate, identity=identity)
        async with dialled(server.address, early) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await who_am_i(channel)
        server.reload(tls.server_context(AUTHORITY.manager(), cross))
        async with dialled(server.address, early) as channel:
            assert await who_am_i(channel) == "m7"
        stranger = make_authority()
        _, strange = rotating(stranger)
        server.reload(tls.server_context(AUTHORITY.manager(), strange))
        foreign = tls.ClientTls(AUTHORITY.root.certificate, identity=stranger.manager("m6"))
        async with dialled(server.address, foreign) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await who_am_i(channel)


@asynccontextmanager
async def without_alpn(authority: Authority) -> AsyncIterator[str]:
    """A manager that does not answer ALPN, as a Docker Engine does once it has reloaded its TLS settings."""
    async with remote_server(authority, echo_services(EchoServices())) as server:
        context = tls.server_context(authority.manager())
        server.reload(context)
        context.set_alpn_protocols([])
        yield server.address


@pytest.mark.usefixtures("patient")
async def test_a_manager_without_alpn_is_reached() -> None:
    """By a channel, and by a client's connection, which opens one where grpcio would refuse."""
    async with without_alpn(AUTHORITY) as address:
        async with dialled(address, client()) as channel:
            assert await who_am_i(channel) == "m9"
        async with await Connection.open(
            address, trust=AUTHORITY.trust(AUTHORITY.manager("m8")), timeout=40
        ) as connection:
            answer = await connection.call("Control.GetNode", control_pb2.GetNodeRequest(), timeout=40)
            assert answer.node.id == "m8"


def too_late() -> int:
    return now_ns() + 400 * 24 * 3600 * 10**9


@pytest.mark.parametrize(
    ("tls_of", "reason"),
    [
        (lambda: client(make_authority()), "unknown authority"),
        (lambda: client(server_name="swarm-worker"), "not valid for 'swarm-worker'"),
        (lambda: client(wall_ns=too_late), "expired"),
        (lambda: client(wall_ns=lambda: 0), "not valid before"),
    ],
    ids=["another root", "another name", "expired", "not yet"],
)
async def test_who_is_not_believed_hears_nothing(tls_of: object, reason: str) -> None:
    """A manager of another cluster, of another name or of another time is refused with the reason, before a byte of a call."""
    wanted = tls_of()  # type: ignore[operator]
    echo = EchoServices()
    async with remote_server(AUTHORITY, echo_services(echo)) as server:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            await dialler.connect(server.address, wanted, asyncio.Protocol)
        async with dialled(server.address, wanted) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary(_GET_NODE, None, None)(b"", timeout=40)
    assert echo.callers == []


async def test_a_client_certificate_alone_is_no_server() -> None:
    """A certificate that is not for servers does not make one, whoever signed it."""
    chain = certificates.parse(AUTHORITY.manager().certificate)
    leaf = chain[0]
    signer = certificates.parse(AUTHORITY.root.certificate)[0]
    assert AUTHORITY.root.key is not None
    key = serialization.load_pem_private_key(AUTHORITY.root.key, None)
    builder = x509.CertificateBuilder(
        signer.subject,
        leaf.subject,
        keys.generate().public_key(),
        x509.random_serial_number(),
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("swarm-manager")]), False)
    use = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    shown = builder.add_extension(use, False).sign(key, hashes.SHA256())  # type: ignore[arg-type]
    with pytest.raises(ssl.SSLCertVerificationError, match="not for servers"):
        client().judge([shown.public_bytes(serialization.Encoding.DER)])
    for nothing in ([], [b"no certificate"]):
        with pytest.raises(ssl.SSLCertVerificationError):
            client().judge(nothing)


async def test_nobody_else_can_use_the_socket() -> None:
    """What another process opens there is closed at once, and nothing is dialled for it."""
    asked: list[str] = []

    class Counting(tls.Anybody):
        def judge(self, chain: Sequence[bytes]) -> None:
            asked.append("judged")

    async with remote_server(AUTHORITY, echo_services(EchoServices())) as server:
        async with dialled(server.address, Counting()) as channel:
            name = channel._listening.getsockname().decode().removeprefix("\0")
            code = (
                "import socket,sys; s=socket.socket(socket.AF_UNIX); "
                "s.connect('\\0'+sys.argv[1]); s.settimeout(40); print(s.recv(1))"
            )
            other = await asyncio.create_subprocess_exec(
                "python3", "-c", code, name, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await other.communicate()
    assert (out, asked) == (b"b''\n", [])


async def test_a_channel_comes_back_after_its_manager() -> None:
    """While nobody listens calls fail; later ones find the manager again on the same port."""
    address = f"127.0.0.1:{free_port()}"
    async with dialled(address, client()) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await who_am_i(channel)
        context = tls.server_context(AUTHORITY.manager())
        from swarm_core.rpc.authorization import Authorizer
        from swarm_core.rpc.server import serve_remote
        from swarm_core.runtime.clock import SystemClock

        authorizer = Authorizer(AUTHORITY.organization, lambda: ())
        async with serve_remote(
            echo_services(EchoServices()), address, context, authorizer, SystemClock(), grace_s=0
        ):
            call = channel.unary_unary(_GET_NODE, None, None)
            answer = await call(b"", timeout=40, wait_for_ready=True)
            assert control_pb2.GetNodeResponse.FromString(answer).node.id == "m9"


async def test_closing_ends_what_was_dialled() -> None:
    """No connection and no task of a closed channel is left, whatever it was doing."""
    async with remote_server(AUTHORITY, echo_services(EchoServices())) as server:
        channel = dialler.DialledChannel(server.address, client())
        await who_am_i(channel)
        assert channel._ends
        await channel.close()
        await channel.close()
        assert not channel._ends and not channel._dialling
        with pytest.raises((grpc.aio.UsageError, grpc.aio.AioRpcError)):
            await who_am_i(channel)


async def test_a_connection_names_what_is_wrong() -> None:
    """A strange cluster's manager, and a TLS server that speaks something else, each have a sentence."""
    async with without_alpn(AUTHORITY) as address:
        with pytest.raises(UntrustedManager, match="not trusted"):
            await Connection.open(address, trust=Trust(make_authority().root.certificate), timeout=40)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    context = tls.server_context(AUTHORITY.manager())
    context.set_alpn_protocols([])
    server = await asyncio.start_server(silent, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ClientError) as caught:
            await Connection.open(
                f"127.0.0.1:{port}", trust=AUTHORITY.trust(AUTHORITY.manager("m8")), timeout=40
            )
        assert isinstance(caught.value, Unreachable)
        assert "does not speak gRPC" in str(caught.value)


def test_the_names_in_a_certificate_are_compared_whole() -> None:
    """`swarm-manager` does not match a name that only contains it."""
    leaf = AUTHORITY.worker().certificate
    der = certificates.parse(leaf)[0].public_bytes(serialization.Encoding.DER)
    with pytest.raises(ssl.SSLCertVerificationError, match="swarm-manager"):
        client().judge([der])
    assert datetime.datetime.now(datetime.UTC) > certificates.parse(leaf)[0].not_valid_before_utc
