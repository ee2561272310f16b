"""Which ports of this node its process tasks answer on (docs/design/ports.md P.1).

Rules
1. A number that a host port's spec gives is taken as it is: the scheduler keeps tasks apart by it. Any other is picked here, from a
   range that nobody else picks from, among those that no task of this node has and that nobody listens on.
2. A target port that is published by several protocols gets one number for all of them where it is picked.
3. A task keeps its numbers for as long as it lives, over restarts of the daemon too: they stand in its stored status.
"""

import random
from collections.abc import Callable, Iterator

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import PortConfig
from swarm_core.api.task_ports import has_all, local_ports, published

from swarm_agentd.ports import sockets
from swarm_agentd.ports.limits import LOCAL_FIRST, LOCAL_LAST

IsFree = Callable[["PortConfig.Protocol.ValueType", int], bool]


class LocalPorts:
    """The numbers in use on one node."""

    def __init__(self, rng: random.Random, is_free: IsFree = sockets.is_free) -> None:
        self._rng = rng
        self._is_free = is_free
        self._taken: dict[int, str] = {}  # by number: the task, or what else has it

    def give(self, task: Task) -> None:
        """Write the task's numbers into its status, unless it has them. A task for which no port is free is left without: its
        executor refuses it."""
        if task.endpoint.ports and not has_all(task):
            del task.status.port_status.ports[:]
            picked: dict[int, int] = {}
            for port in published(task):
                number = self._number(task, port, picked)
                if number is None:
                    task.status.ClearField("port_status")
                    return
                own = task.status.port_status.ports.add()
                own.CopyFrom(port)
                own.published_port = number
        self.adopt(task)

    def adopt(self, task: Task) -> None:
        """The task has these numbers already."""
        for port in local_ports(task):
            self._taken[port.published_port] = task.id

    def release(self, task_id: str) -> None:
        """The task has ended, or is gone."""
        for number in [number for number, owner in self._taken.items() if owner == task_id]:
            del self._taken[number]

    def pick(self, owner: str, *protocols: "PortConfig.Protocol.ValueType") -> int | None:
        """A free number for all these protocols, which is `owner`'s until it is released; None when none is free."""
        for number in self._candidates():
            if number not in self._taken and all(self._is_free(protocol, number) for protocol in protocols):
                self._taken[number] = owner
                return number
        return None

    def reserve(self, number: int, owner: str) -> None:
        """The number is `owner`'s already."""
        self._taken[number] = owner

    def _number(self, task: Task, port: PortConfig, picked: dict[int, int]) -> int | None:
        if port.publish_mode == PortConfig.HOST and port.published_port:
            return port.published_port
        if port.target_port not in picked:
            protocols = {one.protocol for one in published(task) if one.target_port == port.target_port}
            number = self.pick(task.id, *sorted(protocols & {PortConfig.TCP, PortConfig.UDP}))
            if number is None:
                return None
            picked[port.target_port] = number
        return picked[port.target_port]

    def _candidates(self) -> Iterator[int]:
        """All of the range once, from a random place: daemons that share a machine seldom meet."""
        count = LOCAL_LAST - LOCAL_FIRST + 1
        start = self._rng.randrange(count)
        return (LOCAL_FIRST + (start + step) % count for step in range(count))
