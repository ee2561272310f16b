"""The docker executor against a real, private Docker Engine."""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from swarm_agentd.exec import errors
from swarm_agentd.executors.docker.controller import DockerController
from swarm_agentd.executors.docker.executor import DockerExecutor
from swarm_core.api.proto.logbroker_pb2 import LOG_STREAM_STDOUT, LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import Mount, PortConfig
from swarm_core.api.timestamps import duration
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import (
    CONFIG_ID,
    SECRET_ID,
    ExecutorConformance,
    FixedDependencies,
    HealthConformance,
    SecretConformance,
    Work,
    running,
)
from swarm_testkit.engines import IMAGE, Engine
from swarm_testkit.factories import make_resources

pytestmark = pytest.mark.docker
CLOCK = SystemClock()
_RUNS = 'trap "exit 0" TERM; echo started; while :; do sleep 0.05; done'
_SCRIPTS = {
    Work.RUNS: _RUNS,
    Work.HEALTHY: _RUNS,
    Work.UNHEALTHY: _RUNS,
    Work.STUBBORN: 'trap "" TERM; echo started; while :; do sleep 0.05; done',
    Work.ENDS: "echo one; echo two; echo three; echo oops >&2",
    Work.FAILS: "exit 3",
    Work.BROKEN: "true",
    Work.SECRETS: "cat /run/secrets/hush; echo; cat /etc/conf.d/setting",
}
_numbers = itertools.count()


def container(task_id: str, script: str) -> Task:
    task = Task(id=task_id, service_id="service-id", slot=1, node_id="node-id")
    task.service_annotations.name = "web"
    task.spec.container.image = IMAGE
    task.spec.container.command.extend(["sh", "-c", script])
    task.spec.container.stop_grace_period.CopyFrom(duration(5))
    return task


class DockerBench:
    def __init__(self, engine: Engine, directory: Path) -> None:
        self._engine, self._directory = engine, directory

    def executor(self) -> DockerExecutor:
        memory = self._directory / "memory" / "swarm" / "key"
        return DockerExecutor(self._engine.url, self._directory, CLOCK, memory=memory)

    def task(self, work: Work, task_id: str) -> Task:
        task = container(task_id, _SCRIPTS[work])
        spec = task.spec.container
        if work is Work.BROKEN:
            spec.image = "no-such-image:local"
        if work is Work.STUBBORN:
            spec.stop_grace_period.CopyFrom(duration(0.2))
        if work is Work.SECRETS:
            spec.secrets.add(secret_id=SECRET_ID, secret_name="a-secret").file.name = "hush"
            spec.configs.add(config_id=CONFIG_ID, config_name="a-config").file.name = "etc/conf.d/setting"
        if work in (Work.HEALTHY, Work.UNHEALTHY):
            spec.healthcheck.test.extend(["CMD", "true" if work is Work.HEALTHY else "false"])
            spec.healthcheck.interval.CopyFrom(duration(0.1))
            spec.healthcheck.retries = 2
        return task


@pytest.fixture
def bench(engine: Engine, tmp_path: Path) -> DockerBench:
    return DockerBench(engine, tmp_path)


class TestDockerExecutor(ExecutorConformance, SecretConformance, HealthConformance):
    """All rules."""


async def start(executor: DockerExecutor, task: Task) -> DockerController:
    controller = executor.controller(task, FixedDependencies())
    await controller.prepare()
    await controller.start()
    return controller


async def output(controller: DockerController, **options: object) -> list[str]:
    asked = LogSubscriptionOptions(**options)  # type: ignore[arg-type]
    return [message.data.decode().rstrip() async for message in controller.logs(asked)]


async def test_container_is_made_as_the_spec_says(bench: DockerBench, engine: Engine) -> None:
    """Name, labels, environment, limits, mounts and ports reach the engine, and the bound port is told."""
    task = container("made", _RUNS)
    spec = task.spec.container
    spec.env.append("A=1")
    spec.hostname, spec.dir = "box", "/tmp"
    spec.labels["mine"] = "yes"
    spec.mounts.add(type=Mount.TMPFS, target="/scratch").tmpfs_options.size_bytes = 1 << 20
    task.spec.resources.limits.CopyFrom(make_resources(cpus=0.5, memory=64 << 20))
    task.assigned_generic_resources.extend(make_resources(generic={"gpu": ["u1", "u2"]}).generic)
    task.endpoint.ports.add(target_port=80, publish_mode=PortConfig.HOST)
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        assert engine.docker(
            "inspect", "-f", "{{.Config.Hostname}} {{.HostConfig.NanoCpus}}", "web.1.made"
        ) == ("box 500000000")
        labels = engine.docker("inspect", "-f", "{{json .Config.Labels}}", "web.1.made")
        assert '"com.docker.swarm.task.id":"made"' in labels and '"mine":"yes"' in labels
        told = engine.docker(
            "exec", "web.1.made", "sh", "-c", "echo $A $DOCKER_RESOURCE_GPU $PWD; df /scratch | tail -1"
        )
        assert told.startswith("1 u1,u2 /tmp\ntmpfs")
        ports = await controller.port_status()
        assert ports is not None and ports.ports[0].target_port == 80 and ports.ports[0].published_port > 0
        await controller.remove()


async def test_a_missing_program_is_fatal(bench: DockerBench) -> None:
    """A program that is not in the image fails the start with the engine's reason."""
    task = container("lost", "")
    task.spec.container.command[:] = ["/no/such/program"]
    async with running(bench.executor()) as executor:
        with pytest.raises(errors.Fatal, match="no such file"):
            await start(executor, task)
        await executor.controller(task, FixedDependencies()).remove()


async def test_out_of_memory_is_told(bench: DockerBench) -> None:
    """A container that exceeds its limit fails with the reason."""
    task = container("greedy", "x=a; while :; do x=$x$x; done")
    task.spec.resources.limits.memory_bytes = 16 << 20
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        with pytest.raises(errors.ExitFailure, match="more memory"):
            await controller.wait()
        await controller.remove()


async def test_secrets_are_private_and_go_away(bench: DockerBench, tmp_path: Path) -> None:
    """The secret's file has the asked mode in the container, cannot be written, and is gone from the host afterwards."""
    task = container("trust", "stat -c '%a %u' /run/secrets/hush; echo x > /run/secrets/hush || echo refused")
    secret = task.spec.container.secrets.add(secret_id=SECRET_ID, secret_name="s")
    secret.file.name, secret.file.mode, secret.file.uid = "hush", 0o400, "7"
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        await controller.wait()
        lines = await output(controller, streams=[LOG_STREAM_STDOUT])
        assert lines == ["400 7", "refused"]
        assert not (tmp_path / "memory" / "swarm" / "key" / "trust").exists()
        await controller.remove()


async def test_terminal_output_is_read(bench: DockerBench) -> None:
    """A container with a terminal has no stream frames; its lines are told all the same."""
    task = container("tty", "echo one; echo two")
    task.spec.container.tty = True
    async with running(bench.executor()) as executor:
        controller = await start(executor, task)
        await controller.wait()
        assert await output(controller) == ["one", "two"]
        await controller.remove()


async def test_many_lines_and_a_reader_that_leaves(bench: DockerBench) -> None:
    """All lines come in order, and a reader may leave a stream that goes on."""
    async with running(bench.executor()) as executor:
        controller = await start(executor, container("talk", f"seq 1 5000; {_RUNS}"))
        lines = []
        async for message in controller.logs(LogSubscriptionOptions(follow=True)):
            lines.append(int(message.data))
            if len(lines) == 5000:
                break
        assert lines == list(range(1, 5001))
        assert await output(controller, tail=-3) == ["5000", "started"]
        follow = controller.logs(LogSubscriptionOptions(follow=True, tail=-2))
        assert (await anext(follow)).data == b"started\n"
        await follow.aclose()  # type: ignore[attr-defined]
        await controller.remove()


async def test_foreign_containers_are_left_alone(bench: DockerBench, engine: Engine, tmp_path: Path) -> None:
    """retain touches what this daemon made, nothing else on the engine."""
    name = f"stranger{next(_numbers)}"
    engine.docker("run", "-d", "--name", name, "--label", "com.docker.swarm.task.id=x", IMAGE, "sleep", "100")
    other = DockerExecutor(engine.url, tmp_path / "other", CLOCK, memory=tmp_path / "m" / "k")
    async with running(other), running(bench.executor()) as executor:
        theirs = await start(other, container("theirs", _RUNS))
        await executor.retain(())
        assert engine.docker("inspect", "-f", "{{.State.Running}}", name) == "true"
        with pytest.raises(errors.AlreadyStarted):
            await theirs.start()
        await theirs.remove()
    engine.docker("rm", "-f", name)


async def test_description(bench: DockerBench) -> None:
    """The node tells its engine's version and plugins, and that it runs containers."""
    async with running(bench.executor()) as executor:
        description = await executor.describe()
    plugins = {(plugin.type, plugin.name) for plugin in description.engine.plugins}
    assert description.engine.engine_version and {("Runtime", "container"), ("Volume", "local")} <= plugins


async def test_without_an_engine(tmp_path: Path) -> None:
    """An engine that is not there: everything is Temporary, and retain is not a failure."""
    executor = DockerExecutor(f"unix://{tmp_path}/none.sock", tmp_path, CLOCK, memory=tmp_path / "m" / "k")
    async with running(executor):
        with pytest.raises(errors.Temporary, match="does not answer: No such file"):
            await executor.describe()
        controller = executor.controller(container("t", "true"), FixedDependencies())
        with pytest.raises(errors.Temporary):
            await controller.prepare()
        await executor.retain(())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await CLOCK.sleep(0.05)


@pytest.mark.slow
async def test_an_engine_that_restarts(bench: DockerBench, engine: Engine) -> None:
    """While the engine is away waiting is Temporary; when it is back the container's end is told and new ones start."""
    async with running(bench.executor()) as executor:
        controller = await start(executor, container("through", _RUNS.replace("exit 0", "exit 9")))
        waiting = asyncio.create_task(controller.wait())
        await asyncio.to_thread(engine.stop, signal.SIGTERM)
        with pytest.raises((errors.Temporary, errors.ExitFailure)):
            await waiting
        with pytest.raises(errors.Temporary):
            await controller.shutdown()
        await asyncio.to_thread(engine.start)
        with pytest.raises(errors.ExitFailure):
            await controller.wait()
        again = await start(executor, container("after", _RUNS))
        waiting = asyncio.create_task(again.wait())
        await asyncio.to_thread(engine.docker, "kill", "web.1.after")
        with pytest.raises(errors.ExitFailure):
            await asyncio.wait_for(waiting, 20)
        for each in (controller, again):
            with contextlib.suppress(errors.Temporary):
                await each.remove()
