"""The ways to an engine (docs/design/engines.md N2): sockets, ports with TLS, ssh. A program stands in for ssh."""

import asyncio
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from swarm_core.engines import api as calls
from swarm_core.engines.api import EngineApi
from swarm_core.engines.client import EngineClient
from swarm_core.engines.errors import EngineAway, EngineDistrusted, EngineGarbage
from swarm_core.engines.records import EngineEntry
from swarm_core.engines.ssh import SshWay, arguments
from swarm_core.engines.ways import problem_of
from swarm_testkit.daemons import wait_until
from swarm_testkit.engine_bytes import PING, json_answer, listening, saying
from swarm_testkit.http_face import WAIT_S
from swarm_testkit.web_certificates import WebCa

FAKE = Path(__file__).parents[2] / "data" / "programs" / "ssh_dial_fake.py"
ENGINE = {"/_ping": PING, "/v1.43/info": json_answer(b'{"ID": "one"}')}


@asynccontextmanager
async def api_of(entry: EngineEntry | str) -> AsyncIterator[EngineApi]:
    api = EngineApi(EngineClient(entry, keeps_connections=True))
    try:
        async with asyncio.timeout(WAIT_S):
            yield api
    finally:
        await api.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[WebCa, WebCa]:
    """An authority that both sides believe, and another one."""
    directory = tmp_path_factory.mktemp("tls")
    return WebCa(directory / "ours"), WebCa(directory / "other")


def server_side(ca: WebCa, *, verifies: bool = True) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca.certificate))
    context.load_cert_chain(*map(str, ca.issue("engine")))
    if verifies:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("unix:///run/docker.sock", ""),
        ("tcp://10.0.0.1:2375", ""),
        ("tcp://[::1]", ""),
        ("ssh://ana@m1:2222/run/docker.sock", ""),
        ("unix://docker.sock", "needs the whole path of a socket"),
        ("tcp://", "names no machine"),
        ("tcp://h:0", "names port 0"),
        ("tcp://h:99999", "cannot be read: Port out of range 0-65535"),
        ("tcp://h:1/path", "has a path behind the port"),
        ("npipe:////./pipe/docker", "begins with none of unix://, tcp:// and ssh://"),
        ("h:2375", "begins with none of unix://, tcp:// and ssh://"),
        ("ssh://-oProxyCommand=x", "names a machine that ssh cannot take"),
        ("ssh://-l@h", "names a machine that ssh cannot take"),
        ("ssh://a:b@h", "has a password, which ssh takes from nobody"),
    ],
)
def test_addresses(url: str, problem: str) -> None:
    """What cannot be an engine's address is told before anything is opened (N2.1)."""
    assert problem_of(url) == problem


async def test_an_address_that_cannot_be_one_is_refused() -> None:
    """A call to such an address is told why (N2.1)."""
    async with api_of("tcp://h:0") as api:
        with pytest.raises(EngineAway, match="the engine's address tcp://h:0 names port 0"):
            await api.agree()


async def test_sockets_and_ports(tmp_path: Path) -> None:
    """One client serves both; a connection is used again where the client keeps them (N2.2)."""
    connections: list[object] = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await saying(ENGINE)(reader, writer)

    async with listening(counted, tmp_path / "e"), listening(counted) as port:
        for url in (f"unix://{tmp_path / 'e'}", f"tcp://127.0.0.1:{port}"):
            async with api_of(url) as api:
                assert await api.get("/info") == {"ID": "one"}
    assert len(connections) == 2


async def test_nobody_there(tmp_path: Path) -> None:
    """The sentence names the address and the reason (N2.3)."""
    async with api_of(f"unix://{tmp_path}/nobody") as api:
        with pytest.raises(
            EngineAway,
            match=f"the container engine at unix://{tmp_path}/nobody does not answer: No such file",
        ):
            await api.agree()


async def test_tls_with_both_certificates(certificates: tuple[WebCa, WebCa]) -> None:
    """Engine and client show certificates of the authority that the entry names (N2.4)."""
    ours, _ = certificates
    certificate, key = ours.issue("client")
    async with listening(saying(ENGINE), tls=server_side(ours)) as port:
        entry = EngineEntry(
            f"tcp://127.0.0.1:{port}",
            ca=str(ours.certificate),
            certificate=str(certificate),
            key_file=str(key),
        )
        async with api_of(entry) as api:
            assert await api.get("/info") == {"ID": "one"}


async def test_tls_that_the_client_refuses(certificates: tuple[WebCa, WebCa], tmp_path: Path) -> None:
    """An engine of another authority, one without TLS, and certificates of ours that are not there are failures of TLS (N2.4)."""
    ours, other = certificates

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")

    async with listening(saying(ENGINE), tls=server_side(ours)) as port, listening(plain) as plain_port:
        url, believed = f"tcp://127.0.0.1:{port}", str(ours.certificate)
        cases = [
            (EngineEntry(url, ca=str(other.certificate)), "is not believed: "),
            (EngineEntry(url, ca=believed, certificate="c.pem"), "needs both a certificate and its key"),
            (
                EngineEntry(url, ca=f"{tmp_path}/none.pem"),
                "none.pem, for the engine at .* cannot be used: No such file",
            ),
            (EngineEntry(f"tcp://127.0.0.1:{plain_port}", ca=believed), "TLS with the container engine"),
        ]
        for entry, words in cases:
            async with api_of(entry) as api:
                with pytest.raises(EngineDistrusted, match=words):
                    await api.agree()


async def test_tls_that_the_engine_refuses(certificates: tuple[WebCa, WebCa]) -> None:
    """A client of another authority, and one that shows no certificate, are told that TLS failed (N2.4).

    The server is a thread, as asyncio's servers end such a connection without the alert that engines send."""
    ours, other = certificates
    strange, strange_key = map(str, other.issue("stranger"))
    believed = str(ours.certificate)
    engine = server_side(ours)
    engine.maximum_version = ssl.TLSVersion.TLSv1_2
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(WAIT_S)

    def refuse() -> None:
        connection, _ = listener.accept()
        connection.settimeout(WAIT_S)
        with connection, pytest.raises(ssl.SSLError):
            engine.wrap_socket(connection, server_side=True)

    url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    with listener:
        for entry in (
            EngineEntry(url, ca=believed, certificate=strange, key_file=strange_key),
            EngineEntry(url, ca=believed),
        ):
            async with api_of(entry) as api:
                caught, _ = await asyncio.gather(
                    api.agree(), asyncio.to_thread(refuse), return_exceptions=True
                )
            assert isinstance(caught, EngineDistrusted)
            assert str(caught).startswith(f"TLS with the container engine at {url} failed: ")


async def test_tls_that_ends_without_a_word(certificates: tuple[WebCa, WebCa]) -> None:
    """An engine that ends the connection after the handshake may not believe us, and the sentence says so (N2.4)."""
    ours, _ = certificates
    async with listening(saying({}), tls=server_side(ours, verifies=False)) as port:
        async with api_of(EngineEntry(f"tcp://127.0.0.1:{port}", ca=str(ours.certificate))) as api:
            with pytest.raises(EngineAway, match="perhaps it does not believe our certificate"):
                await api.agree()


async def test_tls_that_verifies_nothing(certificates: tuple[WebCa, WebCa]) -> None:
    """An entry may say that the engine's certificate is not to be looked at (N2.4)."""
    ours, other = certificates
    async with listening(saying(ENGINE), tls=server_side(ours, verifies=False)) as port:
        entry = EngineEntry(f"tcp://127.0.0.1:{port}", ca=str(other.certificate), verifies=False)
        async with api_of(entry) as api:
            assert await api.get("/info") == {"ID": "one"}


async def test_no_http(tmp_path: Path) -> None:
    """What answers something else than HTTP is garbage (N2.3)."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async with listening(script, tmp_path / "e"), api_of(f"unix://{tmp_path / 'e'}") as api:
        with pytest.raises(EngineGarbage, match="answered no HTTP"):
            await api.agree()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ssh://m1", "-- m1 docker system dial-stdio"),
        ("ssh://ana@m1:2222", "-l ana -p 2222 -- m1 docker system dial-stdio"),
        ("ssh://m1/run/my.sock", "-- m1 docker --host unix:///run/my.sock system dial-stdio"),
    ],
)
def test_what_ssh_is_told(url: str, words: str) -> None:
    """User, port and the far socket are those of the address (N2.5)."""
    assert " ".join(arguments(url)) == words


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called ssh that comes first; the file has its process ids and words. It may take long to begin."""
    monkeypatch.setattr(calls, "CALL_S", WAIT_S)
    programs = tmp_path / "bin"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{FAKE}" "$@"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SSH_FAKE_SAID", str(tmp_path / "said"))
    monkeypatch.setenv("SSH_FAKE_ENGINE", str(tmp_path / "e"))
    return tmp_path / "said"


async def test_ssh(said: Path, tmp_path: Path) -> None:
    """Requests go through one ssh, which ends with the client (N2.5)."""
    async with listening(saying(ENGINE), tmp_path / "e"):
        async with api_of("ssh://ana@m1") as api:
            assert await api.get("/info", timeout=WAIT_S) == {"ID": "one"}
            (line,) = said.read_text().splitlines()
            assert line.endswith("-l ana -- m1 docker system dial-stdio")
            assert psutil.pid_exists(int(line.split()[0]))
        assert not psutil.pid_exists(int(line.split()[0]))


async def test_an_ssh_that_takes_no_more_is_ended_and_its_words_are_told(said: Path) -> None:
    """What it has said before is the reason of the connection's end (N2.5)."""
    way = SshWay("ssh://deaf")
    transport, protocol = await way.connect(Bytes)
    # Without a turn of the loop, which would notice first that nobody reads.
    wait_until(lambda: said.exists() and said.read_text(), what="an ssh that takes nothing")
    async with asyncio.timeout(WAIT_S):
        transport.write(b"GET / HTTP/1.1\r\n\r\n")
        reason = await protocol.ended
        assert str(reason) == "ssh ended: ssh: the other side has hung up"
        await way.close()
    assert not psutil.pid_exists(int(said.read_text().split()[0]))


class Bytes(asyncio.Protocol):
    """What came over a connection, and its end."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(exc)


async def test_bytes_through_ssh(said: Path, tmp_path: Path) -> None:
    """A hijacked connection goes through ssh with its half close, and large amounts come whole (N2.5)."""
    much = bytes(range(256)) * 4096

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /_ping"):
            writer.write(PING)
            return
        writer.write(b"UPGRADED\r\n\r\n" + await reader.read() + b"|end")

    async with listening(echo, tmp_path / "e"), api_of("ssh://m1") as api:
        transport, protocol = await api.hijack("/exec/x/start", None, None, Bytes)
        transport.write(much)
        transport.write_eof()
        await protocol.ended
        assert protocol.data == b"UPGRADED\r\n\r\n" + much + b"|end"
        transport.close()


async def test_what_ssh_says_is_told(said: Path) -> None:
    """A machine that cannot be reached: ssh's last words (N2.5)."""
    async with api_of("ssh://nobody") as api:
        with pytest.raises(
            EngineAway, match="ssh ended: ssh: connect to host nobody port 22: Connection refused"
        ):
            await api.agree()


async def test_without_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without ssh says so (N2.5)."""
    monkeypatch.setenv("PATH", str(tmp_path))
    async with api_of("ssh://m1") as api:
        with pytest.raises(EngineAway, match="ssh cannot be run: No such file"):
            await api.agree()
