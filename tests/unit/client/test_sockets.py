"""Which control socket is used, and what is said when there is none."""

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.client import sockets
from swarm_core.client.sockets import DOCKER_SOCKET, Candidate, NoSocket
from swarm_testkit.daemons import private_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a path short enough for sockets."""
    with private_directory() as path:
        yield path


@pytest.fixture
def home(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without anything."""
    monkeypatch.setenv("XDG_STATE_HOME", str(directory / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(directory / "config"))
    return directory


def listening(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def test_order(home: Path) -> None:
    """Without a name: the user's own node, the machine's, Docker's."""
    paths = [candidate.path for candidate in sockets.candidates(None, {})]
    assert paths == [home / "state" / "swarm-tui" / "control.sock", *sockets.MACHINE_SOCKETS, DOCKER_SOCKET]


def test_named_socket_is_the_only_one() -> None:
    """Who names a socket never lands on another; the option goes before the environment."""
    environ = {sockets.ENVIRONMENT_VARIABLE: "/b"}
    assert [c.path for c in sockets.candidates("/a", environ)] == [Path("/a")]
    assert [c.path for c in sockets.candidates("unix:///a", environ)] == [Path("/a")]
    assert [c.path for c in sockets.candidates(None, environ)] == [Path("/b")]


@pytest.mark.parametrize("text", ["tcp://1.2.3.4:2377", "", "a\0b", "unix://"])
def test_what_is_no_path(text: str) -> None:
    """A network address or nonsense is refused with the option's name."""
    with pytest.raises(ValueError, match="--socket"):
        sockets.candidates(text, {})


def test_first_that_answers_wins(directory: Path) -> None:
    """A socket nobody listens on is passed over."""
    dead, live = directory / "dead.sock", directory / "live.sock"
    listening(dead).close()
    with listening(live):
        chosen = sockets.choose([Candidate(dead, "one"), Candidate(live, "two")])
    assert chosen.origin == "two"


def test_reasons(directory: Path) -> None:
    """Each candidate says why it cannot be used."""
    dead, plain = directory / "dead.sock", directory / "plain"
    listening(dead).close()
    plain.write_text("")
    assert sockets.problem_of(directory / "none") == "does not exist"
    assert sockets.problem_of(plain / "below") == "does not exist"
    assert sockets.problem_of(plain) == "is not a socket"
    assert sockets.problem_of(directory) == "is not a socket"
    assert "nobody listening" in (sockets.problem_of(dead) or "")
    assert "too long" in (sockets.problem_of(directory / ("x" * 300)) or "")
    with pytest.raises(NoSocket) as nothing:
        sockets.choose([Candidate(dead, "yours"), Candidate(directory / "none", "Docker's")])
    assert [candidate.origin for candidate, _ in nothing.value.reasons] == ["yours", "Docker's"]


def test_permission() -> None:
    """A socket of somebody else is named as such (root may open everything, so the error is made here)."""
    assert (
        sockets._describe(PermissionError(errno.EACCES, "denied"), Path("/nowhere"))
        == "may not be opened by this user"
    )
