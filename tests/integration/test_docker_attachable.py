"""A container that is started by hand on a Docker Engine joins a network of ours (docs/design/manager.md 5.7)."""

import json
import subprocess
from collections.abc import Iterator

import pytest
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.client.errors import CallFailed
from swarm_testkit.daemons import Daemon
from swarm_testkit.docker_peers import docker_join, engine_and_nodes
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.managers import eventually, managers_seen, through

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def shared() -> Iterator[tuple[Engine, list[Daemon]]]:
    with engine_and_nodes() as found:
        yield found


def network(name: str, *, attachable: bool) -> specs_pb2.NetworkSpec:
    return specs_pb2.NetworkSpec(annotations=types_pb2.Annotations(name=name), attachable=attachable)


async def test_docker_run_joins_an_attachable_network(shared: tuple[Engine, list[Daemon]]) -> None:
    """It gets the address of its task, another network is refused, and when the container goes the network is free."""
    engine, (node, _) = shared
    node.start()
    await eventually(lambda: managers_seen(node), what="our manager")
    async with through(node) as control:
        token = (await control.find(objects_pb2.Cluster))[0].root_ca.join_tokens.worker
        docker_join(engine, token, node.address)
        open_ = await control.create(objects_pb2.Network, network("open", attachable=True))
        await control.create(objects_pb2.Network, network("shut", attachable=False))
        run = ("run", "--detach", "--name", "box", "--network")
        with pytest.raises(subprocess.CalledProcessError) as refused:
            engine.docker(*run, "shut", IMAGE, "sleep", "1000")
        assert b"cannot be joined by hand" in refused.value.stderr
        engine.docker("rm", "box")
        engine.docker(*run, "open", IMAGE, "sleep", "1000")

        async def attached() -> objects_pb2.Task | None:
            (task,) = await control.find(objects_pb2.Task)
            return task if task.status.state == types_pb2.RUNNING else None

        # The container starts when its engine knows the network's settings. That the task runs is reported after it.
        task = await eventually(attached, what="the engine's report")
        assert task.spec.attachment.container_id
        shown = json.loads(engine.docker("inspect", "box"))[0]["NetworkSettings"]["Networks"]["open"]
        assert [f"{shown['IPAddress']}/{shown['IPPrefixLen']}"] == list(task.networks[0].addresses)
        with pytest.raises(CallFailed, match="in use by tasks that have not ended"):
            await control.remove(objects_pb2.Network, open_.id)
        engine.docker("rm", "--force", "box")

        async def is_free() -> bool:
            await control.remove(objects_pb2.Network, open_.id)
            return True

        await eventually(is_free, what="the network to be free")
