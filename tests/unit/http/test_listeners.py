"""Listeners of an HTTP face: sockets, groups, ports, TLS."""

import asyncio
import grp
import os
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from aiohttp import web
from swarm_core.http.exchange import Exchange, json_answer
from swarm_core.http.hosts import Host, PassedHost, TcpHost, UnixHost
from swarm_core.http.listeners import CannotListen, Listener, Terms, open_all
from swarm_core.http.routes import Route, Routes
from swarm_core.http.server import serving
from swarm_core.http.tls import InvalidTls, TlsFiles
from swarm_testkit.http_face import FACE, WAIT_S, Answer, parse
from swarm_testkit.web_certificates import WebCa

REQUEST = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def hello(exchange: Exchange) -> web.Response:
    return json_answer("hello")


ROUTES = Routes([Route("GET", "/hello", hello)])


async def ask_at(listener: Listener, tls: ssl.SSLContext | None = None) -> Answer:
    """What is answered at a listener's own address."""
    return parse(await bytes_from(listener, tls))


async def bytes_from(listener: Listener, tls: ssl.SSLContext | None = None) -> bytes:
    address = listener.socket.getsockname()
    if listener.socket.family == socket.AF_UNIX:
        reader, writer = await asyncio.open_unix_connection(listener.shown.removeprefix("unix://"), ssl=tls)
    else:
        reader, writer = await asyncio.open_connection(*address[:2], ssl=tls)
    try:
        writer.write(REQUEST)
        return await reader.read()
    finally:
        writer.close()


async def is_refused(listener: Listener, tls: ssl.SSLContext) -> bool:
    """Whether not one byte is answered. When the refusal is read depends on the version of TLS."""
    try:
        return await bytes_from(listener, tls) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def opened(hosts: Sequence[Host], terms: Terms | None = None) -> list[Listener]:
    return open_all(hosts, terms or Terms(), {})


async def test_several_listeners_are_answered_by_one_server(tmp_path: Path) -> None:
    """Unix sockets and ports, of both kinds of addresses, are served at once (docs/design/engine-api.md E1.3)."""
    hosts = [
        UnixHost(tmp_path / "a"),
        UnixHost(tmp_path / "b"),
        TcpHost("127.0.0.1", 0),
        TcpHost("::1", 0),
        TcpHost("localhost", 0),
    ]
    listeners = opened(hosts)
    assert listeners[3].shown.startswith("tcp://[::1]:")
    async with asyncio.timeout(WAIT_S), serving(ROUTES, FACE, listeners):
        for listener in listeners:
            assert (await ask_at(listener)).json == "hello"
    assert list(tmp_path.iterdir()) == []


def test_a_socket_is_its_owners_alone(tmp_path: Path) -> None:
    """Without a group a socket has mode 0600 (docs/design/engine-api.md E1.4)."""
    path = tmp_path / "s"
    with closing(opened([UnixHost(path)])[0]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("by_number", [False, True])
def test_a_socket_may_be_a_groups(tmp_path: Path, by_number: bool) -> None:
    """A group, by name or number, may use the socket: its mode is 0660 (docs/design/engine-api.md E1.4)."""
    path, number = tmp_path / "s", os.getgid()
    name = str(number) if by_number else grp.getgrgid(number).gr_name
    with closing(opened([UnixHost(path)], Terms(group=name))[0]):
        found = path.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, number)


def test_a_group_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A wrong group opens nothing (docs/design/engine-api.md E1.4)."""
    with pytest.raises(CannotListen, match="failed to load listeners: group nobody-has-this not found"):
        opened([UnixHost(tmp_path / "s")], Terms(group="nobody-has-this"))
    assert list(tmp_path.iterdir()) == []


def test_a_socket_that_nobody_serves_is_replaced(tmp_path: Path) -> None:
    """A file that a killed daemon left is in nobody's way (docs/design/engine-api.md E1.5)."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with closing(opened([UnixHost(path)])[0]), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    """Where somebody answers nothing is opened, and nothing of theirs is touched (docs/design/engine-api.md E1.5)."""
    path = tmp_path / "s"
    with closing(opened([UnixHost(path)])[0]):
        with pytest.raises(CannotListen, match=r"can't create unix socket .*in use by a running daemon"):
            opened([UnixHost(path)])
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_file_in_a_sockets_place_is_left_alone(tmp_path: Path) -> None:
    """What is no socket is not removed (docs/design/engine-api.md E1.5)."""
    (tmp_path / "s").write_text("kept")
    with pytest.raises(CannotListen, match="a file is in its place"):
        opened([UnixHost(tmp_path / "s")])
    assert (tmp_path / "s").read_text() == "kept"


def test_all_are_opened_or_none(tmp_path: Path) -> None:
    """When one host fails those before it are closed again, files too (docs/design/engine-api.md E1.6)."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            opened([UnixHost(tmp_path / "s"), TcpHost("127.0.0.1", port)])
    assert list(tmp_path.iterdir()) == []


def test_a_host_name_that_is_none_is_refused() -> None:
    """A name that the system does not know ends the start with a sentence (docs/design/engine-api.md E1.6)."""
    with pytest.raises(CannotListen, match="failed to load listeners"):
        opened([TcpHost("no-such-host.invalid", 0)])


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_port_for_others_needs_a_word(host: str) -> None:
    """A port that other machines reach is refused until it is asked for in so many words (docs/design/engine-api.md E1.7)."""
    with pytest.raises(CannotListen, match="full command of this machine"):
        opened([TcpHost(host, 0)])
    with closing(opened([TcpHost(host, 0)], Terms(allows_strangers=True))[0]):
        pass


def test_tls_without_verifying_is_no_reason_to_let_strangers_in(tmp_path: Path) -> None:
    """A certificate of our own says nothing about who comes (docs/design/engine-api.md E1.7)."""
    files = TlsFiles(*WebCa(tmp_path).issue("server"), ca=None)
    with pytest.raises(CannotListen, match="full command of this machine"):
        opened([TcpHost("0.0.0.0", 0)], Terms(tls=files))


async def test_clients_are_verified_by_one_ca(tmp_path: Path) -> None:
    """With a CA a client needs a certificate of it; another's, or none, ends in the handshake (docs/design/engine-api.md E1.8)."""
    ours, theirs = WebCa(tmp_path / "ours"), WebCa(tmp_path / "theirs")
    files = TlsFiles(*ours.issue("server"), ca=ours.certificate)
    listeners = opened(
        [TcpHost("127.0.0.1", 0), UnixHost(tmp_path / "s"), TcpHost("::1", 0)], Terms(tls=files)
    )
    async with asyncio.timeout(WAIT_S), serving(ROUTES, FACE, listeners):
        for listener in (listeners[0], listeners[2]):
            assert (await ask_at(listener, client_of(ours, ours.issue("client")))).json == "hello"
            for shown in (None, theirs.issue("client")):
                assert await is_refused(listener, client_of(ours, shown))
        assert (await ask_at(listeners[1])).json == "hello", "a socket in the file system has no TLS"


async def test_with_tls_alone_any_client_is_let_in(tmp_path: Path) -> None:
    """Without a CA clients show nothing, and the oldest TLS is 1.2 (docs/design/engine-api.md E1.8)."""
    ours = WebCa(tmp_path / "ours")
    (listener,) = opened([TcpHost("127.0.0.1", 0)], Terms(tls=TlsFiles(*ours.issue("server"), ca=None)))
    assert listener.tls is not None
    assert listener.tls.newest.minimum_version == ssl.TLSVersion.TLSv1_2
    async with asyncio.timeout(WAIT_S), serving(ROUTES, FACE, [listener]):
        assert (await ask_at(listener, client_of(ours, None))).json == "hello"


async def test_files_that_are_read_again_count_for_the_next_connection(tmp_path: Path) -> None:
    """Certificate and CA are both exchanged while the port is open; what is wrong changes nothing (docs/design/engine-api.md E17.3)."""
    former, newer = WebCa(tmp_path / "former"), WebCa(tmp_path / "newer")
    certificate, key = former.issue("server")
    files = TlsFiles(certificate, key, ca=former.certificate)
    (listener,) = opened([TcpHost("127.0.0.1", 0)], Terms(tls=files))
    assert listener.tls is not None
    old_client, new_client = (
        client_of(former, former.issue("client")),
        client_of(newer, newer.issue("client")),
    )
    async with asyncio.timeout(WAIT_S), serving(ROUTES, FACE, [listener]):
        assert (await ask_at(listener, old_client)).json == "hello"
        now = [one.read_bytes() for one in newer.issue("server")]
        certificate.write_bytes(now[0])
        with pytest.raises(InvalidTls, match="KEY_VALUES_MISMATCH"):
            files.renewal([listener.tls])
        assert (await ask_at(listener, old_client)).json == "hello"
        key.write_bytes(now[1])
        former.certificate.write_bytes(newer.certificate.read_bytes())
        renew = files.renewal([listener.tls])
        assert (await ask_at(listener, old_client)).json == "hello"
        renew()
        assert (await ask_at(listener, new_client)).json == "hello"
        for refused in (
            client_of(newer, None),
            client_of(newer, tuple(tmp_path / "former" / f"client{end}" for end in (".pem", "-key.pem"))),
        ):
            assert await is_refused(listener, refused)


def client_of(ca: WebCa, shown: tuple[Path, Path] | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca.certificate)
    if shown is not None:
        context.load_cert_chain(*shown)
    return context


def test_tls_files_that_are_of_no_use_are_named(tmp_path: Path) -> None:
    """A missing, broken or encrypted file ends the start with its name (docs/design/engine-api.md E1.9)."""
    ca = WebCa(tmp_path)
    certificate, key = ca.issue("server")
    _, locked = ca.issue("locked", password=b"x")
    _, other = ca.issue("other")
    broken = tmp_path / "broken.pem"
    broken.write_bytes(b"\xff nothing")
    for files, reason in (
        (TlsFiles(tmp_path / "none.pem", key, None), "could not load X509 key pair .*none.pem: No such file"),
        (TlsFiles(certificate, other, None), "could not load X509 key pair .*KEY_VALUES_MISMATCH"),
        (TlsFiles(broken, key, None), "could not load X509 key pair"),
        (TlsFiles(certificate, locked, None), "make sure the key is not encrypted"),
        (TlsFiles(certificate, key, tmp_path / "no-ca.pem"), "could not read CA certificate .*no-ca.pem"),
        (TlsFiles(certificate, key, broken), "could not read CA certificate .*broken.pem"),
    ):
        with pytest.raises(InvalidTls, match=f"^invalid TLS configuration: .*{reason}"):
            files.server_context()


def passed(environment: dict[str, str], *hosts: Host) -> list[Listener]:
    return open_all(hosts, Terms(), {"LISTEN_PID": str(os.getpid()), **environment})


def test_without_passed_sockets_fd_is_refused() -> None:
    """`fd://` needs systemd's sockets, and those of another process are not ours (docs/design/engine-api.md E1.10)."""
    for environment in ({}, {"LISTEN_FDS": "2", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x"}):
        with pytest.raises(CannotListen, match="no sockets found via socket activation"):
            passed(environment, PassedHost(None))
    with pytest.raises(CannotListen, match="too few socket activated files"):
        passed({"LISTEN_FDS": "1"}, PassedHost(4))


_PASSED = """
import os, socket, sys
from swarm_core.http.hosts import PassedHost
from swarm_core.http.listeners import Terms, open_all
(listener,) = open_all([PassedHost(4)], Terms(), {**os.environ, "LISTEN_PID": str(os.getpid())})
try:
    os.fstat(3)
except OSError:
    print("closed", flush=True)
listener.socket.setblocking(True)
listener.socket.accept()[0].sendall(b"it is me")
"""


def test_a_passed_socket_is_used_and_the_others_are_closed(tmp_path: Path) -> None:
    """Of the sockets that systemd passed the one with the number is served (docs/design/engine-api.md E1.10)."""
    with ExitStack() as stack:
        paths = [tmp_path / "a", tmp_path / "b"]
        sockets = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in paths]
        for one, path in zip(sockets, paths, strict=True):
            one.bind(str(path))
            one.listen()

        def pass_them() -> None:
            # Aside first: where they are going may be where one of them is.
            aside = [os.dup(one.fileno()) for one in sockets]
            for number, descriptor in enumerate(aside, 3):
                os.dup2(descriptor, number, inheritable=True)

        with subprocess.Popen(
            [sys.executable, "-c", _PASSED],
            stdout=subprocess.PIPE, env={**os.environ, "LISTEN_FDS": "2"}, pass_fds=(3, 4), preexec_fn=pass_them,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == b"closed\n"
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(WAIT_S)
                client.connect(str(paths[1]))
                assert client.recv(100) == b"it is me"
        assert process.returncode == 0
