"""Pulls from a registry by a real, private Docker Engine: progress, credentials, giving up (docs/design/progress.md 12.1)."""

import asyncio
import contextlib
import json
import subprocess
import threading
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from swarm_agentd.exec import errors
from swarm_agentd.exec.progress import Activity, ProgressBoard
from swarm_agentd.executors.docker.executor import DockerExecutor
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.progress_pb2 import TaskProgress
from swarm_core.api.proto.types_pb2 import RUNNING
from swarm_core.client.cluster import Cluster
from swarm_core.client.connection import Connection
from swarm_core.client.control import Control
from swarm_core.client.errors import ClientError
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import FixedDependencies, running
from swarm_testkit.daemons import Daemon, private_directory
from swarm_testkit.engines import Engine
from swarm_testkit.factories import make_service
from swarm_testkit.registry import Registry, registry_in

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]
CLOCK = SystemClock()


@contextlib.contextmanager
def registry_for(engine: Engine, **credentials: str) -> Iterator[Registry]:
    with registry_in(engine.network_path, **credentials) as registry:
        yield registry
        with contextlib.suppress(subprocess.CalledProcessError):  # it never came
            engine.docker("rmi", "-f", registry.image)


@pytest.fixture
def registry(engine: Engine) -> Iterator[Registry]:
    with registry_for(engine) as registry:
        yield registry


def task_of(registry: Registry, task_id: str) -> Task:
    task = Task(id=task_id, service_id="service-id", slot=1, node_id="node-id")
    task.service_annotations.name = "web"
    task.spec.container.image = registry.image
    task.spec.container.command.extend(["sh", "-c", "exit 0"])
    return task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await CLOCK.sleep(0.02)


@contextlib.asynccontextmanager
async def pulling(engine: Engine, directory: Path) -> AsyncIterator[tuple[DockerExecutor, ProgressBoard]]:
    board = ProgressBoard()
    executor = DockerExecutor(
        engine.url, directory, CLOCK, memory=directory / "m" / "s" / "k", progress=board
    )
    async with running(executor):
        yield executor, board


async def test_tasks_that_share_a_pull_tell_how_far_it_is(
    engine: Engine, registry: Registry, tmp_path: Path
) -> None:
    """Both say the same share while half of the layer is here, and nothing once they are prepared."""
    async with pulling(engine, tmp_path) as (executor, board):
        controllers = [
            executor.controller(task_of(registry, name), FixedDependencies()) for name in ("one", "two")
        ]
        preparing = [asyncio.create_task(each.prepare()) for each in controllers]
        await until(lambda: len(board.now()) == 2 and all(one.percent >= 30 for one in board.now().values()))
        one, two = board.now().values()
        assert one == two and one.activity is Activity.PULLING and one.percent <= 50
        assert await controllers[0].container_status() is None
        registry.gate.set()
        await asyncio.gather(*preparing)
        assert board.now() == {}
        for each in controllers:
            await each.start()
            await each.wait()
            await each.remove()


async def test_a_slow_pull_keeps_nothing_from_stopping(
    engine: Engine, registry: Registry, tmp_path: Path
) -> None:
    """A pull that no task wants any more ends, and one that is under way does not keep the daemon from ending."""
    async with pulling(engine, tmp_path) as (executor, _):
        controller = executor.controller(task_of(registry, "unwanted"), FixedDependencies())
        preparing = asyncio.create_task(controller.prepare())
        await until(registry.is_waited_for.is_set)
        preparing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await preparing
        assert executor.pulled_now == {registry.image}  # it goes on, should the task be prepared again
        await controller.remove()
        await until(lambda: not executor.pulled_now)
    registry.is_waited_for.clear()
    async with pulling(engine, tmp_path) as (executor, _):
        preparing = asyncio.create_task(
            executor.controller(task_of(registry, "late"), FixedDependencies()).prepare()
        )
        await until(registry.is_waited_for.is_set)
        preparing.cancel()
    await until(lambda: not any("docker-pull" in thread.name for thread in threading.enumerate()))


async def test_a_pull_that_was_given_up_is_not_joined(
    engine: Engine, registry: Registry, tmp_path: Path
) -> None:
    """A task that comes while an unwanted pull of its image ends begins one of its own."""
    async with pulling(engine, tmp_path) as (executor, _):
        unwanted, wanted = (
            executor.controller(task_of(registry, name), FixedDependencies())
            for name in ("unwanted", "wanted")
        )
        preparing = asyncio.create_task(unwanted.prepare())
        await until(registry.is_waited_for.is_set)
        preparing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await preparing
        registry.is_waited_for.clear()
        await unwanted.terminate()
        preparing = asyncio.create_task(wanted.prepare())
        await until(registry.is_waited_for.is_set)
        registry.gate.set()
        await preparing
        await wanted.remove()


async def test_credentials_reach_the_registry(engine: Engine, tmp_path: Path) -> None:
    """Without them the task is refused with the registry's reason; with those of the spec the image comes."""
    with registry_for(engine, user="me", password="secret") as registry:
        registry.gate.set()
        async with pulling(engine, tmp_path) as (executor, _):
            task = task_of(registry, "locked")
            with pytest.raises(errors.Missing, match=r"no basic auth credentials|unauthorized"):
                await executor.controller(task, FixedDependencies()).prepare()
            auth = {"username": "me", "password": "secret", "serveraddress": f"127.0.0.1:{registry.port}"}
            task.spec.container.pull_options.registry_auth = urlsafe_b64encode(
                json.dumps(auth).encode()
            ).decode()
            controller = executor.controller(task, FixedDependencies())
            await controller.prepare()
            await controller.remove()


async def test_who_watches_the_cluster_sees_the_pull(engine: Engine, registry: Registry) -> None:
    """From the engine's lines to a client of the manager, with real daemons between; the service then runs."""
    with private_directory() as directory:
        daemon = Daemon(directory, "--engine-addr", engine.url, executors="docker").start()
        try:
            cluster = Cluster(await _connected(daemon))
            spec = make_service(replicas=1).spec
            spec.task.container.image = registry.image
            spec.task.container.command.extend(["sleep", "1000"])
            service = await cluster.control.create(Service, spec)
            seen = await _first_share(cluster.control)
            assert seen.activity == TaskProgress.PULLING and 0 < seen.percent <= 50
            registry.gate.set()
            async with asyncio.timeout(30):
                while [task.status.state for task in await _tasks(cluster, service)] != [RUNNING]:
                    await CLOCK.sleep(0.05)
            await cluster.control.remove(Service, service.id)
            async with asyncio.timeout(30):
                while await _tasks(cluster, service):
                    await CLOCK.sleep(0.05)
            await cluster.close()
        finally:
            daemon.stop()


async def _connected(daemon: Daemon) -> Connection:
    async with asyncio.timeout(40):
        while True:
            try:
                connection = await Connection.open(daemon.socket)
                await Control(connection).cluster()
                return connection
            except (ClientError, LookupError, OSError):
                await CLOCK.sleep(0.1)


async def _tasks(cluster: Cluster, service: Service) -> list[Task]:
    return await cluster.control.find(Task, service_ids=[service.id])


async def _first_share(control: Control) -> TaskProgress:
    async with asyncio.timeout(40):
        async for message in control.watch_progress():
            for each in message.tasks:
                if each.percent:
                    return each
    raise AssertionError("the stream ended")
