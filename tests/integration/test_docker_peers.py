"""Docker Engines as managers beside ours: each replicates what the other leads, in a cluster of either."""

import json
import random
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from swarm_agentd.node.identity import found_cluster
from swarm_agentd.node.state_dir import open_state
from swarm_core.api.proto import control_pb2, objects_pb2, specs_pb2, types_pb2
from swarm_core.ca import csr, keys
from swarm_core.ca.certificates import identity
from swarm_core.ca.key_file import KeyFile
from swarm_core.ca.root_ca import RootCa
from swarm_core.client.connection import Connection
from swarm_core.client.errors import CallFailed
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.daemons import Daemon, private_directory, wait_until
from swarm_testkit.engines import ADDRESS, IMAGE, Engine, private_engine
from swarm_testkit.managers import eventually, manager_token, managers_seen, paused, through, write
from swarm_testkit.programs import TUI

DOCKER_ADDRESS = f"{ADDRESS}:2377"
pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with private_directory() as directory, private_engine(directory) as found:
        yield found


@pytest.fixture
def ours(engine: Engine) -> Iterator[list[Daemon]]:
    """Two nodes of ours in the engine's network, not yet started."""
    with private_directory() as directory:
        nodes = [Daemon(directory / name, host=ADDRESS, enter=engine.enter) for name in ("a", "b")]
        try:
            yield nodes
        finally:
            for node in nodes:
                node.destroy()


def docker_join(engine: Engine, token: str, address: str) -> None:
    own = ("--advertise-addr", ADDRESS, "--listen-addr", DOCKER_ADDRESS)
    engine.docker("swarm", "join", *own, "--token", token, address)


def docker_nodes(engine: Engine) -> dict[str, str]:
    """What `docker node ls` shows: manager status by node id."""
    lines = engine.docker("node", "ls", "--format", "{{json .}}").splitlines()
    return {node["ID"]: node["ManagerStatus"] for node in map(json.loads, lines)}


def docker_role(engine: Engine) -> str:
    return engine.docker("info", "--format", "{{.Swarm.ControlAvailable}}")


async def configs(node: Daemon) -> dict[str, bytes]:
    """All configs, as the leader tells them through this node."""
    async with through(node) as control:
        found = await control.find(objects_pb2.Config)
    return {config.spec.annotations.name: config.spec.data for config in found}


async def leads(node: Daemon, address: str) -> bool:
    """Whether the manager at `address` leads, as this node knows."""
    seen = await managers_seen(node)
    return address in seen and seen[address].leader


async def set_role(node: Daemon, node_id: str, role: int) -> None:
    async with through(node) as control:
        await control.change(objects_pb2.Node, node_id, lambda spec: setattr(spec, "desired_role", role))


async def test_a_docker_engine_is_a_manager_of_our_cluster(engine: Engine, ours: list[Daemon]) -> None:
    """Its own commands show and change our objects; it leads while ours follow, and back; demoted, it is a worker, and
    promoted a manager again."""
    first, second = ours
    first.start()
    await eventually(lambda: managers_seen(first), what="our manager")
    await write(first, "before", b"old")
    token = await manager_token(first)
    docker_join(engine, token, first.address)
    second.flags = ("--join-addr", first.address, "--join-token", token)
    second.start()
    wait_until(
        lambda: sorted(docker_nodes(engine).values()) == ["Leader", "Reachable", "Reachable"],
        what="docker node ls to show three managers",
    )
    assert engine.docker("config", "ls", "--format", "{{.Name}}") == "before"
    engine.docker("config", "create", "by-docker", "-", stdin=b"new")

    async def replicated() -> bool:
        return await configs(second) == {"before": b"old", "by-docker": b"new"}

    await eventually(replicated, what="what docker wrote, through our other manager")
    with paused(second.manager_pid()):

        async def alone() -> bool:
            return (await managers_seen(first))[second.address].reachability == 1

        await eventually(alone, what="our other manager to be unreachable")
        first.stop()
    await eventually(lambda: leads(second, DOCKER_ADDRESS), what="the engine to lead")
    await eventually(lambda: write(second, "docker-leads"), what="a write through a follower of ours")
    first.start()
    await eventually(lambda: write(first, "both-follow"), what="a write through the other follower of ours")
    assert len(engine.docker("config", "ls", "-q").split()) == 4

    docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
    engine.docker("node", "demote", docker_id)

    async def without_docker() -> bool:
        return set(await managers_seen(first)) == {first.address, second.address}

    await eventually(without_docker, what="the engine to leave the consensus")
    wait_until(lambda: docker_role(engine) == "false", what="the engine to be a worker", seconds=60)
    await write(second, "ours-alone")
    await set_role(first, docker_id, types_pb2.MANAGER)
    wait_until(lambda: docker_role(engine) == "true", what="the engine to be a manager again", seconds=60)
    wait_until(lambda: len(docker_nodes(engine)) == 3, what="its commands to work")
    assert len(engine.docker("config", "ls", "-q").split()) == 5


async def test_our_node_is_a_manager_of_a_docker_swarm(engine: Engine, ours: list[Daemon]) -> None:
    """It follows a Docker Engine with everything that was there, and leads with it once the engine is demoted."""
    node = ours[0]
    engine.init_swarm()
    engine.docker("config", "create", "by-docker", "-", stdin=b"old")
    token = engine.docker("swarm", "join-token", "-q", "manager")
    node.flags = ("--join-addr", DOCKER_ADDRESS, "--join-token", token)
    node.start()
    wait_until(
        lambda: sorted(docker_nodes(engine).values()) == ["Leader", "Reachable"],
        what="docker node ls to show both managers",
    )
    await eventually(lambda: write(node, "by-ours", b"new"), what="a write through our manager")
    assert sorted(engine.docker("config", "ls", "--format", "{{.Name}}").split()) == ["by-docker", "by-ours"]
    docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
    engine.docker("node", "demote", docker_id)

    async def alone() -> bool:
        return set(await managers_seen(node)) == {node.address}

    await eventually(alone, what="our manager to be the only one", seconds=90)
    assert await configs(node) == {"by-docker": b"old", "by-ours": b"new"}
    await write(node, "alone")
    wait_until(lambda: docker_role(engine) == "false", what="the engine to be a worker", seconds=60)


def sleepers(name: str, replicas: int) -> specs_pb2.ServiceSpec:
    """A service of containers of the test image."""
    spec = specs_pb2.ServiceSpec()
    spec.annotations.name = name
    spec.task.container.image = IMAGE
    spec.task.container.args.extend(["sleep", "1000"])
    spec.task.container.stop_grace_period.FromMilliseconds(100)
    spec.replicated.replicas = replicas
    return spec


async def running(node: Daemon, service: str) -> list[objects_pb2.Task]:
    async with through(node) as control:
        found = await control.find(objects_pb2.Task)
    return [
        task
        for task in found
        if task.service_annotations.name == service and task.status.state == types_pb2.TaskState.RUNNING
    ]


def containers(engine: Engine) -> list[str]:
    return engine.docker("ps", "-q", "--filter", f"ancestor={IMAGE}").split()


async def test_a_docker_engine_is_a_worker_of_our_cluster(engine: Engine, ours: list[Daemon]) -> None:
    """It joins with `docker swarm join` and runs a service's containers; one that dies is replaced; scaled to 0, all go."""
    node = ours[0]
    node.start()
    await eventually(lambda: managers_seen(node), what="our manager")
    async with through(node) as control:
        token = (await control.find(objects_pb2.Cluster))[0].root_ca.join_tokens.worker
        docker_join(engine, token, node.address)
        docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
        service = await control.create(objects_pb2.Service, sleepers("sleepers", 3))

        async def three_run() -> bool:
            return len(await running(node, "sleepers")) == 3 and len(containers(engine)) == 3

        await eventually(three_run, what="three containers")
        assert {task.node_id for task in await running(node, "sleepers")} == {docker_id}
        assert docker_role(engine) == "false"
        (victim, *others) = containers(engine)
        engine.docker("kill", victim)

        async def replaced() -> bool:
            now = containers(engine)
            return victim not in now and set(others) < set(now) and await three_run()

        await eventually(replaced, what="another container for the one that was killed")
        await control.change(
            objects_pb2.Service, service.id, lambda spec: setattr(spec.replicated, "replicas", 0)
        )
        wait_until(lambda: not containers(engine), what="all containers to go")


async def test_our_node_is_a_worker_of_a_docker_swarm(engine: Engine, ours: list[Daemon]) -> None:
    """Docker's own commands show it ready and place a service's tasks on it, which it runs on the engine it is told of."""
    node = ours[0]
    engine.init_swarm()
    token = engine.docker("swarm", "join-token", "-q", "worker")
    node.executors = "docker"
    node.flags = ("--join-addr", DOCKER_ADDRESS, "--join-token", token, "--engine-addr", engine.url)
    node.start()

    def nodes() -> dict[str, str]:
        lines = engine.docker("node", "ls", "--format", "{{json .}}").splitlines()
        return {one["ID"]: one["Status"] for one in map(json.loads, lines)}

    wait_until(
        lambda: sorted(nodes().values()) == ["Ready", "Ready"], what="docker node ls to show our node ready"
    )
    docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
    (own_id,) = nodes().keys() - {docker_id}
    create = ("service", "create", "--detach", "--no-resolve-image", "--constraint", f"node.id=={own_id}")
    engine.docker(*create, "--replicas", "2", "--name", "sleepers", IMAGE, "sleep", "1000")

    def states() -> list[str]:
        return engine.docker("service", "ps", "sleepers", "--format", "{{.CurrentState}}").splitlines()

    wait_until(
        lambda: [state.split()[0] for state in states()] == ["Running", "Running"],
        what="two tasks on our node",
    )
    assert len(containers(engine)) == 2
    engine.docker("service", "rm", "sleepers")
    wait_until(lambda: not containers(engine), what="the containers to go")


async def test_joining_and_leading_say_what_stands_still(engine: Engine, ours: list[Daemon]) -> None:
    """A manager of ours that joins a swarm whose service publishes a port says so at once; `status` says it as a
    problem while it leads, and not while Docker does."""
    node = ours[0]
    engine.init_swarm()
    published(engine)
    token = engine.docker("swarm", "join-token", "-q", "manager")

    def tui(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*engine.enter, *TUI, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)

    own = ("--state-dir", str(node.state), "--listen-addr", node.address, "--advertise-addr", node.address)
    done = tui("cluster", "join", *own, "--executor", "process", "--token", token, DOCKER_ADDRESS)
    try:
        assert done.returncode == 0, done.stderr
        assert "This node joined a swarm as a manager." in done.stdout
        assert (
            "WARNING: This swarm has 1 service with networks or ports. While a manager of swarm-tui"
            in done.stderr
        )
        socket = ("--socket", str(node.socket))
        words = "cannot be made or changed until a Docker Engine leads again"
        assert words not in tui(*socket, "status").stdout
        docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
        engine.docker("node", "demote", docker_id)
        wait_until(lambda: words in tui(*socket, "status").stdout, what="the problem", seconds=90)
    finally:
        tui("down", "--state-dir", str(node.state))


def roots_of_nodes(engine: Engine) -> set[str]:
    """The issuers that nodes report, as `docker node inspect` shows them."""
    ids = engine.docker("node", "ls", "-q").split()
    return set(
        engine.docker(
            "node", "inspect", *ids, "--format", "{{.Description.TLSInfo.CertIssuerPublicKey}}"
        ).splitlines()
    )


def all_ready(engine: Engine, count: int) -> bool:
    lines = engine.docker("node", "ls", "--format", "{{.Status}}").splitlines()
    return lines == ["Ready"] * count


async def test_a_root_rotation_led_by_docker_ends_with_nodes_of_ours(
    engine: Engine, ours: list[Daemon]
) -> None:
    """`docker swarm ca --rotate` ends with a manager and a worker of ours. Afterwards the engine answers no ALPN: it is still
    our peer, its control socket still takes our client, and a worker of ours that begins anew is ready again."""
    manager, worker = ours
    engine.init_swarm()
    for node, role in ((manager, "manager"), (worker, "worker")):
        token = engine.docker("swarm", "join-token", "-q", role)
        node.flags = ("--join-addr", DOCKER_ADDRESS, "--join-token", token)
        node.start()
    wait_until(lambda: all_ready(engine, 3), what="three nodes to be ready")
    before = roots_of_nodes(engine)
    assert len(before) == 1
    for _ in range(2):
        engine.docker("swarm", "ca", "--rotate", "--quiet")
        after = roots_of_nodes(engine)
        assert len(after) == 1 and after.isdisjoint(before)
        before = after
    await eventually(lambda: write(manager, "after"), what="a write through our manager")
    wait_until(
        lambda: engine.docker("config", "ls", "--format", "{{.Name}}") == "after", what="the write at Docker"
    )
    async with await Connection.open(engine.control_socket, ca_file=engine.root_certificate) as client:
        answer = await client.call("Control.ListNodes", control_pb2.ListNodesRequest(), timeout=10)
        assert len(answer.nodes) == 3
    worker.stop()
    wait_until(lambda: not all_ready(engine, 3), what="our worker to be missed", seconds=60)
    worker.start()
    wait_until(lambda: all_ready(engine, 3), what="our worker to be ready again", seconds=60)
    docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
    engine.docker("node", "demote", docker_id)
    await eventually(lambda: write(manager, "alone"), what="a write with our manager alone", seconds=90)


async def test_a_root_rotation_led_by_ours_ends_with_a_docker_manager(
    engine: Engine, ours: list[Daemon]
) -> None:
    """Every node reports the new root, nobody is lost, and the engine stays our peer: it leads when ours is away."""
    first, second = ours
    first.start()
    await eventually(lambda: managers_seen(first), what="our manager")
    token = await manager_token(first)
    docker_join(engine, token, first.address)
    second.flags = ("--join-addr", first.address, "--join-token", token)
    second.start()
    wait_until(
        lambda: sorted(docker_nodes(engine).values()) == ["Leader", "Reachable", "Reachable"],
        what="docker node ls to show three managers",
    )
    wait_until(lambda: len(roots_of_nodes(engine)) == 1, what="every node to report its root")
    before = roots_of_nodes(engine)
    engine.docker("swarm", "ca", "--rotate", "--quiet")
    after = roots_of_nodes(engine)
    assert len(after) == 1 and after.isdisjoint(before)
    wait_until(lambda: all_ready(engine, 3), what="three ready nodes")

    async def all_reachable() -> bool:
        return [one.reachability for one in (await managers_seen(second)).values()] == [2, 2, 2]

    await eventually(all_reachable, what="three reachable managers", seconds=60)
    first.stop()
    await eventually(
        lambda: write(second, "without-the-leader"), what="a write without our leader", seconds=90
    )
    first.start()
    await eventually(all_reachable, what="three reachable managers again", seconds=90)


def published(engine: Engine) -> None:
    """A network of Docker's, and a service on it that publishes a port."""
    engine.docker("network", "create", "--driver", "overlay", "net")
    create = ("service", "create", "--detach", "--no-resolve-image", "--name", "web", "--network", "net")
    engine.docker(*create, "--publish", "8080:80", "--replicas", "2", IMAGE, "sleep", "1000")


def web_tasks(engine: Engine, state: str = "running") -> list[str]:
    """The running containers of the service, by task id."""
    names = engine.docker(
        "ps",
        "--format",
        "{{.Names}}",
        "--filter",
        "label=com.docker.swarm.service.name=web",
        "--filter",
        f"status={state}",
    )
    return [name.rpartition(".")[2] for name in names.split()]


async def test_we_lead_services_with_networks_and_ports_of_docker(engine: Engine, ours: list[Daemon]) -> None:
    """Two of ours join a swarm whose service has a network and a port, and lead it: the service is labelled and scaled, a
    container that dies is replaced, each with an address of its own on both networks; what is new is refused. Docker leads again
    and goes on with it."""
    engine.init_swarm()
    published(engine)
    wait_until(lambda: len(web_tasks(engine)) == 2, what="two containers", seconds=60)
    token = engine.docker("swarm", "join-token", "-q", "manager")
    for node in ours:
        node.flags = ("--join-addr", DOCKER_ADDRESS, "--join-token", token, "--availability", "drain")
        node.start()
    wait_until(
        lambda: sorted(docker_nodes(engine).values()) == ["Leader", "Reachable", "Reachable"],
        what="three managers",
    )
    docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
    engine.docker("node", "demote", docker_id)
    wait_until(lambda: docker_role(engine) == "false", what="the engine to be a worker", seconds=60)
    node = ours[0]
    async with through(node) as control:
        (service,) = await control.find(objects_pb2.Service)
        ports = list(service.endpoint.ports)

        def more(spec: specs_pb2.ServiceSpec) -> None:
            spec.replicated.replicas = 4
            spec.annotations.labels["seen"] = "by-ours"

        await control.change(objects_pb2.Service, service.id, more)
        wait_until(lambda: len(web_tasks(engine)) == 4, what="four containers", seconds=90)
        victim = web_tasks(engine)[0]
        (container,) = engine.docker("ps", "-q", "--filter", f"name={victim}").split()
        engine.docker("kill", container)
        wait_until(
            lambda: len(web_tasks(engine)) == 4 and victim not in web_tasks(engine),
            what="another container for the one that was killed",
            seconds=90,
        )
        tasks = [task for task in await running(node, "web") if task.service_id == service.id]
        assert len(tasks) == 4 and all(list(task.endpoint.ports) == ports for task in tasks)
        for place, name in enumerate(("ingress", "net")):
            assert {task.networks[place].network.spec.annotations.name for task in tasks} == {name}
            given = [task.networks[place].addresses[0] for task in tasks]
            assert len(set(given)) == 4
        with pytest.raises(CallFailed, match="published ports are not supported yet"):
            await control.change(
                objects_pb2.Service, service.id, lambda spec: spec.endpoint.ports.add(target_port=443)
            )
        (after,) = await control.find(objects_pb2.Service)
        assert after.endpoint.virtual_ips == service.endpoint.virtual_ips
    await set_role(node, docker_id, types_pb2.MANAGER)
    wait_until(lambda: docker_role(engine) == "true", what="the engine to be a manager again", seconds=60)
    wait_until(lambda: len(docker_nodes(engine)) == 3, what="its commands to work")
    engine.docker("service", "scale", "--detach", "web=5")
    wait_until(lambda: len(web_tasks(engine)) == 5, what="five containers", seconds=90)


async def test_a_root_rotation_led_by_ours_ends_with_a_docker_worker(
    engine: Engine, ours: list[Daemon]
) -> None:
    """An engine that is a worker gets a certificate of the new root and trusts it; it stays ready, also when it starts again."""
    node = ours[0]
    node.start()
    await eventually(lambda: managers_seen(node), what="our manager")
    async with through(node) as control:
        cluster = (await control.find(objects_pb2.Cluster))[0]
        docker_join(engine, cluster.root_ca.join_tokens.worker, node.address)
        docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")

        def rotate(spec: specs_pb2.ClusterSpec) -> None:
            spec.ca_config.force_rotate += 1

        await control.change(objects_pb2.Cluster, cluster.id, rotate)

        async def is_over() -> bool:
            now = (await control.find(objects_pb2.Cluster))[0].root_ca
            return now.ca_cert != cluster.root_ca.ca_cert and not now.HasField("root_rotation")

        await eventually(is_over, what="the rotation to end", seconds=90)
        root = (await control.find(objects_pb2.Cluster))[0].root_ca.ca_cert
        wait_until(
            lambda: engine.root_certificate.read_bytes() == root, what="the engine to trust the new root"
        )

        async def is_ready() -> bool:
            return (await control.get(objects_pb2.Node, docker_id)).status.state == types_pb2.NodeStatus.READY

        engine.stop()
        await eventually(lambda: _not(is_ready), what="the engine to be missed", seconds=60)
        engine.start()
        await eventually(is_ready, what="the engine to be ready again", seconds=60)


async def _not(condition: Callable[[], Awaitable[bool]]) -> bool:
    return not await condition()


# renewal of certificates


def age(certificates: Path, ca: RootCa) -> int:
    """Give a stopped node, of either make, a certificate for its own key that is due for renewal; its serial number."""
    key_file = KeyFile(certificates)
    credentials = key_file.read(None)
    who = identity(credentials.certificate)
    chain = ca.sign(
        csr.create(keys.load(credentials.key)),
        node_id=who.node_id,
        role=who.role,
        organization=who.organization,
        wall_ns=time.time_ns() - 85 * 24 * 3600 * 10**9,
    )
    key_file.certificate_path.write_bytes(chain)
    return serial(certificates)


def serial(certificates: Path) -> int:
    pem = (certificates / "swarm-node.crt").read_bytes()
    return x509.load_pem_x509_certificate(pem).serial_number


async def test_docker_renews_the_certificates_of_our_nodes(engine: Engine, ours: list[Daemon]) -> None:
    """A manager and a worker of ours come back with certificates that are due: Docker's authority gives them others, and they
    are ready; the manager is still the engine's peer."""
    manager, worker = ours
    engine.init_swarm()
    ca = RootCa.create(time.time_ns())
    assert ca.key is not None
    for name, content in (("ca.pem", ca.certificate), ("ca.key", ca.key)):
        (engine.directory / name).write_bytes(content)
    given = ("--ca-cert", str(engine.directory / "ca.pem"), "--ca-key", str(engine.directory / "ca.key"))
    engine.docker("swarm", "ca", "--rotate", "--quiet", *given)
    for node, role in ((manager, "manager"), (worker, "worker")):
        token = engine.docker("swarm", "join-token", "-q", role)
        node.flags = ("--join-addr", DOCKER_ADDRESS, "--join-token", token)
        node.start()
    wait_until(lambda: all_ready(engine, 3), what="three nodes to be ready")
    wait_until(
        lambda: sorted(filter(None, docker_nodes(engine).values())) == ["Leader", "Reachable"],
        what="two managers",
    )
    for node in (worker, manager):
        node.stop()
        old = age(node.state / "certificates", ca)
        node.start()
        wait_until(
            lambda node=node, old=old: serial(node.state / "certificates") != old,  # type: ignore[misc]
            what="another certificate",
            seconds=60,
        )
    wait_until(lambda: all_ready(engine, 3), what="three nodes to be ready again", seconds=60)
    await eventually(lambda: write(manager, "after"), what="a write through our manager", seconds=60)
    wait_until(
        lambda: engine.docker("config", "ls", "--format", "{{.Name}}") == "after", what="the write at Docker"
    )


@pytest.mark.parametrize("role", ["worker", "manager"])
async def test_we_renew_the_certificate_of_an_engine(engine: Engine, ours: list[Daemon], role: str) -> None:
    """An engine comes back with a certificate that is due: our authority gives it another. It answers no ALPN from then on, and is
    still ready, and a peer where it is a manager."""
    first, second = ours
    state = open_state(first.state)
    found_cluster(state, SystemClock(), random.Random(1))
    ca = RootCa.load(state.key_file.read_root(), (state.certificates / "swarm-root-ca.key").read_bytes())
    first.start()
    await eventually(lambda: managers_seen(first), what="our manager")
    async with through(first) as control:
        tokens = (await control.find(objects_pb2.Cluster))[0].root_ca.join_tokens
    second.flags = ("--join-addr", first.address, "--join-token", tokens.manager)
    second.start()
    docker_join(engine, getattr(tokens, role), first.address)
    docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
    count = 3 if role == "manager" else 2

    async def well() -> bool:
        async with through(second) as control:
            node = await control.get(objects_pb2.Node, docker_id)
        members = await managers_seen(second)
        return (
            node.status.state == types_pb2.NodeStatus.READY
            and [one.reachability for one in members.values()] == [2] * count
        )

    await eventually(well, what="the engine to be ready", seconds=60)
    certificates = engine.root_certificate.parent
    engine.stop()
    old = age(certificates, ca)
    engine.start()
    wait_until(lambda: serial(certificates) != old, what="another certificate", seconds=60)
    await eventually(well, what="the engine to be ready again", seconds=90)
    if role == "manager":
        first.stop()
        # Two of three are left, and the engine is one of them.
        await eventually(lambda: write(second, "without-the-leader"), what="a write", seconds=90)
