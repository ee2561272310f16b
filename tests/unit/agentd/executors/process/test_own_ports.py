"""Which ports of this machine are a process task's, and connections to them (docs/design/exec.md 15.4.4)."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator

import pytest
from swarm_agentd.exec.errors import Missing
from swarm_agentd.executors.process.own_ports import connect
from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.proto.types_pb2 import PortConfig


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """This process listens."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


async def reached(listener: socket.socket, task: Task, port: int) -> bool:
    """Whether the connection arrives where it should."""
    with await connect(task, os.getpid(), port) as here:
        there, address = await asyncio.to_thread(listener.accept)
        there.close()
        return bool(address == here.getsockname())


async def test_a_port_on_which_the_task_listens(listener: socket.socket) -> None:
    """Whatever it is, published or not."""
    assert await reached(listener, Task(), listener.getsockname()[1])


async def test_a_published_port_by_its_number_in_the_spec(listener: socket.socket) -> None:
    """The node gave the task another number for it."""
    task = Task()
    number = listener.getsockname()[1]
    task.status.port_status.ports.add(protocol=PortConfig.TCP, target_port=80, published_port=number)
    assert await reached(listener, task, 80)


async def test_ports_of_others_are_not_reached(listener: socket.socket) -> None:
    """A process shares its machine's network, and is no way to the rest of it."""
    port = listener.getsockname()[1]
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            with pytest.raises(Missing, match=f"nothing of the task listens on port {port}"):
                await connect(Task(), stranger.pid, port)
        finally:
            stranger.kill()


async def test_nobody_is_there_any_more() -> None:
    """A published port on which nobody listens is told by the number that was asked for."""
    task = Task()
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        number = kept.getsockname()[1]
        task.status.port_status.ports.add(protocol=PortConfig.TCP, target_port=80, published_port=number)
        with pytest.raises(OSError, match="nothing listens on port"):
            await connect(task, os.getpid(), 80)
