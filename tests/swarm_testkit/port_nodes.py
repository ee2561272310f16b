"""Nodes with published ports in one process: real sockets, real forwarders, told by a real table; tasks are servers of this process.

Each node answers at a loopback address of its own, so that all of them can have the same published port.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from swarm_agentd.config import PortsConfig
from swarm_agentd.ports.published import PublishedPorts
from swarm_agentd.ports.tasks import LocalTasks
from swarm_core.api.proto.objects_pb2 import Service, Task
from swarm_core.api.proto.types_pb2 import RUNNING, SHUTDOWN, EncryptionKey, NodeDescription, PortConfig
from swarm_core.api.task_ports import GATE_PLUGIN, local_ports
from swarm_core.manager.endpoints.table import EndpointTable
from swarm_core.runtime.clock import SystemClock
from swarm_core.runtime.tasks import Group

from swarm_testkit.factories import make_node, make_service, make_task, make_task_spec

KEYS = tuple(
    EncryptionKey(subsystem="networking:gossip", key=bytes([number]) * 16, lamport_time=number)
    for number in (1, 2, 3)
)
POLL_S = 0.01


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Return when `condition` is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(POLL_S)


def tcp(target: int, published: int, mode: str = "INGRESS") -> PortConfig:
    return PortConfig(
        protocol=PortConfig.TCP,
        target_port=target,
        published_port=published,
        publish_mode=PortConfig.PublishMode.Value(mode),
    )


def udp(target: int, published: int) -> PortConfig:
    port = tcp(target, published)
    port.protocol = PortConfig.UDP
    return port


def process_task(
    task_id: str, *ports: PortConfig, node_id: str = "n0", service: Service | None = None, **fields: str
) -> Task:
    """A process task that publishes `ports`, without any on its node yet."""
    spec = make_task_spec(command=["serve"])
    task = make_task(task_id, node_id=node_id, spec=spec, service=service, **fields)  # type: ignore[arg-type]
    task.endpoint.ports.extend(ports)
    return task


class PortNode:
    """One node: its ports and its tasks. It answers at a loopback address of its own, or at `address`."""

    def __init__(self, number: int, directory: Path, *, address: str | None = None) -> None:
        self.id = f"n{number}"
        self.address = f"127.0.0.{10 + number}" if address is None else address
        self.tasks = LocalTasks(SystemClock())
        self.renumbered = 0
        self.ports = PublishedPorts(
            self.tasks, directory, SystemClock(), random.Random(number), PortsConfig(self.address)
        )
        self.ports.set_keys(KEYS)

    @property
    def gate_port(self) -> int:
        description = NodeDescription()
        self.ports.describe(description)
        (number,) = [int(one.name) for one in description.engine.plugins if one.type == GATE_PLUGIN]
        return number

    async def run(self) -> None:
        def count() -> None:
            self.renumbered += 1

        await self.ports.run(self.id, count)


class PortNodes:
    """`count` nodes and one service `s` that publishes `published`."""

    def __init__(self, count: int, directory: Path, published: Iterable[PortConfig]) -> None:
        self.nodes = []
        for number in range(count):
            (own := directory / f"n{number}").mkdir()
            self.nodes.append(PortNode(number, own))
        self.service = make_service(
            "s", task=make_task_spec(command=["serve"]), ports=(ports := list(published))
        )
        self.service.endpoint.ports.extend(ports)
        self.table = EndpointTable()
        self.running: dict[str, Task] = {}
        self._told: set[str] = set()

    def tell(self) -> None:
        """Let every node know the table of now."""
        for node in self.nodes:
            known = make_node(node.id, addr="127.0.0.1", plugins=[(GATE_PLUGIN, str(node.gate_port))])
            self.table.put_node(known, "")
        message = self.table.message(self.table.keys(), is_complete=True)
        for node in self.nodes:
            node.ports.apply(message)

    def publish(self) -> None:
        self.table.put_service(self.service)
        self.tell()

    def add(self, task_id: str, on: int) -> Task:
        """A task of the service on a node, with its ports; it does not run yet."""
        ports = self.service.endpoint.ports
        task = process_task(task_id, *ports, node_id=f"n{on}", service=self.service, state="STARTING")
        self.nodes[on].ports.give(task)
        self.nodes[on].ports.resume(task)
        return task

    def run(self, task: Task) -> None:
        """The task runs, and its node says so to everybody."""
        task.status.state = RUNNING
        node = next(node for node in self.nodes if node.id == task.node_id)
        node.ports.observe(task, task.status)
        self.running[task.id] = task
        self.table.put_task(task)
        self.tell()

    def leave_table(self, task: Task) -> None:
        """The leader wants the task to stop, and has told so."""
        stopping = Task()
        stopping.CopyFrom(task)
        stopping.desired_state = SHUTDOWN
        self.table.put_task(stopping)
        self.tell()

    def node_of(self, task: Task) -> PortNode:
        return next(node for node in self.nodes if node.id == task.node_id)


@contextlib.asynccontextmanager
async def port_nodes(count: int, directory: Path, *published: PortConfig) -> AsyncIterator[PortNodes]:
    """Nodes at work, whose published ports answer."""
    nodes = PortNodes(count, directory, published)
    async with Group() as group:
        for node in nodes.nodes:
            group.spawn(node.run(), name=node.id)
        await until(lambda: all(node.ports.has_begun for node in nodes.nodes))
        nodes.publish()
        await until(lambda: all(node.ports.listening == len(published) for node in nodes.nodes))
        try:
            yield nodes
        finally:
            group.cancel_all()


def number_of(task: Task, protocol: "PortConfig.Protocol.ValueType" = PortConfig.TCP) -> int:
    """The first port of its node that the task has for a protocol."""
    return next(port.published_port for port in local_ports(task) if port.protocol == protocol)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody has at any address of this machine."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("", 0))
        number: int = probe.getsockname()[1]
        return number


class Echo:
    """A task as a server: says its name, then what it hears; ends when the other side does."""

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.connections = 0
        self._server: asyncio.Server | None = None

    async def open(self, number: int, host: str = "127.0.0.1") -> "Echo":
        self._server = await asyncio.start_server(self._serve, host, number)
        return self

    def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            writer.write(self.name + b"\n")
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write(b"\nbye\n")
            writer.write_eof()
        except OSError:
            pass
        finally:
            self.connections -= 1
            writer.close()
