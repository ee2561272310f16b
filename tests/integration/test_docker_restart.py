"""A real Docker Engine that is killed and comes back while tasks run, and an agent that does (docs/design/docker-executor.md 7.8)."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from swarm_agentd.exec import errors
from swarm_agentd.executors.docker.controller import DockerController
from swarm_agentd.executors.docker.executor import DockerExecutor
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import FixedDependencies, running
from swarm_testkit.daemons import private_directory
from swarm_testkit.engines import IMAGE, Engine, private_engine
from swarm_testkit.registry import registry_in

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.xdist_group("docker-restart"),
    pytest.mark.timeout(180),
]
CLOCK = SystemClock()
_RUNS = 'trap "exit 7" TERM; while :; do sleep 0.05; done'


def task_of(task_id: str) -> Task:
    task = Task(id=task_id, service_id="service-id", slot=1, node_id="node-id")
    task.service_annotations.name = "web"
    task.spec.container.image = IMAGE
    task.spec.container.command.extend(["sh", "-c", _RUNS])
    return task


@contextlib.asynccontextmanager
async def agent(engine: Engine, directory: Path) -> AsyncIterator[DockerExecutor]:
    executor = DockerExecutor(engine.url, directory, CLOCK, memory=directory / "m" / "s" / "k")
    async with running(executor):
        yield executor


def containers(engine: Engine) -> list[str]:
    return sorted(engine.docker("ps", "-a", "--format", "{{.Names}}").split())


async def reached(controller: DockerController) -> None:
    """Wait until the engine answers for this task again."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(errors.Temporary):
                await controller.shutdown()
                return
            await CLOCK.sleep(0.1)


@pytest.mark.parametrize("lives_on", [True, False], ids=["live restore", "plain"])
async def test_a_killed_engine_comes_back(tmp_path: Path, lives_on: bool) -> None:
    """A killed engine's tasks wait with its absence as their error. With live restore they run on; without, the engine ends
    their containers and they fail with the exit code. What was made and not started starts, and nothing is there twice."""
    flags = ("--live-restore",) if lives_on else ()
    with private_directory() as short, private_engine(short, flags=flags) as engine:
        async with agent(engine, tmp_path / "node") as executor:
            runs, made, new = (
                executor.controller(task_of(name), FixedDependencies()) for name in ("runs", "made", "new")
            )
            await runs.prepare()
            await runs.start()
            await made.prepare()
            pid = engine.docker("inspect", "-f", "{{.State.Pid}}", "web.1.runs")
            await asyncio.to_thread(engine.stop, signal.SIGKILL)
            for call in (runs.wait, new.prepare, made.start):
                with pytest.raises(errors.Temporary, match="does not answer"):
                    await call()
            told = await runs.container_status()
            assert told is not None and str(told.pid) == pid  # as it was last seen
            await asyncio.to_thread(engine.start)
            await reached(new)
            if lives_on:
                assert engine.docker("inspect", "-f", "{{.State.Pid}}", "web.1.runs") == pid
                waiting = asyncio.create_task(runs.wait())
                await asyncio.to_thread(engine.docker, "stop", "web.1.runs")
                with pytest.raises(errors.ExitFailure, match=r"non-zero exit \(7\)"):
                    await asyncio.wait_for(waiting, 60)
            else:
                with pytest.raises(errors.ExitFailure, match="non-zero exit"):
                    await asyncio.wait_for(runs.wait(), 60)
            with pytest.raises(errors.AlreadyPrepared):
                await made.prepare()
            await made.start()
            with pytest.raises(errors.AlreadyStarted):
                await made.start()
            await new.prepare()
            assert containers(engine) == ["web.1.made", "web.1.new", "web.1.runs"]
            for each in (runs, made, new):
                await each.remove()
            assert containers(engine) == []


async def test_a_pull_that_breaks_off_is_begun_anew(tmp_path: Path) -> None:
    """The engine's death in the middle of a pull is not the image's absence."""
    with (
        private_directory() as short,
        private_engine(short) as engine,
        registry_in(engine.network_path) as registry,
    ):
        task = task_of("pulled")
        task.spec.container.image = registry.image
        async with agent(engine, tmp_path / "node") as executor:
            controller = executor.controller(task, FixedDependencies())
            preparing = asyncio.create_task(controller.prepare())
            while not registry.is_waited_for.is_set():
                await CLOCK.sleep(0.02)
            await asyncio.to_thread(engine.stop, signal.SIGKILL)
            with pytest.raises(errors.Temporary):
                await preparing
            registry.gate.set()
            await asyncio.to_thread(engine.start)
            await controller.prepare()
            await controller.remove()


async def test_agent_and_engine_are_lost_together(tmp_path: Path) -> None:
    """An agent that comes back before its engine finds its containers as soon as there is one, and frees what is no longer its."""
    with private_directory() as short, private_engine(short, flags=("--live-restore",)) as engine:
        async with agent(engine, tmp_path / "node") as executor:
            for name in ("kept", "gone"):
                controller = executor.controller(task_of(name), FixedDependencies())
                await controller.prepare()
                await controller.start()
        await asyncio.to_thread(engine.stop, signal.SIGKILL)
        async with agent(engine, tmp_path / "node") as executor:
            controller = executor.controller(task_of("kept"), FixedDependencies())
            with pytest.raises(errors.Temporary):
                await controller.start()
            await asyncio.to_thread(engine.start)
            with pytest.raises(errors.AlreadyPrepared):
                await controller.prepare()
            with pytest.raises(errors.AlreadyStarted):
                await controller.start()
            await executor.retain(["kept"])
            assert containers(engine) == ["web.1.kept"]
            engine.docker("rm", "-f", "web.1.kept")
            with pytest.raises(errors.Missing, match="does not exist"):
                await controller.wait()
