"""docker-py at a node of ours: its calls for swarms go through, and its models read what we answer."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
from docker.types import SecretReference, ServiceMode
from swarm_testkit.daemons import daemon, wait_until

pytestmark = pytest.mark.timeout(300)
START_S = 120.0


def until_manager(path: Path) -> Any:
    """A client of the socket at `path`, once the node is a manager that answers."""

    def is_served() -> bool:
        # By hand: docker-py leaves the socket of an attempt that fails to the collector of garbage.
        with socket.socket(socket.AF_UNIX) as trial:
            return trial.connect_ex(str(path)) == 0

    wait_until(is_served, seconds=START_S, what="the socket is served")
    client = docker.DockerClient(base_url=f"unix://{path}", version="1.41", timeout=60)
    try:
        wait_until(lambda: is_ready(client), seconds=START_S, what="the node is a manager")
    except BaseException:
        client.close()
        raise
    return client


def is_ready(client: Any) -> bool:
    swarm = client.info()["Swarm"]
    return bool(swarm.get("Nodes")) and swarm["LocalNodeState"] == "active"


def changed(item: Any, change: Callable[[], Any]) -> Any:
    """What `change` gives, made again with what is read anew while somebody else is faster."""

    def done() -> tuple[Any] | None:
        item.reload()
        try:
            return (change(),)
        except docker.errors.APIError as error:
            if "update out of sequence" not in str(error):
                raise
            return None

    found = wait_until(done, seconds=START_S, what="the change")
    assert found is not None
    return found[0]


def test_docker_py_works_with_a_swarm_of_ours() -> None:
    """Nodes, secrets, configs, networks, services and the swarm, read and changed (docs/design/engine-api.md E10.1, E10.2, E12.2, E13.4)."""
    with daemon("-H", "unix://", executors="simulated") as node:
        client = until_manager(node.state / "docker.sock")
        try:
            _walk(client)
        finally:
            client.close()


def _walk(client: Any) -> None:
    assert client.version()["ApiVersion"] == "1.47"
    (node,) = client.nodes.list(filters={"role": "manager"})
    assert changed(
        node, lambda: node.update({"Role": "manager", "Availability": "active", "Labels": {"a": "b"}})
    )
    node.reload()
    assert node.attrs["Spec"]["Labels"] == {"a": "b"}

    secret = client.secrets.create(name="word", data=b"x", labels={"k": "v"})
    config = client.configs.create(name="word", data=b"x", labels={"k": "v"})
    for found in (
        client.secrets.list(filters={"label": "k=v"}),
        client.configs.list(filters={"label": "k=v"}),
    ):
        assert [one.name for one in found] == ["word"]
    network = client.networks.create("inner", driver="overlay", attachable=True)
    assert [one.id for one in client.networks.list(names=["inner"])] == [network.id]

    service = client.services.create(
        "nginx",
        name="web",
        networks=["inner"],
        mode=ServiceMode("replicated", 2),
        secrets=[SecretReference(secret.id, "word")],
    )
    changed(service, lambda: service.scale(3))
    changed(service, lambda: service.update(labels={"a": "b"}))
    service.reload()
    assert (service.attrs["Spec"]["Labels"], service.attrs["Spec"]["Mode"]) == (
        {"a": "b"},
        {"Replicated": {"Replicas": 3}},
    )

    def are_running() -> bool:
        return len(service.tasks(filters={"desired-state": "running"})) == 3

    wait_until(are_running, seconds=START_S, what="three tasks")
    with pytest.raises(docker.errors.NotFound, match="service nobody not found"):
        client.services.get("nobody")

    client.swarm.reload()
    assert client.swarm.attrs["JoinTokens"]["Worker"].startswith("SWMTKN-1-")
    assert changed(client.swarm, lambda: client.swarm.update(task_history_retention_limit=4))
    client.swarm.reload()
    assert client.swarm.attrs["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"] == 4
    assert client.swarm.get_unlock_key() == {"UnlockKey": ""}
    service.remove()
    for one in (secret, config):
        one.remove()
    assert client.services.list() == []
