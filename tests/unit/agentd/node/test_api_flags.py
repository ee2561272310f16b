"""The flags of the Engine API."""

from pathlib import Path
from typing import Any

import pytest
from swarm_agentd.node import flags
from swarm_agentd.node.api_flags import ApiConfig
from swarm_core.http.hosts import TcpHost, UnixHost
from swarm_core.http.tls import TlsFiles


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What docker's client was told says nothing in these tests."""
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


def api_of(*arguments: str) -> ApiConfig:
    api = flags.parse(["-d", "/state", *arguments]).api
    assert api is not None
    return api


def test_the_api_is_off_unless_a_host_is_given() -> None:
    """Nobody is answered unasked (docs/design/engine-api.md E9.1)."""
    assert flags.parse([]).api is None


def test_the_default_socket_is_our_own() -> None:
    """An empty host is a socket in the state directory, never docker's (docs/design/engine-api.md E9.2)."""
    assert api_of("-H", "").hosts == (UnixHost(Path("/state/docker.sock")),)
    standard = flags.parse(["-H", "unix://"]).api
    assert standard is not None
    assert standard.hosts == (UnixHost(Path("/var/run/swarmd-docker.sock")),)


def test_hosts_may_be_several() -> None:
    """-H is repeatable, and a group goes with it (docs/design/engine-api.md E9.1)."""
    api = api_of("-H", "unix:///run/x.sock", "--host", "tcp://127.0.0.1:99", "--group", "wheel")
    assert api.hosts == (UnixHost(Path("/run/x.sock")), TcpHost("127.0.0.1", 99))
    assert (api.terms.group, api.terms.tls, api.terms.allows_strangers) == ("wheel", None, False)


def test_authorization_plugins_may_be_several() -> None:
    """They keep their order (docs/design/engine-api.md E16.1)."""
    assert api_of("-H", "unix:///run/x.sock").authorization_plugins == ()
    asked = ("--authorization-plugin", "b", "--authorization-plugin", "a")
    assert api_of("-H", "unix:///run/x.sock", *asked).authorization_plugins == ("b", "a")


def test_experimental_is_switched_on_by_hand() -> None:
    """Off unless it is asked for (docs/design/engine-api.md E9.8)."""
    for words, expected in ((), False), (("--experimental",), True), (("--experimental=false",), False):
        assert api_of("-H", "unix:///run/x.sock", *words).is_experimental is expected


CERTIFICATE, KEY, CA = Path("/c/cert.pem"), Path("/c/key.pem"), Path("/c/ca.pem")
VERIFIED, SHOWN = TlsFiles(CERTIFICATE, KEY, CA), TlsFiles(CERTIFICATE, KEY, None)


@pytest.mark.parametrize(
    ("arguments", "files", "allows_strangers"),
    [
        (["--tls"], VERIFIED, False),
        (["--tlsverify"], VERIFIED, False),
        (["--tls=true", "--tlsverify=false"], SHOWN, True),
        (["--tlsverify=false"], SHOWN, True),
        (["--tls=false"], None, True),
        (["--tls=false", "--tlsverify=true"], None, True),
        ([], None, False),
    ],
)
def test_tls_verifies_clients_unless_told_otherwise(
    arguments: list[str], files: TlsFiles | None, allows_strangers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--tls implies verification, --tlsverify with any value implies TLS, and a written `false` lets strangers in
    (docs/design/engine-api.md E9.3)."""
    monkeypatch.setenv("DOCKER_CERT_PATH", "/c")
    terms = api_of("-H", ":99", *arguments).terms
    assert (terms.tls, terms.allows_strangers) == (files, allows_strangers)


def test_the_environment_may_ask_for_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """$DOCKER_TLS_VERIFY is as --tlsverify, and files lie in ~/.docker where no path is given (docs/design/engine-api.md E9.3)."""
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("HOME", "/home/x")
    api = api_of("-H", "", "--tlscert", "/own.pem")
    assert api.hosts == (TcpHost("localhost", 2376),)
    home = Path("/home/x/.docker")
    assert api.terms.tls == TlsFiles(Path("/own.pem"), home / "key.pem", home / "ca.pem")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tls"], "--tls is about -H, which was not given"),
        (["--group", "x"], "--group is about -H"),
        (["--authorization-plugin", "x"], "--authorization-plugin is about -H"),
        (["-H", "udp://x"], "unsupported proto 'udp'"),
        (["-H", ":1", "--tls=maybe"], "--tls: 'maybe' is neither true nor false"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], reason: str, capsys: Any) -> None:
    """A flag that would do nothing, and a host that is none, end the start (docs/design/engine-api.md E9.1)."""
    with pytest.raises(SystemExit):
        flags.parse(arguments)
    assert reason in capsys.readouterr().err
