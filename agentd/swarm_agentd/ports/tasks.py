"""Which process tasks of this node take connections, and how many they have (docs/design/ports.md P.3).

A task takes connections from the moment it runs and is healthy until it is to stop or is no longer healthy; never again after that.
Everything of this node that leads somewhere asks here: its own forwarder, and the gate for the others.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import RUNNING, PortConfig, TaskStatus
from swarm_core.api.task_ports import local_ports
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import event_or_time

Target = tuple["PortConfig.Protocol.ValueType", int]
"""A protocol and the port that the service's spec publishes."""


class LocalTasks:
    """The tasks of one node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, dict[Target, int]] = {}
        self._withdrawn: set[str] = set()
        self._connections: dict[str, int] = {}
        self._ended: dict[str, asyncio.Event] = {}

    def observe(self, task: Task, status: TaskStatus) -> None:
        """The task of this node is in this state, and to be in `task.desired_state`."""
        takes = status.state == RUNNING and task.desired_state <= RUNNING and task.id not in self._withdrawn
        if not takes:
            self._open.pop(task.id, None)
            return
        ports = {
            (port.protocol, port.target_port): port.published_port
            for port in local_ports(task)
            if port.publish_mode == PortConfig.INGRESS
        }
        if ports:
            self._open[task.id] = ports

    def withdraw(self, task_id: str) -> None:
        """No new connection goes to the task from now on."""
        self._withdrawn.add(task_id)
        self._open.pop(task_id, None)

    async def drain(self, task_id: str, seconds: float) -> float:
        """Withdraw the task and return when its connections have ended, at the latest after `seconds`; how long it took."""
        self.withdraw(task_id)
        begin = self._clock.monotonic()
        while self._connections.get(task_id):
            left = seconds - (self._clock.monotonic() - begin)
            ended = self._ended.setdefault(task_id, asyncio.Event())
            if left <= 0 or not await event_or_time(self._clock, ended, left):
                break
        self._ended.pop(task_id, None)
        return min(self._clock.monotonic() - begin, seconds)

    def forget(self, task_id: str) -> None:
        """The task is no longer one of this node."""
        self._open.pop(task_id, None)
        self._withdrawn.discard(task_id)

    def number(self, task_id: str, target: Target) -> int | None:
        """The port of this node on which the task takes connections for `target`; None when it does not."""
        return self._open.get(task_id, {}).get(target)

    @contextmanager
    def connection(self, task_id: str) -> Iterator[None]:
        """Count a connection to the task for as long as the context lasts."""
        self._connections[task_id] = self._connections.get(task_id, 0) + 1
        try:
            yield
        finally:
            left = self._connections[task_id] - 1
            if left:
                self._connections[task_id] = left
            else:
                del self._connections[task_id]
                if (ended := self._ended.get(task_id)) is not None:
                    ended.set()

    @property
    def count(self) -> int:
        """How many tasks take connections."""
        return len(self._open)
