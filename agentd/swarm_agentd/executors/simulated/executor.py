"""The simulated executor: tasks that cost nearly nothing, for demos, tests and measurements at scale.

Rules:
1. A running task is a few numbers. How long it lives follows from its start time and its seed, what it writes from its
   id; there is no timer, task or buffer per running task, and waiting for a task without an end waits for nothing.
2. All chance comes from one random.Random, all time from one Clock.
3. `Machine` is the state that outlives the daemon; an executor on the same machine finds the same work.
4. A task may say what it does by environment variables: SIM_OUT and SIM_ERR (lines to write at the start, and no others),
   SIM_AFTER (seconds until it ends), SIM_EXIT (its code), SIM_STUBBORN (ignores the stop signal), SIM_BROKEN (cannot run),
   SIM_FORM (json, logfmt or plain: how it writes its lines).
5. A task waits for its cluster volumes as others do, and takes nothing from them. An attachment of a container is a task that runs until it
   is taken away.
"""

import asyncio
import platform
import random
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from swarm_core.api.proto.exec_pb2 import ExecSpec
from swarm_core.api.proto.logbroker_pb2 import LogMessage, LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import (
    ConfigReference,
    ContainerStatus,
    EncryptionKey,
    NodeDescription,
    PortConfig,
    PortStatus,
    SecretReference,
)
from swarm_core.api.runtimes import CONTAINER, PROCESS, RUNTIME_PLUGIN, MalformedProcess, process_payload
from swarm_core.api.timestamps import duration_s, timestamp, timestamp_ns
from swarm_core.runtime.clock import Clock

from swarm_agentd.exec.commands import Typed, Write
from swarm_agentd.exec.errors import (
    AlreadyPrepared,
    AlreadyStarted,
    Closed,
    ExitFailure,
    InvalidTask,
    Missing,
    UnsupportedRuntime,
)
from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.exec.progress import Activity, Progress, ProgressBoard
from swarm_agentd.exec.usage import Reading
from swarm_agentd.exec.volumes import mounted_volumes
from swarm_agentd.executors.simulated import usage
from swarm_agentd.executors.simulated.log_lines import STDERR, STDOUT, End, Form, Line, Story

GIB = 1 << 30
KILLED = 137
STOP_GRACE_S = 10.0
FOLLOW_INTERVAL_S = 0.2
# As an engine has them: simulated containers are attached to networks, on which nothing passes.
_NETWORK_DRIVERS = ("bridge", "host", "overlay")
PULL_TOLD_FROM_S = 1.0
PULL_STEPS = 25
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a simulated machine behaves. Times are ranges in seconds, rates are chances between 0 and 1."""

    prepare_s: tuple[float, float] = (0.0, 0.0)
    start_s: tuple[float, float] = (0.0, 0.0)
    stop_s: tuple[float, float] = (0.0, 0.0)
    prepare_failure_rate: float = 0.0
    start_failure_rate: float = 0.0
    mean_life_s: float | None = None  # tasks crash after a while, on average this; None: never
    tells_usage: bool = False
    log_interval_s: float | None = 2.0  # a line this often; None: only what SIM_OUT and SIM_ERR say
    hostname: str = "simulated"
    cpus: int = 8
    memory_bytes: int = 32 * GIB
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Script:
    """What one task does."""

    lines: tuple[tuple[int, str], ...] = ()
    after_s: float | None = None
    exit_code: int = 0
    is_stubborn: bool = False
    is_broken: bool = False
    form: Form = Form.PLAIN


PLAIN = Script()


class Wishes(NamedTuple):
    """What both runtimes' specs have in common."""

    script: Script
    grace_s: float
    secrets: Sequence[SecretReference]
    configs: Sequence[ConfigReference]


@dataclass(slots=True)
class Work:
    """One task's work; times are the clock's. `code` is set once it was stopped."""

    started_s: float | None = None
    started_ns: int = 0
    ends_s: float | None = None
    ends_with: int = 0
    code: int | None = None
    stopped_s: float = 0.0
    end: End = End.RUNS

    def result(self, now_s: float) -> int | None:
        """The exit code, None while it runs or before it does."""
        if self.code is None and self.ends_s is not None and now_s >= self.ends_s:
            self.code, self.stopped_s = self.ends_with, self.ends_s
            self.end = End.FAILED if self.code else End.FINISHED
        return self.code


class Machine:
    """What a simulated machine remembers: its behaviour and its work."""

    def __init__(
        self, behaviour: Behaviour, clock: Clock, rng: random.Random, progress: ProgressBoard | None = None
    ) -> None:
        self.behaviour, self.clock, self.rng = behaviour, clock, rng
        self.progress = progress or ProgressBoard()
        self.works: dict[str, Work] = {}

    async def take(self, span: tuple[float, float]) -> None:
        """Spend a time from `span`."""
        low, high = span
        if high > 0:
            await self.clock.sleep(self.rng.uniform(low, high))

    async def pull(self, task_id: str, span: tuple[float, float]) -> None:
        """Spend a time from `span` as if an image came; a time that people can watch is told as it goes by."""
        low, high = span
        whole_s = self.rng.uniform(low, high) if high > 0 else 0.0
        if whole_s < PULL_TOLD_FROM_S:
            if high > 0:
                await self.clock.sleep(whole_s)
            return
        with self.progress.telling(task_id) as tell:
            for step in range(PULL_STEPS):
                tell(Progress(Activity.PULLING, 100 * step // PULL_STEPS))
                await self.clock.sleep(whole_s / PULL_STEPS)

    def happens(self, rate: float) -> bool:
        return rate > 0 and self.rng.random() < rate


class SimulatedExecutor:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def run(self) -> None:
        """There is no background work (rule 1)."""

    async def describe(self) -> NodeDescription:
        behaviour = self._machine.behaviour
        description = NodeDescription(hostname=behaviour.hostname)
        description.platform.architecture, description.platform.os = platform.machine(), "linux"
        description.resources.nano_cpus = behaviour.cpus * 1_000_000_000
        description.resources.memory_bytes = behaviour.memory_bytes
        description.engine.engine_version = "simulated"
        description.engine.labels.update(behaviour.labels)
        for runtime in (CONTAINER, PROCESS):
            description.engine.plugins.add(type=RUNTIME_PLUGIN, name=runtime)
        for driver in _NETWORK_DRIVERS:
            description.engine.plugins.add(type="Network", name=driver)
        return description

    async def configure(self, node: Node) -> None:
        """A simulated machine takes nothing from the node object."""

    def controller(self, task: Task, dependencies: Dependencies) -> "SimulatedController":
        return SimulatedController(self._machine, task, wishes(task), dependencies)

    async def retain(self, task_ids: Collection[str]) -> None:
        for task_id in self._machine.works.keys() - set(task_ids):
            del self._machine.works[task_id]

    async def set_network_bootstrap_keys(self, keys: Sequence[EncryptionKey]) -> None:
        """Simulated tasks have no networks."""


class SimulatedController:
    __slots__ = ("_closed", "_dependencies", "_machine", "_task", "_wishes")

    def __init__(self, machine: Machine, task: Task, asked: Wishes, dependencies: Dependencies) -> None:
        self._machine, self._task, self._wishes, self._dependencies = machine, task, asked, dependencies
        self._closed = False

    async def update(self, task: Task) -> None:
        self._check_open()
        self._task = task

    async def prepare(self) -> None:
        self._check_open()
        machine = self._machine
        if self._task.id in machine.works:
            raise AlreadyPrepared(self._task.id)
        for secret in self._wishes.secrets:
            self._dependencies.secret(secret.secret_id)
        for config in self._wishes.configs:
            self._dependencies.config(config.config_id)
        await mounted_volumes(self._task, self._dependencies)
        await machine.pull(self._task.id, machine.behaviour.prepare_s)
        if self._wishes.script.is_broken or machine.happens(machine.behaviour.prepare_failure_rate):
            raise Missing("simulated: no such image or program")
        machine.works[self._task.id] = Work()

    async def start(self) -> None:
        self._check_open()
        machine = self._machine
        if self._work().started_s is not None:
            raise AlreadyStarted(self._task.id)
        await machine.take(machine.behaviour.start_s)
        if machine.happens(machine.behaviour.start_failure_rate):
            raise ExitFailure(1, "simulated failure at the start")
        self._begin(self._work())

    async def wait(self) -> None:
        self._check_open()
        work, clock = self._work(), self._machine.clock
        while (code := work.result(clock.monotonic())) is None:
            if work.ends_s is None:
                await (
                    asyncio.get_running_loop().create_future()
                )  # it ends by a later call, which cancels this one
            else:
                await clock.sleep(work.ends_s - clock.monotonic())
        if code != 0:
            raise ExitFailure(code)

    async def shutdown(self) -> None:
        self._check_open()
        if (work := self._running()) is None:
            return
        await self._machine.take(self._machine.behaviour.stop_s)
        if self._wishes.script.is_stubborn:
            await self._machine.clock.sleep(self._wishes.grace_s)
        self._stop(work, KILLED if self._wishes.script.is_stubborn else 0)

    async def terminate(self) -> None:
        self._check_open()
        if (work := self._running()) is not None:
            self._stop(work, KILLED)

    async def remove(self) -> None:
        await self.shutdown()
        self._machine.works.pop(self._task.id, None)

    async def close(self) -> None:
        self._closed = True

    async def container_status(self) -> ContainerStatus | None:
        work = self._machine.works.get(self._task.id)
        if work is None or work.started_s is None:
            return None
        code = work.result(self._machine.clock.monotonic())
        pid = 0 if code is not None else 2 + work.started_ns // 1000 % 4_000_000
        return ContainerStatus(container_id=f"simulated-{self._task.id}", pid=pid, exit_code=code or 0)

    async def port_status(self) -> PortStatus | None:
        ports = [port for port in self._task.endpoint.ports if port.publish_mode == PortConfig.HOST]
        if not ports or self._running() is None:
            return None
        status = PortStatus(ports=ports)
        for port in status.ports:
            port.published_port = port.published_port or port.target_port
        return status

    async def run_command(self, spec: ExecSpec, typed: Typed, write: Write) -> int:
        raise UnsupportedRuntime("a simulated task has no processes: nothing can be run in it")

    async def connect(self, port: int) -> socket.socket:
        raise UnsupportedRuntime("a simulated task has no ports: nothing listens there")

    async def usage(self) -> Reading | None:
        work = self._running()
        if work is None or not self._machine.behaviour.tells_usage:
            return None
        assert work.started_s is not None
        return usage.of_task(self._task, self._machine.clock.monotonic() - work.started_s)

    async def logs(self, options: LogSubscriptionOptions) -> AsyncIterator[LogMessage]:
        self._check_open()
        streams = frozenset(int(stream) for stream in options.streams) or frozenset((STDOUT, STDERR))
        since_ns, told = timestamp_ns(options.since), 0
        left_out = 0
        if options.tail < 0:
            matching = sum(line.stream in streams for line in self._written(0)[0])
            left_out = max(matching + options.tail + 1, 0)
        while True:
            is_last = not options.follow or self._has_ended()
            lines, told = self._written(told)
            for at_ns, stream, text in lines:
                if stream not in streams:
                    continue
                if left_out > 0:
                    left_out -= 1
                elif at_ns >= since_ns:
                    yield LogMessage(timestamp=timestamp(at_ns), stream=stream, data=f"{text}\n".encode())  # type: ignore[arg-type]
            if is_last:
                return
            await self._machine.clock.sleep(FOLLOW_INTERVAL_S)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(self._task.id)

    def _work(self) -> Work:
        try:
            return self._machine.works[self._task.id]
        except KeyError:
            raise Missing("simulated: there is no such work") from None

    def _running(self) -> Work | None:
        work = self._started()
        return None if work is None or work.result(self._machine.clock.monotonic()) is not None else work

    def _has_ended(self) -> bool:
        work = self._machine.works.get(self._task.id)
        return work is None or work.result(self._machine.clock.monotonic()) is not None

    def _begin(self, work: Work) -> None:
        machine, script = self._machine, self._wishes.script
        work.started_s, work.started_ns = machine.clock.monotonic(), machine.clock.wall_ns()
        if script.after_s is not None:
            work.ends_s, work.ends_with = work.started_s + script.after_s, script.exit_code
        elif (mean_s := machine.behaviour.mean_life_s) is not None:
            work.ends_s, work.ends_with = work.started_s + machine.rng.expovariate(1 / mean_s), 1

    def _stop(self, work: Work, code: int) -> None:
        work.code, work.stopped_s = code, self._machine.clock.monotonic()
        work.end = End.KILLED if code == KILLED else End.STOPPED

    def _written(self, skip: int) -> tuple[Iterator[Line], int]:
        """What was written up to now and is kept, from line `skip` on; and how many lines were written in all."""
        work = self._started()
        if work is None:
            return iter(()), 0
        if (story := self._story(work)) is not None:
            return story.lines(skip), story.count()
        lines = self._wishes.script.lines
        return (Line(work.started_ns, stream, text) for stream, text in lines[skip:]), len(lines)

    def _started(self) -> Work | None:
        work = self._machine.works.get(self._task.id)
        return None if work is None or work.started_s is None else work

    def _story(self, work: Work) -> Story | None:
        """What the task tells by itself; None where its script says what it writes."""
        interval_s = self._machine.behaviour.log_interval_s
        if interval_s is None or self._wishes.script.lines:
            return None
        assert work.started_s is not None
        now_s = self._machine.clock.monotonic()
        end_s = now_s if (code := work.result(now_s)) is None else work.stopped_s
        return Story(
            self._task.id,
            started_ns=work.started_ns,
            age_ns=int((end_s - work.started_s) * NS_PER_S),
            interval_ns=max(int(interval_s * NS_PER_S), 1),
            end=work.end,
            exit_code=code or 0,
            form=self._wishes.script.form,
        )


def wishes(task: Task) -> Wishes:
    """What `task` asks for. Raises UnsupportedRuntime or InvalidTask."""
    if task.spec.HasField("attachment"):
        return Wishes(PLAIN, 0.0, (), ())
    if task.spec.WhichOneof("runtime") == "container":
        spec = task.spec.container
        if not spec.image:
            raise InvalidTask("the container spec names no image")
        grace_s = duration_s(spec.stop_grace_period) if spec.HasField("stop_grace_period") else STOP_GRACE_S
        return Wishes(_script(spec.env), grace_s, spec.secrets, spec.configs)
    process = process_payload(task.spec)
    if isinstance(process, MalformedProcess):
        raise InvalidTask(str(process))
    if process is not None:
        has_grace = process.HasField("stop_grace_period")
        grace_s = duration_s(process.stop_grace_period) if has_grace else STOP_GRACE_S
        return Wishes(_script(process.env), grace_s, process.secrets, process.configs)
    raise UnsupportedRuntime("the simulated executor pretends containers, processes and attachments only")


def _script(env: Sequence[str]) -> Script:
    script = PLAIN
    for entry in env:
        name, _, value = entry.partition("=")
        if name in ("SIM_OUT", "SIM_ERR"):
            stream = STDOUT if name == "SIM_OUT" else STDERR
            added = tuple((stream, line) for line in value.splitlines())
            script = replace(script, lines=script.lines + added)
        elif name == "SIM_AFTER":
            script = replace(script, after_s=_number(name, value))
        elif name == "SIM_EXIT":
            script = replace(script, exit_code=int(_number(name, value)), after_s=script.after_s or 0.0)
        elif name == "SIM_STUBBORN":
            script = replace(script, is_stubborn=True)
        elif name == "SIM_BROKEN":
            script = replace(script, is_broken=True)
        elif name == "SIM_FORM":
            script = replace(script, form=_form(value))
    return script


def _form(value: str) -> Form:
    try:
        return Form(value)
    except ValueError:
        raise InvalidTask(f"SIM_FORM must be one of {', '.join(Form)}, not {value}") from None


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InvalidTask(f"{name} must be a number, not {value}") from None
