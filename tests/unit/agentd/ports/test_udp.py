"""Published UDP ports: real sockets between nodes of this process."""

import asyncio
import socket
from pathlib import Path

import pytest
from swarm_agentd.ports import udp as udp_module
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import PortConfig
from swarm_testkit.free_ports import free_port
from swarm_testkit.port_nodes import PortNodes, number_of, port_nodes, udp, until

TARGET = 53


class Answers(asyncio.DatagramProtocol):
    """A task that answers each datagram with its name before it."""

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.transport: asyncio.DatagramTransport

    async def open(self, number: int) -> "Answers":
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", number)
        )
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        pass

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.transport.sendto(self.name + b" " + data, address)


async def task_on(rig: PortNodes, task_id: str, node: int) -> tuple[Task, Answers]:
    task = rig.add(task_id, on=node)
    server = await Answers(task_id).open(number_of(task, PortConfig.UDP))
    rig.opened.callback(server.transport.close)
    rig.run(task)
    return task, server


class Client:
    """A UDP socket that asks until it is answered: datagrams may be lost."""

    def __init__(self, rig: PortNodes, node: int) -> None:
        self.socket = rig.opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.socket.setblocking(False)
        # Connected: an answer from another address than the one written to does not arrive.
        self.socket.connect((rig.nodes[node].address, rig.service.endpoint.ports[0].published_port))

    async def ask(self, text: bytes) -> str:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self.socket.send(text)
            try:
                async with asyncio.timeout(1):
                    while (answer := await loop.sock_recv(self.socket, 65536)).partition(b" ")[2] != text:
                        pass
                return answer.partition(b" ")[0].decode()
            except TimeoutError:
                continue
        raise AssertionError("no answer")


async def test_every_node_answers(tmp_path: Path) -> None:
    """A datagram at any node reaches a task on any node, and the answer comes back from the address that was written to; big ones too."""
    async with port_nodes(2, tmp_path, udp(TARGET, free_port())) as rig:
        for node in range(2):
            await task_on(rig, f"t{node}", node)
        await until(lambda: all(node.ports.gate_is_open for node in rig.nodes))
        for node in range(2):
            clients = [Client(rig, node) for _ in range(4)]
            names = [await client.ask(b"x") for client in clients]
            assert sorted(names) == ["t0", "t0", "t1", "t1"]
            # A session stays with its task.
            assert [await client.ask(b"y" * 50_000) for client in clients] == names


async def test_session_moves_on(tmp_path: Path) -> None:
    """When the task of a session is to stop, or its port is closed, the same client is answered by another task."""
    async with port_nodes(2, tmp_path, udp(TARGET, free_port())) as rig:
        made = [await task_on(rig, f"t{node}", node) for node in range(2)]
        await until(lambda: all(node.ports.gate_is_open for node in rig.nodes))
        clients = [Client(rig, node) for node in (0, 0, 1, 1)]
        assert {await client.ask(b"x") for client in clients} == {"t0", "t1"}
        task, _ = made[0]
        rig.node_of(task).tasks.withdraw(task.id)
        rig.leave_table(task)
        assert {await client.ask(b"y") for client in clients} == {"t1"}
        third, _ = await task_on(rig, "t2", 0)
        made[1][1].transport.close()  # its process is dead, nobody knows yet
        assert {await client.ask(b"z") for client in clients} == {"t2"}
        assert third.id == "t2"


async def test_sessions_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session more than the limit takes the place of the one that was idle longest; idle ones end by themselves."""
    monkeypatch.setattr(udp_module, "SESSIONS_MAX", 3)
    async with port_nodes(1, tmp_path, udp(TARGET, free_port())) as rig:
        await task_on(rig, "t0", 0)
        clients = [Client(rig, 0) for _ in range(6)]
        for client in clients:
            assert await client.ask(b"x") == "t0"
        assert rig.nodes[0].ports.connections == 3
        assert await clients[0].ask(b"x") == "t0"
        assert rig.nodes[0].ports.connections == 3
        monkeypatch.setattr(udp_module, "SESSION_IDLE_S", 0.0)
        rig.nodes[0].ports.forget("nobody")  # any news begins a round, which sweeps
        await until(lambda: rig.nodes[0].ports.connections == 0)
