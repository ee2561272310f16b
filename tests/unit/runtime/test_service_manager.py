"""Words to the service manager that started a program."""

import socket
from pathlib import Path

from swarm_core.runtime import service_manager


def test_it_is_told_and_no_child_can(tmp_path: Path) -> None:
    """The words arrive at the socket that the environment named, which no child sees; a manager that went away is no trouble."""
    place = tmp_path / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(place))
        environment = {"NOTIFY_SOCKET": str(place), "PATH": "/bin"}
        tell = service_manager.take(environment)
        assert environment == {"PATH": "/bin"} and tell is not None
        tell(service_manager.READY)
        tell(service_manager.STOPPING)
        assert [listening.recv(64) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]
    place.unlink()
    tell(service_manager.READY)


def test_nobody_wants_to_hear() -> None:
    """Without a socket, or with one of another kind, nothing is told."""
    assert service_manager.take({}) is None
    assert service_manager.take({"NOTIFY_SOCKET": "vsock:2:1"}) is None
