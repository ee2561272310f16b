"""Certificates in clusters of Docker Engines and nodes of ours: whoever leads renews those of the other make, and a rotation of the
root CA ends (docs/design/certificates.md 3.8, 3.13)."""

import random
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
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.docker_peers import (
    DOCKER_ADDRESS,
    by_a_leader,
    docker_join,
    docker_nodes,
    engine_and_nodes,
)
from swarm_testkit.engines import Engine
from swarm_testkit.managers import eventually, manager_token, managers_seen, through, write

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def shared() -> Iterator[tuple[Engine, list[Daemon]]]:
    with engine_and_nodes() as found:
        yield found


@pytest.fixture
def engine(shared: tuple[Engine, list[Daemon]]) -> Engine:
    return shared[0]


@pytest.fixture
def ours(shared: tuple[Engine, list[Daemon]]) -> list[Daemon]:
    """Two nodes of ours in the engine's network, not yet started."""
    return shared[1]


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
        answer = await client.call("Control.ListNodes", control_pb2.ListNodesRequest(), timeout=60)
        assert len(answer.nodes) == 3
    worker.stop()
    wait_until(lambda: not all_ready(engine, 3), what="our worker to be missed", seconds=60)
    worker.start()
    wait_until(lambda: all_ready(engine, 3), what="our worker to be ready again", seconds=60)
    docker_id = engine.docker("info", "--format", "{{.Swarm.NodeID}}")
    by_a_leader(engine, "node", "demote", docker_id)
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
