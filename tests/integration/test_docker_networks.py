"""We lead what Docker Engines made: services with networks and published ports (docs/design/allocator.md)."""

import ipaddress
import json
from collections.abc import Iterator
from itertools import combinations

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.control import Control
from swarm_core.client.errors import CallFailed
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.docker_peers import (
    DOCKER_ADDRESS,
    by_a_leader,
    docker_nodes,
    docker_role,
    engine_and_nodes,
    running,
    set_role,
)
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.managers import eventually, through

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


def published(engine: Engine) -> None:
    """A network of Docker's, and a service on it that publishes a port."""
    engine.docker("network", "create", "--driver", "overlay", "net")
    create = ("service", "create", "--detach", "--no-resolve-image", "--name", "web", "--network", "net")
    engine.docker(*create, "--publish", "8080:80", "--replicas", "2", IMAGE, "sleep", "1000")


def web_tasks(engine: Engine) -> list[str]:
    return tasks_of(engine, "web")


def tasks_of(engine: Engine, service: str, state: str = "running") -> list[str]:
    """The running containers of a service, by task id."""
    names = engine.docker(
        "ps",
        "--format",
        "{{.Names}}",
        "--filter",
        f"label=com.docker.swarm.service.name={service}",
        "--filter",
        f"status={state}",
    )
    return [name.rpartition(".")[2] for name in names.split()]


async def make_more(control: Control) -> None:
    """A network and a service on it with a port that nobody says; a port that is taken is refused, and its owner named."""
    net = await control.create(
        objects_pb2.Network, specs_pb2.NetworkSpec(annotations=types_pb2.Annotations(name="ours"))
    )
    spec = specs_pb2.ServiceSpec(annotations=types_pb2.Annotations(name="ours"))
    spec.task.container.image = IMAGE
    spec.task.container.args.extend(["sleep", "1000"])
    spec.task.networks.add(target=net.id)
    spec.endpoint.ports.add(target_port=80)
    spec.replicated.replicas = 2
    taken = specs_pb2.ServiceSpec()
    taken.CopyFrom(spec)
    taken.endpoint.ports[0].published_port = 8080
    with pytest.raises(CallFailed, match="port 8080/tcp is already in use by service web"):
        await control.create(objects_pb2.Service, taken)
    await control.create(objects_pb2.Service, spec)


def check_nothing_twice(engine: Engine) -> None:
    """Subnets, overlay identifiers and ports as the engine shows them, whoever gave them."""
    names = ("ingress", "net", "ours", "theirs")
    networks = json.loads(engine.docker("network", "inspect", *names))
    subnets = [ipaddress.ip_network(one["IPAM"]["Config"][0]["Subnet"]) for one in networks]
    assert not [pair for pair in combinations(subnets, 2) if pair[0].overlaps(pair[1])]
    ids = {one["Options"]["com.docker.network.driver.overlay.vxlanid_list"] for one in networks}
    assert len(ids) == len(names)
    services = json.loads(engine.docker("service", "inspect", "web", "ours", "theirs"))
    ports = [port["PublishedPort"] for one in services for port in one["Endpoint"]["Ports"]]
    assert len(set(ports)) == len(ports) == 3 and 8080 in ports
    virtual = [(ip["NetworkID"], ip["Addr"]) for one in services for ip in one["Endpoint"]["VirtualIPs"]]
    assert len(set(virtual)) == len(virtual)


async def test_we_lead_services_with_networks_and_ports_of_docker(engine: Engine, ours: list[Daemon]) -> None:
    """Two of ours join a swarm whose service has a network and a port, and lead it: the service is labelled and scaled, a
    container that dies is replaced, each with an address of its own on both networks. A network, a service and a port are new. Docker leads
    again and goes on with all of it: nothing is given twice."""
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
    by_a_leader(engine, "node", "demote", docker_id)
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

        async def four_run() -> list[objects_pb2.Task]:
            found = await running(node, "web")
            return found if len(found) == 4 and victim not in {task.id for task in found} else []

        # A container runs before its engine has reported it.
        tasks = await eventually(four_run, what="four tasks that run")
        assert all(task.service_id == service.id for task in tasks)
        assert all(list(task.endpoint.ports) == ports for task in tasks)
        for place, name in enumerate(("ingress", "net")):
            assert {task.networks[place].network.spec.annotations.name for task in tasks} == {name}
            given = [task.networks[place].addresses[0] for task in tasks]
            assert len(set(given)) == 4
        (after,) = await control.find(objects_pb2.Service)
        assert after.endpoint.virtual_ips == service.endpoint.virtual_ips
        await make_more(control)
        wait_until(
            lambda: len(tasks_of(engine, "ours")) == 2, what="containers on a network of ours", seconds=90
        )
    await set_role(node, docker_id, types_pb2.MANAGER)
    wait_until(lambda: docker_role(engine) == "true", what="the engine to be a manager again", seconds=60)
    wait_until(lambda: len(docker_nodes(engine)) == 3, what="its commands to work")
    by_a_leader(engine, "service", "scale", "--detach", "web=5")
    wait_until(lambda: len(web_tasks(engine)) == 5, what="five containers", seconds=90)
    for id_ in set(docker_nodes(engine)) - {docker_id}:
        by_a_leader(engine, "node", "demote", id_)
    wait_until(
        lambda: sorted(docker_nodes(engine).values()) == ["", "", "Leader"],
        what="the engine to lead alone",
        seconds=90,
    )
    by_a_leader(engine, "network", "create", "--driver", "overlay", "theirs")
    create = (
        "service",
        "create",
        "--detach",
        "--no-resolve-image",
        "--name",
        "theirs",
        "--network",
        "theirs",
    )
    engine.docker(*create, "--network", "ours", "--publish", "80", IMAGE, "sleep", "1000")
    wait_until(
        lambda: len(tasks_of(engine, "theirs")) == 1, what="a container on networks of both", seconds=90
    )
    check_nothing_twice(engine)
