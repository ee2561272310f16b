"""Fakes of the agent's ports: an executor that runs nothing, connections that call a manager's handlers directly.

The fake executor's behaviour stands in the image name of the task's container spec: see `Behaviour`. Its `World` outlives
executors, as an engine outlives daemons.
"""

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from swarm_agentd.exec import errors
from swarm_agentd.exec.commands import Typed, Write
from swarm_agentd.exec.executor import Dependencies
from swarm_agentd.exec.usage import Reading
from swarm_core.api.proto.exec_pb2 import ExecOutput, ExecSpec
from swarm_core.api.proto.logbroker_pb2 import (
    LOG_STREAM_STDERR,
    LOG_STREAM_STDOUT,
    LogMessage,
    LogStream,
    LogSubscriptionOptions,
)
from swarm_core.api.proto.objects_pb2 import Node, Task
from swarm_core.api.proto.types_pb2 import (
    ContainerStatus,
    EncryptionKey,
    NodeDescription,
    PortStatus,
    WeightedPeer,
)
from swarm_core.api.timestamps import timestamp, timestamp_ns
from swarm_core.client.dispatch import AgentConnection
from swarm_core.client.errors import Unreachable
from swarm_core.rpc.caller import Caller

from swarm_testkit.in_process import InProcessConnection, services_of

# What a task's image may say.
BEHAVIOURS = frozenset(("runs", "stubborn", "ends", "fails", "broken", "flaky", "unsupported"))


@dataclass
class FakeWork:
    """One task's work; `exit_code` is None while it runs."""

    behaviour: str
    is_prepared: bool = False
    starts: int = 0
    exit_code: int | None = None
    lines: list[tuple[LogStream.ValueType, str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, code: int) -> None:
        if self.exit_code is None:
            self.exit_code = code
        self.wake()

    def write(self, text: str, stream: LogStream.ValueType = LOG_STREAM_STDOUT) -> None:
        self.lines.append((stream, text))
        self.wake()

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class World:
    """The works by task id; it outlives executors. `calls` counts (call, task id)."""

    def __init__(self, *, wall_ns: int = 1_760_000_000 * 10**9) -> None:
        self.works: dict[str, FakeWork] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.hold: dict[str, asyncio.Event] = {}
        self.wall_ns = wall_ns

    def running(self) -> set[str]:
        """Ids of the tasks whose work runs."""
        return {task_id for task_id, work in self.works.items() if work.starts and work.exit_code is None}


class FakeController:
    """A controller over the World."""

    def __init__(self, task: Task, dependencies: Dependencies, world: World) -> None:
        self.task = task
        self.dependencies = dependencies
        self._world = world
        self._is_closed = False

    async def update(self, task: Task) -> None:
        self._called("update")
        self.task = task

    async def prepare(self) -> None:
        self._called("prepare")
        await self._held("prepare")
        behaviour = self.task.spec.container.image
        if behaviour == "broken":
            raise errors.Missing("no such image")
        if behaviour == "flaky" and self._world.calls["prepare", self.task.id] < 3:
            raise errors.Temporary("the engine does not answer")
        work = self._world.works.setdefault(self.task.id, FakeWork(behaviour))
        if work.is_prepared:
            raise errors.AlreadyPrepared
        for reference in self.task.spec.container.secrets:
            self.dependencies.secret(reference.secret_id)
        work.is_prepared = True

    async def start(self) -> None:
        self._called("start")
        await self._held("start")
        work = self._world.works[self.task.id]
        if work.starts:
            raise errors.AlreadyStarted
        work.starts += 1
        if work.behaviour == "ends":
            for line in ("one", "two", "three"):
                work.write(line)
            work.write("oops", LOG_STREAM_STDERR)
            work.end(0)
        elif work.behaviour == "fails":
            work.end(3)
        else:
            work.write("started")

    async def wait(self) -> None:
        self._called("wait")
        work = self._world.works.get(self.task.id)
        if work is None:
            raise errors.Missing("the work is gone")
        while work.exit_code is None:
            await work.changed.wait()
        if work.exit_code:
            raise errors.ExitFailure(work.exit_code)

    async def shutdown(self) -> None:
        self._called("shutdown")
        await self._held("shutdown")
        self._stop(137 if self.task.spec.container.image == "stubborn" else 0)

    async def terminate(self) -> None:
        self._called("terminate")
        self._stop(137)

    async def remove(self) -> None:
        self._called("remove")
        await self._held("remove")
        self._stop(137)
        self._world.works.pop(self.task.id, None)

    async def close(self) -> None:
        self._is_closed = True

    async def container_status(self) -> ContainerStatus | None:
        work = self._world.works.get(self.task.id)
        if work is None:
            return None
        return ContainerStatus(container_id=f"work-of-{self.task.id}", pid=7, exit_code=work.exit_code or 0)

    async def port_status(self) -> PortStatus | None:
        return None

    async def run_command(self, spec: ExecSpec, typed: Typed, write: Write) -> int:
        """Writes each word of the command, and what is typed until its end; the code is how many words there were."""
        for word in spec.command:
            await write(ExecOutput(stdout=word.encode()))
        async for one in typed:
            if one.HasField("end"):
                break
            await write(ExecOutput(stderr=one.data))
        return len(spec.command)

    async def connect(self, port: int) -> socket.socket:
        """Nobody listens."""
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    async def usage(self) -> Reading | None:
        is_running = self.task.id in self._world.running()
        return Reading(self._world.wall_ns // 1000, 1 << 20) if is_running else None

    async def logs(self, options: LogSubscriptionOptions) -> AsyncIterator[LogMessage]:
        work = self._world.works.get(self.task.id)
        if work is None:
            return
        wanted = options.streams or (LOG_STREAM_STDOUT, LOG_STREAM_STDERR)
        if timestamp_ns(options.since) > self._world.wall_ns:
            return
        told = [line for line in work.lines if line[0] in wanted]
        if options.tail < 0:
            told = told[len(told) + options.tail + 1 :]
        for line in told:
            yield self._record(line)
        at = len(work.lines)
        while options.follow:
            changed = work.changed
            for line in work.lines[at:]:
                if line[0] in wanted:
                    yield self._record(line)
            at = len(work.lines)
            if work.exit_code is not None:
                return
            if changed is work.changed:
                await changed.wait()

    def _record(self, line: tuple[LogStream.ValueType, str]) -> LogMessage:
        stream, text = line
        return LogMessage(timestamp=timestamp(self._world.wall_ns), stream=stream, data=f"{text}\n".encode())

    def _stop(self, code: int) -> None:
        work = self._world.works.get(self.task.id)
        if work is not None and work.starts:
            work.end(code)

    def _called(self, call: str) -> None:
        if self._is_closed:
            raise errors.Closed(f"controller of task {self.task.id}")
        self._world.calls[call, self.task.id] += 1

    async def _held(self, call: str) -> None:
        if (hold := self._world.hold.get(call)) is not None:
            await hold.wait()


class FakeExecutor:
    """An executor over a World. `configured` and `keys` record what it was told."""

    def __init__(self, world: World, *, hostname: str = "fake-host") -> None:
        self.world = world
        self.hostname = hostname
        self.configured: list[Node] = []
        self.keys: list[EncryptionKey] = []
        self.retained: list[frozenset[str]] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def describe(self) -> NodeDescription:
        description = NodeDescription(hostname=self.hostname)
        description.platform.os, description.platform.architecture = "linux", "x86_64"
        description.resources.nano_cpus = 4 * 10**9
        description.resources.memory_bytes = 8 << 30
        description.engine.engine_version = "fake"
        return description

    async def configure(self, node: Node) -> None:
        self.configured.append(node)

    def controller(self, task: Task, dependencies: Dependencies) -> FakeController:
        runtime = task.spec.WhichOneof("runtime")
        if runtime != "container" or task.spec.container.image == "unsupported":
            raise errors.UnsupportedRuntime(f"there is no runtime {runtime} here")
        assert task.spec.container.image in BEHAVIOURS
        return FakeController(task, dependencies, self.world)

    async def retain(self, task_ids: Collection[str]) -> None:
        self.retained.append(frozenset(task_ids))
        for task_id in self.world.works.keys() - set(task_ids):
            self.world.works.pop(task_id).end(137)

    async def set_network_bootstrap_keys(self, keys: Sequence[EncryptionKey]) -> None:
        self.keys = list(keys)


class LocalConnection(InProcessConnection):
    """A connection to handlers by service name, each with the methods that its test is about."""

    def __init__(self, handlers: Mapping[str, object], caller: Caller) -> None:
        super().__init__(services_of(handlers), caller)


class LocalManagers:
    """The Managers port over one set of handlers. `is_reachable` can be switched off; `untried` managers are left to try, as it says."""

    def __init__(self, handlers: Mapping[str, object], node_id: str, *, remote_addr: str = "192.0.2.7:4242"):
        self.handlers = dict(handlers)
        self.caller = Caller(node_id, frozenset({"swarm-worker"}), "cluster", remote_addr)
        self.is_reachable = True
        self.connections: list[LocalConnection] = []
        self.observations: list[bool] = []
        self.learned: list[WeightedPeer] = []
        self.untried = 0

    def has_untried(self) -> bool:
        return self.untried > 0

    async def connect(self) -> AgentConnection:
        if not self.is_reachable:
            raise Unreachable("no manager answers")
        self.connections.append(LocalConnection(self.handlers, self.caller))
        return self.connections[-1]

    def observe(self, connection: AgentConnection, *, is_good: bool) -> None:
        self.observations.append(is_good)

    def learn(self, managers: Sequence[WeightedPeer]) -> None:
        self.learned = list(managers)
