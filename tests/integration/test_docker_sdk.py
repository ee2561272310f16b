"""docker-py at a node of ours: its calls for swarms go through, and its models read what we answer."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
from docker.types import EndpointSpec, Resources, RestartPolicy, SecretReference, ServiceMode, UpdateConfig
from swarm_testkit.daemons import Daemon, daemon, private_directory, wait_until
from swarm_testkit.free_ports import free_port
from swarm_testkit.web_certificates import WebCa

pytestmark = pytest.mark.timeout(300)
START_S = 120.0


def until_served(path: Path) -> Any:
    """A client of the socket at `path`, once it is served."""

    def is_served() -> bool:
        # By hand: docker-py leaves the socket of an attempt that fails to the collector of garbage.
        with socket.socket(socket.AF_UNIX) as trial:
            return trial.connect_ex(str(path)) == 0

    wait_until(is_served, seconds=START_S, what="the socket is served")
    return docker.DockerClient(base_url=f"unix://{path}", version="1.41", timeout=60)


def until_manager(path: Path) -> Any:
    """The same, once the node is a manager that answers."""
    client = until_served(path)
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


def test_docker_py_works_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`docker.from_env()` with the variables of docker's client, and every call about a swarm that has a model of its own
    (docs/design/engine-api.md E1.8, E9.3)."""
    ca, port = WebCa(tmp_path), free_port()
    server, key = ca.issue("server")
    own, own_key = ca.issue("cert")
    shutil.copy(own_key, tmp_path / "key.pem")
    assert own == tmp_path / "cert.pem"
    files = ("--tlscacert", str(ca.certificate), "--tlscert", str(server), "--tlskey", str(key))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they win over the CA that docker-py is told
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with daemon(
        "-H", f"tcp://127.0.0.1:{port}", "-H", "unix://", "--tlsverify", *files, executors="simulated"
    ) as node:
        until_manager(node.state / "docker.sock").close()
        client = docker.from_env(version="1.41", timeout=60)
        try:
            _walk_models(client)
        finally:
            client.close()


@contextmanager
def waiting(directory: Path) -> Iterator[Daemon]:
    """A daemon in no cluster."""
    node = Daemon(directory, "-H", "unix://", executors="simulated", waits=True)
    try:
        yield node.start()
    finally:
        node.destroy()


@contextmanager
def client_of(node: Daemon) -> Iterator[Any]:
    client = until_served(node.state / "docker.sock")
    try:
        yield client
    finally:
        client.close()


def test_docker_py_begins_a_swarm_joins_it_and_leaves() -> None:
    """What its documentation has of swarms: init, join, tokens, the lock, unlock, leave; and a node that is gone is removed
    (docs/design/engine-api.md E12.2, E12.3)."""
    with (
        private_directory() as directory,
        waiting(directory / "a") as first,
        waiting(directory / "b") as second,
    ):
        with client_of(first) as one, client_of(second) as two:
            assert one.swarm.attrs == {}
            assert one.swarm.init(
                advertise_addr=first.address,
                listen_addr=first.address,
                snapshot_interval=500,
                labels={"a": "b"},
            )
            wait_until(lambda: is_ready(one), seconds=START_S, what="the node is a manager")
            one.swarm.reload()
            assert one.swarm.attrs["Spec"]["Raft"]["SnapshotInterval"] == 500
            old = one.swarm.attrs["JoinTokens"]["Worker"]
            changed(one.swarm, lambda: one.swarm.update(rotate_worker_token=True, autolock_managers=True))
            one.swarm.reload()
            new = one.swarm.attrs["JoinTokens"]["Worker"]
            with pytest.raises(docker.errors.APIError, match="join token"):
                two.swarm.join([first.address], old, second.address, second.address)
            assert two.swarm.join([first.address], new, second.address, second.address)
            wait_until(lambda: _ready(one) == 2, seconds=START_S, what="both nodes are ready")
            assert two.info()["Swarm"]["ControlAvailable"] is False
            assert two.swarm.leave()
            wait_until(lambda: _ready(one) == 1, seconds=START_S, what="the worker is away")
            (away,) = (node for node in one.nodes.list() if node.attrs["Status"]["State"] == "down")
            assert one.api.remove_node(away.id, force=True)
            assert len(one.nodes.list()) == 1
            key = one.swarm.get_unlock_key()["UnlockKey"]
            assert key.startswith("SWMKEY-1-")
        assert first.stop() == 0
        first.start()
        with client_of(first) as one:
            wait_until(lambda: _state(one) == "locked", seconds=START_S, what="the manager is locked")
            assert one.swarm.unlock(key)
            wait_until(lambda: is_ready(one), seconds=START_S, what="the node is a manager again")
            with pytest.raises(docker.errors.APIError, match="force"):
                one.swarm.leave()
            assert one.swarm.leave(force=True)
            assert _state(one) == "inactive"


def _ready(client: Any) -> int:
    return sum(node.attrs["Status"]["State"] == "ready" for node in client.nodes.list())


def _state(client: Any) -> str:
    return str(client.info()["Swarm"]["LocalNodeState"])


def _walk_models(client: Any) -> None:
    assert client.ping()
    assert client.info()["Swarm"]["ControlAvailable"] is True
    client.swarm.reload()
    assert client.swarm.version >= 1
    assert client.swarm.id
    low = client.api
    assert low.inspect_swarm()["ID"] == client.swarm.attrs["ID"]
    (node,) = client.nodes.list()
    assert client.nodes.get(node.id).attrs["Spec"]["Role"] == "manager"
    assert [one["ID"] for one in low.nodes(filters={"role": "manager"})] == [node.id]
    secret = client.secrets.create(name="one", data=b"x")
    config = client.configs.create(name="one", data=b"y")
    assert client.secrets.get(secret.id).name == client.configs.get(config.id).name == "one"
    assert low.inspect_config(config.id)["Spec"]["Data"] == "eQ=="
    network = client.networks.create("flat", driver="overlay", scope="swarm", labels={"a": "b"})
    assert client.networks.get(network.id).attrs["Scope"] == "swarm"
    service = client.services.create(
        "nginx",
        name="api",
        mode=ServiceMode("global"),
        endpoint_spec=EndpointSpec(mode="vip", ports={8443: 443}),
        update_config=UpdateConfig(parallelism=2, order="start-first"),
        resources=Resources(mem_limit=64 << 20),
        restart_policy=RestartPolicy("on-failure", max_attempts=3),
        constraints=["node.role==manager"],
        env=["A=1"],
        labels={"x": "y"},
        networks=["flat"],
    )
    wait_until(
        lambda: [task["Status"]["State"] for task in service.tasks()] == ["running"],
        seconds=START_S,
        what="its task runs",
    )
    (task,) = low.tasks(filters={"service": "api"})
    assert low.inspect_task(task["ID"])["ServiceID"] == service.id
    assert [one.id for one in client.services.list(filters={"label": "x=y"}, status=True)] == [service.id]
    shown = client.services.get(service.id, insert_defaults=True)
    assert shown.name == "api"
    assert shown.attrs["Spec"]["UpdateConfig"]["Order"] == "start-first"
    assert shown.attrs["Endpoint"]["Ports"][0]["PublishedPort"] == 8443
    assert changed(service, service.force_update) is not None
    assert next(iter(client.events(since=0, until=1, decode=True)), None) is None
    service.remove()
    for one in (secret, config):
        one.remove()
    wait_until(lambda: _is_removed(network), seconds=START_S, what="the network is free")


def _is_removed(network: Any) -> bool:
    """Tasks leave it one after the other."""
    try:
        network.remove()
    except docker.errors.APIError as error:
        assert "in use" in str(error)
        return False
    return True
