"""The client's own connections to the engine (executors/docker/unix_transport)."""

import gc
import socket
from pathlib import Path

import docker
import pytest
import requests
from swarm_agentd.executors.docker import unix_transport


@pytest.fixture
def dead(tmp_path: Path) -> str:
    """The address of a socket where nobody listens any more."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return f"unix://{path}"


def _sockets() -> set[int]:
    return {
        id(one)
        for one in gc.get_objects()
        if type(one) is socket.socket and one.family == socket.AF_UNIX and one.fileno() >= 0
    }


def test_a_failed_attempt_leaves_no_socket(dead: str) -> None:
    """Each one is closed at once, and not when garbage is found."""
    client = docker.APIClient(dead, version="1.41", timeout=5)
    unix_transport.use(client, dead, 5)
    gc.collect()
    gc.disable()
    try:
        before = _sockets()
        for _ in range(3):
            with pytest.raises(requests.exceptions.ConnectionError):
                client.ping()
        left = _sockets() - before
    finally:
        gc.enable()
        client.close()
    assert not left
