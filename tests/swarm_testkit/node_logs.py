"""Nodes that have logs: the agent's own publisher over the lines that a test says were written."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

from swarm_agentd.agent.logs import LogPublisher
from swarm_agentd.agent.task_manager import TaskManager
from swarm_agentd.config import AgentConfig
from swarm_core.api.proto.logbroker_pb2 import LogMessage, LogSubscriptionOptions
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.timestamps import timestamp_ns
from swarm_core.client.dispatch import AgentConnection, Dispatch
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.store.by import ByNode
from swarm_core.store.memory import MemoryStore
from swarm_core.watch.queue import Publisher

from swarm_testkit.in_process import copied

_CALL_S = 60.0
_LINES_MAX = 10_000


class LogLines:
    """Everything that was written, by all tasks."""

    def __init__(self) -> None:
        self._all: list[LogMessage] = []
        self._publisher: Publisher[LogMessage] = Publisher()

    def write(self, line: LogMessage) -> None:
        """Keep a line for later readers, and give it to those that follow."""
        self._all.append(line)
        self._publisher.publish(line)

    async def read(self, task_id: str, options: LogSubscriptionOptions) -> AsyncIterator[LogMessage]:
        """The lines of one task as an executor would give them."""

        def wanted(line: LogMessage) -> LogMessage | None:
            is_meant = line.context.task_id == task_id and line.stream in (options.streams or (line.stream,))
            is_recent = timestamp_ns(line.timestamp) >= timestamp_ns(options.since)
            return line if is_meant and is_recent else None

        # Subscribed before the past is read: no line falls between the two.
        with self._publisher.subscribe(select=wanted, weigh=lambda _: 1, items_max=_LINES_MAX) as following:
            past = [line for line in self._all if wanted(line)]
            for line in past[_start(len(past), options.tail) :]:
                yield copied(line)
            if not options.follow:
                return
            async for lines in following:
                for line in lines:
                    yield copied(line)


def _start(count: int, tail: int) -> int:
    """Where the last lines begin: `tail` is -n-1 for the last n, and 0 for all."""
    return max(count + tail + 1, 0) if tail < 0 else 0


@dataclass(frozen=True, slots=True)
class _Logged:
    """Of a task's manager what the publisher needs; it is its own controller."""

    task: Task
    lines: LogLines

    @property
    def controller(self) -> "_Logged":
        return self

    def logs(self, options: LogSubscriptionOptions) -> AsyncIterator[LogMessage]:
        return self.lines.read(self.task.id, options)


class NodeLogs:
    """One node: the tasks that the store says are on it, each with what it wrote."""

    def __init__(self, node_id: str, store: MemoryStore, lines: LogLines) -> None:
        self._node_id = node_id
        self._store = store
        self._lines = lines
        self._known: set[str] = set()
        self._observers: list[Callable[[TaskManager], None]] = []

    async def run(self, connection: AgentConnection, clock: Clock) -> None:
        """Publish logs to whoever asks for them."""
        publisher = LogPublisher(self._node_id, self, clock, AgentConfig())
        async with Group() as group:
            group.spawn(publisher.run(Dispatch(connection, call_s=_CALL_S)), name="publisher")
            group.spawn(self._see_tasks(), name="tasks")

    async def _see_tasks(self) -> None:
        with self._store.subscribe(Task) as events:
            self._known = {task.id for task in self._store.find(Task, ByNode(self._node_id))}
            async for commits in events:
                for task in (event.object for commit in commits for event in commit.events):
                    if (
                        isinstance(task, Task)
                        and task.node_id == self._node_id
                        and task.id not in self._known
                    ):
                        self._known.add(task.id)
                        for started in list(self._observers):
                            started(self._manager(task))

    def _manager(self, task: Task) -> TaskManager:
        return cast(TaskManager, _Logged(task, self._lines))

    # the publisher's source

    def managers(self) -> list[TaskManager]:
        return [self._manager(task) for task in self._store.find(Task, ByNode(self._node_id))]

    def observe(self, started: Callable[[TaskManager], None]) -> Callable[[], None]:
        self._observers.append(started)
        return lambda: self._observers.remove(started)
