"""Docker Engines as managers beside ours: each replicates what the other leads, in a cluster of either."""

import json
from collections.abc import Iterator

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_testkit.daemons import Daemon, wait_until
from swarm_testkit.docker_peers import (
    DOCKER_ADDRESS,
    by_a_leader,
    docker_join,
    docker_nodes,
    docker_role,
    engine_and_nodes,
    running,
    set_role,
)
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.managers import eventually, manager_token, managers_seen, paused, through, write

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


async def configs(node: Daemon) -> dict[str, bytes]:
    """All configs, as the leader tells them through this node."""
    async with through(node) as control:
        found = await control.find(objects_pb2.Config)
    return {config.spec.annotations.name: config.spec.data for config in found}


async def leads(node: Daemon, address: str) -> bool:
    """Whether the manager at `address` leads, as this node knows."""
    seen = await managers_seen(node)
    return address in seen and seen[address].leader


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
    by_a_leader(engine, "node", "demote", docker_id)

    async def without_docker() -> bool:
        return set(await managers_seen(first)) == {first.address, second.address}

    await eventually(without_docker, what="the engine to leave the consensus")
    wait_until(lambda: docker_role(engine) == "false", what="the engine to be a worker", seconds=60)
    await write(second, "ours-alone")
    await set_role(first, docker_id, types_pb2.MANAGER)
    wait_until(lambda: docker_role(engine) == "true", what="the engine to be a manager again", seconds=60)
    wait_until(lambda: len(docker_nodes(engine)) == 3, what="its commands to work")
    assert len(by_a_leader(engine, "config", "ls", "-q").split()) == 5


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
    by_a_leader(engine, "node", "demote", docker_id)

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
