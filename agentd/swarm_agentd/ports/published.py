"""The ports of one node: the one face that the agent sees (port agent.task_ports.TaskPorts).

Rules (docs/design/ports.md)
1. Every published port of a process service is listened to on this node while it is published; one that a stranger has is tried again,
   and said in one line.
2. The gate's number is chosen once and kept in the node's directory. It is listened to while tasks of this node take connections.
3. A node without published ports and without such tasks listens to nothing and does nothing.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from swarm_core.api.proto.endpoints_pb2 import EndpointsMessage
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import EncryptionKey, NodeDescription, PortConfig, TaskStatus
from swarm_core.api.runtimes import PROCESS, runtime_of
from swarm_core.api.task_ports import GATE_PLUGIN
from swarm_core.ca.files import write_atomic
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time

from swarm_agentd.config import PortsConfig
from swarm_agentd.ports import sockets
from swarm_agentd.ports.choice import LocalPorts
from swarm_agentd.ports.connections import Connections, Search
from swarm_agentd.ports.gate import Gate
from swarm_agentd.ports.limits import LISTEN_RETRY_S, SESSION_IDLE_S
from swarm_agentd.ports.reach import Reach
from swarm_agentd.ports.table import RouteKey, RoutingTable
from swarm_agentd.ports.tasks import LocalTasks
from swarm_agentd.ports.tcp import TcpPort
from swarm_agentd.ports.udp import UdpPort
from swarm_agentd.ports.words import ring

_log = logging.getLogger(__name__)
_GATE = "the gate"
_SWEEP_S = SESSION_IDLE_S / 4


class PublishedPorts:
    """Of one node. `directory` is for what must survive; `tasks` is shared with the executor."""

    is_served = True

    def __init__(
        self, tasks: LocalTasks, directory: Path, clock: Clock, rng: random.Random, config: PortsConfig
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._config = config
        self._numbers = LocalPorts(rng)
        self._kept = directory / "ingress-port"
        self._gate_port = self._first_number()  # now, so that the node's first description has it
        self._table = RoutingTable()
        self._search = Search(self._table, clock)
        self._reach = Reach("", tasks)
        self._connections = Connections(clock)
        self._listening: dict[RouteKey, TcpPort | UdpPort] = {}
        self._said: set[RouteKey] = set()
        self._gate: Gate | None = None
        self._has_begun = False
        self._woken = asyncio.Event()
        self._renumbered: Callable[[], None] = lambda: None

    @property
    def has_begun(self) -> bool:
        """Whether `run` is at work."""
        return self._has_begun

    @property
    def listening(self) -> int:
        """How many published ports answer on this node."""
        return len(self._listening)

    @property
    def gate_is_open(self) -> bool:
        """Whether other nodes can come in."""
        return self._gate is not None and self._gate.is_open

    @property
    def connections(self) -> int:
        """How many connections and sessions there are."""
        return self._connections.count

    # what the agent tells

    def describe(self, description: NodeDescription) -> None:
        """Add what other nodes must know."""
        if self._gate_port:
            description.engine.plugins.add(type=GATE_PLUGIN, name=str(self._gate_port))

    def give(self, task: Task) -> None:
        """A process task that is new here: its ports go into its status. Containers get theirs from their engine."""
        if runtime_of(task.spec) == PROCESS:
            self._numbers.give(task)

    def resume(self, task: Task) -> None:
        """A task is begun, or goes on after a restart."""
        self._numbers.adopt(task)
        self.observe(task, task.status)

    def observe(self, task: Task, status: TaskStatus) -> None:
        """A task has this status."""
        self._tasks.observe(task, status)
        self._woken.set()

    def forget(self, task_id: str) -> None:
        """The work of a task is removed."""
        self._tasks.forget(task_id)
        self._numbers.release(task_id)
        self._woken.set()

    def set_keys(self, keys: Sequence[EncryptionKey]) -> None:
        """The cluster's keys."""
        self._reach.keys = ring(keys)

    def apply(self, message: EndpointsMessage) -> None:
        """The leader told where tasks are."""
        if self._table.apply(message):
            self._woken.set()
        self._search.table_changed()

    # at work

    async def run(self, node_id: str, renumbered: Callable[[], None]) -> None:
        """Listen and lead on until cancelled; `renumbered` is called when `describe` gives something else."""
        self._reach.node_id = node_id
        self._renumbered = renumbered
        self._has_begun = True
        try:
            async with Group() as group:
                self._gate = gate = Gate(self._reach, self._connections, group)
                try:
                    await self._serve(gate, group)
                finally:
                    gate.close()
                    for port in self._listening.values():
                        port.close()
                    self._listening.clear()
                    group.cancel_all()
        finally:
            self._connections.end_all()

    async def _serve(self, gate: Gate, group: Group) -> None:
        while True:
            self._woken.clear()
            is_done = await self._listen(group) and await self._keep_gate(gate)
            wait_s = None if is_done else LISTEN_RETRY_S
            if any(isinstance(port, UdpPort) for port in self._listening.values()):
                wait_s = _SWEEP_S if is_done else LISTEN_RETRY_S
                self._sweep()
            await event_or_time(self._clock, self._woken, wait_s)

    def _sweep(self) -> None:
        for port in self._listening.values():
            if isinstance(port, UdpPort):
                port.sweep()

    async def _listen(self, group: Group) -> bool:
        """Listen to what is published, and to nothing else; whether all that is published could be had."""
        wanted = set(self._table.routes())
        for key in self._listening.keys() - wanted:
            self._listening.pop(key).close()
        self._said &= wanted
        is_complete = True
        for key in sorted(wanted - self._listening.keys()):
            is_complete &= await self._open(key, group)
        return is_complete

    async def _open(self, key: RouteKey, group: Group) -> bool:
        shared = (key, self._search, self._reach, self._connections, group)
        port: TcpPort | UdpPort
        if key[0] == PortConfig.TCP:
            port = TcpPort(*shared)
        elif key[0] == PortConfig.UDP:
            port = UdpPort(*shared, self._clock)
        else:
            return True  # no process has such a port
        try:
            await port.open(self._config.address or None)
        except OSError as error:
            if key not in self._said:
                self._said.add(key)
                holder = await asyncio.to_thread(sockets.holder, *key)
                _log.error(
                    "published port %d does not answer on this node: %s (%s)", key[1], error.strerror, holder
                )
            return False
        except BaseException:
            port.close()
            raise
        self._said.discard(key)
        self._listening[key] = port
        return True

    # the gate

    async def _keep_gate(self, gate: Gate) -> bool:
        if not self._tasks.count:
            gate.close()
            return True
        if gate.is_open:
            return True
        try:
            await gate.open(self._gate_port)
        except OSError as error:
            _log.error("port %d, at which other nodes come in, is taken: %s", self._gate_port, error.strerror)
            if not self._config.gate_port:
                self._choose_number()
                self._renumbered()
            return False
        return True

    def _first_number(self) -> int:
        if self._config.gate_port:
            return self._config.gate_port
        try:
            kept = int(self._kept.read_text())
        except (OSError, ValueError):
            kept = 0
        if 0 < kept < 1 << 16:
            self._numbers.reserve(kept, _GATE)
            return kept
        return self._choose_number()

    def _choose_number(self) -> int:
        self._numbers.release(_GATE)
        number = self._numbers.pick(_GATE, PortConfig.TCP)
        self._gate_port = number or 0
        try:
            write_atomic(self._kept, f"{self._gate_port}\n".encode(), 0o600)
        except OSError as error:
            _log.warning("%s cannot be written, and the next run takes another port: %s", self._kept, error)
        return self._gate_port
