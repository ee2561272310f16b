"""Nodes with published ports in one process: real sockets, real forwarders, told by a real table; tasks are servers of this process.

Each node answers at a loopback address of its own, so that all of them can have the same published port. What is opened through a rig ends with
it, on every path: servers, and connections on either side.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
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
from swarm_testkit.free_ports import OwnNumbers

KEYS = tuple(
    EncryptionKey(subsystem="networking:gossip", key=bytes([number]) * 16, lamport_time=number)
    for number in (1, 2, 3)
)
POLL_S = 0.01
LIMIT_S = 120.0
"""For what takes milliseconds where nothing is wrong and the machine is not busy."""
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` is true. Raises TimeoutError."""
    async with asyncio.timeout(LIMIT_S):
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
        config = PortsConfig(self.address)
        self.ports = PublishedPorts(self.tasks, directory, SystemClock(), OwnNumbers(number), config)
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
        self.opened = contextlib.ExitStack()  # what a test opened besides
        self._clients: list[asyncio.StreamWriter] = []
        self._servers: list[Server] = []

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

    async def connect(self, node: int = 0, address: str = "") -> Connection:
        """A client's connection to the first published port, at a node's address or at `address`."""
        port = self.service.endpoint.ports[0].published_port
        reader, writer = await asyncio.open_connection(address or self.nodes[node].address, port)
        self._clients.append(writer)
        return reader, writer

    async def serve(self, number: int, serve: Serve, host: str = "127.0.0.1") -> "Server":
        """A server of this process, as a task is one."""
        server = await Server(serve).open(number, host)
        self._servers.append(server)
        return server

    async def echo(self, name: str, number: int, host: str = "127.0.0.1") -> "Echo":
        """A server that echoes."""
        echo = Echo(name)
        echo.server = await self.serve(number, echo.serve, host)
        return echo

    async def end(self) -> None:
        """End every connection and every server, and what else was opened."""
        self.opened.close()
        for writer in self._clients:
            await _ended(writer)
        for server in self._servers:
            await server.end()

    def node_of(self, task: Task) -> PortNode:
        return next(node for node in self.nodes if node.id == task.node_id)


@contextlib.asynccontextmanager
async def port_nodes(count: int, directory: Path, *published: PortConfig) -> AsyncIterator[PortNodes]:
    """Nodes at work, whose published ports answer."""
    nodes = PortNodes(count, directory, published)
    async with at_work(nodes):
        await until(lambda: all(node.ports.listening == len(published) for node in nodes.nodes))
        yield nodes


@contextlib.asynccontextmanager
async def at_work(nodes: PortNodes) -> AsyncIterator[None]:
    """The nodes run, and are told what is published. Afterwards nothing is left of them."""
    try:
        async with Group() as group:
            try:
                for node in nodes.nodes:
                    group.spawn(node.run(), name=node.id)
                await until(lambda: all(node.ports.has_begun for node in nodes.nodes))
                nodes.publish()
                yield
            finally:
                group.cancel_all()
        assert [node.ports.connections for node in nodes.nodes] == [0] * len(nodes.nodes)
    finally:
        await nodes.end()


def number_of(task: Task, protocol: "PortConfig.Protocol.ValueType" = PortConfig.TCP) -> int:
    """The first port of its node that the task has for a protocol."""
    return next(port.published_port for port in local_ports(task) if port.protocol == protocol)


class Server:
    """A server of streams: its end is the end of every connection that it took."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, number: int, host: str = "127.0.0.1") -> "Server":
        self._server = await asyncio.start_server(self._accept, host, number)
        return self

    def close(self) -> None:
        """Take no more connections; those that are there go on."""
        assert self._server is not None
        self._server.close()

    async def end(self) -> None:
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in list(self._writers):
            await _ended(writer)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.ensure_future(self._served(reader, writer))
        self._tasks.add(task)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await self._serve(reader, writer)
        writer.close()


class Echo:
    """A task as a server: says its name, then what it hears; ends when the other side does."""

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.connections = 0
        self.server: Server

    def close(self) -> None:
        """Take no more connections."""
        self.server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            writer.write(self.name + b"\n")
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write(b"\nbye\n")
            writer.write_eof()
        finally:
            self.connections -= 1


async def _ended(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
