"""Ports of real processes: what they are told, what is refused, and how they are stopped (docs/design/ports.md P.2, P.3)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from swarm_agentd.exec.errors import ExitFailure, Fatal, InvalidTask
from swarm_agentd.executors.process.executor import ProcessExecutor
from swarm_agentd.executors.process.plan import Plan
from swarm_agentd.ports.tasks import LocalTasks
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.process_pb2 import ProcessSpec
from swarm_core.api.proto.types_pb2 import RUNNING, PortConfig
from swarm_core.api.runtimes import set_process
from swarm_core.api.task_ports import local_ports, published
from swarm_core.api.timestamps import duration
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.conformance.executor import FixedDependencies
from swarm_testkit.free_ports import free_port
from swarm_testkit.port_nodes import process_task, tcp, udp, until


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[Path]:
    yield tmp_path
    await executor(tmp_path).retain(())


def executor(directory: Path, ports: LocalTasks | None = None) -> ProcessExecutor:
    return ProcessExecutor(
        directory / "state", SystemClock(), memory=directory / "memory" / "swarm" / "key", ports=ports
    )


def task(script: str, *ports: PortConfig, **spec: object) -> Task:
    """A task whose ports of its node are the published ones."""
    made = process_task("task", *ports)
    set_process(made.spec, ProcessSpec(command=["sh", "-c", script], **spec))  # type: ignore[arg-type]
    made.status.port_status.ports.extend(published(made))
    return made


async def test_process_is_told_its_ports(state: Path) -> None:
    """$PORT and its kin are in the process's environment, the status reports the ports while it runs, and what the spec sets wins."""
    number = free_port()
    made = task(
        f'test "$PORT $PORT_80_TCP $PORT_53_UDP" = "{number} {number} mine" && sleep 60',
        tcp(80, number, "HOST"),
        udp(53, free_port()),
        env=["PORT_53_UDP=mine"],
    )
    made.endpoint.ports[0].published_port = made.status.port_status.ports[0].published_port
    controller = executor(state).controller(made, FixedDependencies())
    await controller.prepare()
    await controller.start()
    running = asyncio.ensure_future(controller.wait())
    status = await controller.port_status()
    assert status is not None and list(status.ports) == local_ports(made)
    assert not running.done()
    await controller.terminate()
    with pytest.raises(ExitFailure):
        await running
    assert await controller.port_status() is None


def test_what_cannot_be_published() -> None:
    """A task for which the node had no port, and an SCTP port, are refused with a sentence each."""
    without = process_task("task", tcp(80, 30080))
    with pytest.raises(InvalidTask, match="no free port left"):
        Plan.of(without)
    sctp = tcp(80, 30080)
    sctp.protocol = PortConfig.SCTP
    with pytest.raises(InvalidTask, match="80/sctp cannot be published"):
        Plan.of(task("true", sctp))


def test_attachment_to_the_ingress_network_is_no_obstacle() -> None:
    """A Docker leader attaches what publishes ports to its ingress network; a process has no use for that, and runs."""
    made = task("true", tcp(80, 30080))
    made.networks.add().network.spec.ingress = True
    assert Plan.of(made)
    made.networks.add().network.spec.annotations.name = "own"
    with pytest.raises(InvalidTask, match="cannot be attached"):
        Plan.of(made)


@pytest.mark.parametrize("protocol", [PortConfig.TCP, PortConfig.UDP])
async def test_port_of_a_stranger(state: Path, protocol: "PortConfig.Protocol.ValueType") -> None:
    """A task whose port somebody else has fails, and the sentence names who that is; nothing was started."""
    kind = socket.SOCK_STREAM if protocol == PortConfig.TCP else socket.SOCK_DGRAM
    with closing(socket.socket(socket.AF_INET, kind)) as stranger:
        stranger.bind(("127.0.0.1", 0))
        if protocol == PortConfig.TCP:
            stranger.listen()
        number = stranger.getsockname()[1]
        port = tcp(80, number, "HOST")
        port.protocol = protocol
        controller = executor(state).controller(task("exec sleep 60", port), FixedDependencies())
        await controller.prepare()
        word = "tcp" if protocol == PortConfig.TCP else "udp"
        with pytest.raises(
            Fatal, match=rf"^port {number}/{word} of this node is taken by .+ \(process \d+\)$"
        ):
            await controller.start()
        assert await controller.container_status() is None


async def test_port_of_the_task_itself(state: Path) -> None:
    """After a restart of the daemon the running process, which has the port, is found again and not taken for a stranger."""
    number = free_port()
    script = (
        f"exec python3 -c \"import socket,time; s=socket.create_server(('', {number})); time.sleep(600)\""
    )
    made = task(script, tcp(80, number, "HOST"))
    first = executor(state).controller(made, FixedDependencies())
    await first.prepare()
    await first.start()
    await until(lambda: _answers(number))
    await first.close()
    second = executor(state).controller(made, FixedDependencies())
    from swarm_agentd.exec.errors import AlreadyPrepared, AlreadyStarted

    with pytest.raises(AlreadyPrepared):
        await second.prepare()
    with pytest.raises(AlreadyStarted):
        await second.start()
    assert await second.port_status() is not None


def _answers(number: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", number)) == 0


def _stubborn(ready: Path) -> str:
    """A script that takes no notice of the polite signal; the file is there once that is so."""
    return f'trap "" TERM; touch {ready}; while :; do sleep 0.05; done'


async def test_stop_waits_for_forwarded_connections(state: Path, tmp_path: Path) -> None:
    """The stop signal comes when the last forwarded connection has ended, and the task takes no new one from the first moment on."""
    told, ready = tmp_path / "told", tmp_path / "ready"
    tasks = LocalTasks(SystemClock())
    made = task(
        f'trap "touch {told}; exit 0" TERM; touch {ready}; while :; do sleep 0.05 & wait; done',
        tcp(80, free_port()),
        stop_grace_period=duration(240.0),
    )
    made.status.state = RUNNING
    tasks.observe(made, made.status)
    controller = executor(state, tasks).controller(made, FixedDependencies())
    await controller.prepare()
    await controller.start()
    await until(ready.exists)
    with tasks.connection("task"):
        stopping = asyncio.ensure_future(controller.shutdown())
        await until(lambda: tasks.number("task", (PortConfig.TCP, 80)) is None)
        await asyncio.sleep(0.2)
        assert not told.exists() and not stopping.done()
    await stopping
    assert told.exists()


async def test_grace_period_is_not_longer_than_before(state: Path, tmp_path: Path) -> None:
    """Connections that do not end, and a process that does not either, are given the grace period together."""
    ready = tmp_path / "ready"
    tasks = LocalTasks(SystemClock())
    made = task(_stubborn(ready), tcp(80, free_port()), stop_grace_period=duration(1.0))
    controller = executor(state, tasks).controller(made, FixedDependencies())
    await controller.prepare()
    await controller.start()
    await until(ready.exists)
    clock = SystemClock()
    with tasks.connection("task"):
        begin = clock.monotonic()
        async with asyncio.timeout(30):
            await controller.shutdown()
        assert clock.monotonic() - begin >= 1.0


async def test_unhealthy_task_takes_no_connection(state: Path, tmp_path: Path) -> None:
    """A task whose health check fails is withdrawn before it is stopped, so that nobody is led to it meanwhile."""
    sick, ready, number = tmp_path / "sick", tmp_path / "ready", free_port()
    tasks = LocalTasks(SystemClock())
    spec: dict[str, object] = {"healthcheck": {"test": ["CMD-SHELL", f"test ! -e {sick}"], "retries": 1}}
    made = task(_stubborn(ready), tcp(80, number), **spec)
    process = ProcessSpec()
    made.spec.generic.payload.Unpack(process)
    process.healthcheck.interval.CopyFrom(duration(0.05))
    process.stop_grace_period.CopyFrom(duration(3600))
    set_process(made.spec, process)
    controller = executor(state, tasks).controller(made, FixedDependencies())
    await controller.prepare()
    await controller.start()
    await until(ready.exists)
    made.status.state = RUNNING
    tasks.observe(made, made.status)
    assert tasks.number("task", (PortConfig.TCP, 80)) == number
    waiting = asyncio.ensure_future(controller.wait())
    sick.touch()
    await until(lambda: tasks.number("task", (PortConfig.TCP, 80)) is None)
    assert not waiting.done()  # it is being stopped, for as long as it has
    tasks.observe(made, made.status)
    assert tasks.number("task", (PortConfig.TCP, 80)) is None
    waiting.cancel()
    await asyncio.wait([waiting])
    await controller.terminate()
