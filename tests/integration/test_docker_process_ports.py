"""Ports of a process service where a Docker Engine leads, and after one of ours has taken over (docs/design/ports.md P.8)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.runtimes import set_process
from swarm_core.api.task_ports import local_ports
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.docker_peers import (
    DOCKER_ADDRESS,
    by_a_leader,
    docker_nodes,
    docker_role,
    engine_and_nodes,
    running,
)
from swarm_testkit.engines import ADDRESS, Engine
from swarm_testkit.factories import make_service, make_task_spec
from swarm_testkit.managers import eventually, through
from swarm_testkit.port_nodes import tcp

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(300)]
TESTS = Path(__file__).parent.parent
SERVER = str(TESTS / "data" / "programs" / "web_server.py")
ASK = "import sys; from swarm_testkit.pollers import ask; print(ask(sys.argv[1], int(sys.argv[2])))"
HOST, INGRESS = 18081, 18082


@pytest.fixture
def shared() -> Iterator[tuple[Engine, Daemon]]:
    with engine_and_nodes() as (engine, nodes):
        yield engine, nodes[0]


def answers(engine: Engine, port: int) -> bool:
    """Whether a request from inside of the engine's network is answered. The program itself listens on the loopback address alone."""
    address = "127.0.0.1" if port == HOST else ADDRESS
    command = [*engine.enter, sys.executable, "-c", ASK, address, str(port)]
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    return subprocess.run(command, capture_output=True, env=env, check=False).returncode == 0


def spec_of(name: str, port: types_pb2.PortConfig) -> specs_pb2.ServiceSpec:
    """One web server on our node."""
    task = make_task_spec(command=["x"], constraints=["node.hostname==ours"])
    spec = make_service("s", name=name, task=task, ports=[port]).spec
    set_process(spec.task, ProcessSpec(command=[sys.executable, SERVER]))
    return spec


async def test_process_ports_beside_docker(shared: tuple[Engine, Daemon]) -> None:
    """Under a Docker leader the host port of a process of ours is told to it and answers, and goes on answering when one of ours leads;
    then an ingress port answers too."""
    engine, node = shared
    engine.init_swarm()
    token = engine.docker("swarm", "join-token", "-q", "manager")
    node.flags = ("--join-addr", DOCKER_ADDRESS, "--join-token", token, "--hostname", "ours")
    node.start()
    wait_until(lambda: sorted(docker_nodes(engine).values()) == ["Leader", "Reachable"], what="two managers")

    async def nodes() -> list[objects_pb2.Node]:
        async with through(node) as control:
            return await control.find(objects_pb2.Node)

    await eventually(nodes, what="an answering manager of ours")
    async with through(node) as control:
        await control.create(objects_pb2.Service, spec_of("host", tcp(80, HOST, "HOST")))
    (task,) = await eventually(lambda: running(node, "host"), what="a running task")
    assert [port.published_port for port in local_ports(task)] == [HOST]
    wait_until(lambda: answers(engine, HOST), what="an answer at the host port")
    by_a_leader(engine, "node", "demote", engine.docker("info", "--format", "{{.Swarm.NodeID}}"))
    wait_until(lambda: docker_role(engine) == "false", what="the engine to be a worker", seconds=60)
    async with through(node) as control:
        await control.create(objects_pb2.Service, spec_of("ingress", tcp(80, INGRESS)))
    wait_until(lambda: answers(engine, INGRESS), what="an answer at the ingress port", seconds=60)
    assert answers(engine, HOST)
    assert [one.id for one in await running(node, "host")] == [task.id]
