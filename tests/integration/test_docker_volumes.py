"""Cluster volumes through the Engine API: by requests of API 1.42, and by docker's own command where the machine has one of 23 or newer."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from swarm_testkit.csi_process import plugins
from swarm_testkit.daemons import daemon as running_daemon
from swarm_testkit.daemons import wait_until
from swarm_testkit.docker_command import Docker, programs_since, until_it_answers
from swarm_testkit.http_face import ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("docker-command")]
WAIT_S = 120
_SPEC = {
    "AccessMode": {"Scope": "multi", "Sharing": "all", "MountVolume": {}},
    "AccessibilityRequirements": {"Requisite": [], "Preferred": []},
    "Group": "g",
    "Availability": "active",
}


class Client(Protocol):
    """What is done to a volume named `name`; what fails raises."""

    def create(self, name: str) -> None: ...

    def names(self) -> list[str]: ...

    def inspect(self, name: str) -> dict[str, Any] | None: ...

    def update(self, name: str, availability: str) -> None: ...

    def remove(self, name: str, *, force: bool = False) -> None: ...


class Requests:
    """The requests that docker's command sends."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def _ask(
        self, method: str, target: str, body: object = None, may: tuple[int, ...] = (200, 201, 204)
    ) -> Any:
        sent = json.dumps(body).encode() if body is not None else b""
        headers = {"Content_Type": "application/json"} if sent else {}
        answer = asyncio.run(ask(self._socket, method, f"/v1.42{target}", sent, **headers))
        assert answer.status in may, answer
        return answer.json if answer.body and answer.status < 300 else None

    def create(self, name: str) -> None:
        self._ask("POST", "/volumes/create", {"Name": name, "Driver": "csi", "ClusterVolumeSpec": _SPEC})

    def names(self) -> list[str]:
        return [one["Name"] for one in self._ask("GET", "/volumes")["Volumes"]]

    def inspect(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._ask("GET", f"/volumes/{name}", may=(200, 404))
        return found

    def update(self, name: str, availability: str) -> None:
        found = self.inspect(name)
        assert found is not None
        held = found["ClusterVolume"]
        body = {"Spec": held["Spec"] | {"Availability": availability}}
        self._ask("PUT", f"/volumes/{held['ID']}?version={held['Version']['Index']}", body)

    def remove(self, name: str, *, force: bool = False) -> None:
        self._ask("DELETE", f"/volumes/{name}" + ("?force=1" if force else ""))


class Command:
    """docker's command."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def create(self, name: str) -> None:
        flags = ("--type", "mount", "--scope", "multi", "--sharing", "all", "--group", "g")
        assert self._docker.output("volume", "create", "-d", "csi", *flags, name) == name

    def names(self) -> list[str]:
        return self._docker.output("volume", "ls", "--cluster", "-q").split()

    def inspect(self, name: str) -> dict[str, Any] | None:
        done = self._docker.run("volume", "inspect", name)
        found: dict[str, Any] | None = json.loads(done.stdout)[0] if done.returncode == 0 else None
        return found

    def update(self, name: str, availability: str) -> None:
        self._docker.change("volume", "update", "--availability", availability, name)

    def remove(self, name: str, *, force: bool = False) -> None:
        self._docker.output("volume", "rm", *(["--force"] if force else []), name)


@pytest.fixture(scope="module")
def socket() -> Iterator[Path]:
    """A manager of ours without an engine, beside a storage plugin."""
    with plugins("machine") as (plugin,), running_daemon("-H", "unix://", *plugin.flags) as node:
        path = node.state / "docker.sock"
        until_it_answers(Docker("-H", f"unix://{path}"), node)
        yield path


@pytest.mark.parametrize("program", ["", *programs_since(23)])
def test_life_of_a_cluster_volume(socket: Path, program: str) -> None:
    """Made by the plugin, listed, drained and removed (docs/design/engine-api.md E15.1, E15.2, E15.3, E15.4, E15.5)."""
    client: Client = (
        Command(Docker("-H", f"unix://{socket}", program=program)) if program else Requests(socket)
    )
    name = "by-command" if program else "by-requests"
    client.create(name)

    def made() -> str:
        """The plugin's name for it."""
        found = client.inspect(name)
        assert found is not None
        return str((found["ClusterVolume"].get("Info") or {}).get("VolumeID", ""))

    assert wait_until(made, seconds=WAIT_S, what="the plugin made the volume") == f"dir-{name}"
    assert name in client.names()

    client.update(name, "drain")  # nobody else writes to a volume that is made and not used
    found = client.inspect(name)
    assert found is not None
    spec = found["ClusterVolume"]["Spec"]
    assert (spec["Availability"], spec["Group"], spec["AccessMode"]["Sharing"]) == ("drain", "g", "all")
    client.remove(name)
    wait_until(lambda: client.inspect(name) is None, seconds=WAIT_S, what="the plugin deleted the volume")
    client.remove(name, force=True)
    assert name not in client.names()
