"""The way to one task: on this node by its own port, on another node through that node's gate.

Rules (docs/design/ports.md P.4, P.7)
1. Whoever connects here has not sent anything yet: a failure costs nothing, and another task can be tried.
2. A task of this node is judged by what this node knows of it, which is newer than what the leader told.
3. Connections to a task of this node are counted from before they are made until they have ended: its stopping waits for them.
"""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from swarm_core.api.proto.endpoints_pb2 import Backend, Place

from swarm_agentd.ports.limits import CONNECT_S
from swarm_agentd.ports.pipe import keep_alive
from swarm_agentd.ports.tasks import LocalTasks, Target
from swarm_agentd.ports.words import YES, Greeting

LOOPBACK = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))


class Unreachable(Exception):
    """The task takes no connection, and was sent nothing."""


class Reach:
    """The ways from one node. `keys` are the cluster's, the first proves."""

    def __init__(self, node_id: str, tasks: LocalTasks) -> None:
        self.node_id = node_id
        self.tasks = tasks
        self.keys: Sequence[bytes] = ()

    def is_local(self, backend: Backend) -> bool:
        return backend.node_id == self.node_id

    async def local(self, task_id: str, target: Target, held: ExitStack) -> socket.socket:
        """A TCP socket connected to a task of this node; `held` is closed when the connection has ended. Raises Unreachable."""
        number = self.tasks.number(task_id, target)
        if number is None:
            raise Unreachable("the task takes no connections")
        held.enter_context(self.tasks.connection(task_id))
        failure: OSError | None = None
        for host, family in LOOPBACK:
            try:
                return await _connected(family, (host, number))
            except OSError as error:
                failure = failure or error
        raise Unreachable(str(failure))

    def local_number(self, task_id: str, target: Target) -> int:
        """The UDP port of a task of this node. Raises Unreachable."""
        number = self.tasks.number(task_id, target)
        if number is None:
            raise Unreachable("the task takes no datagrams")
        return number

    async def through_gate(self, backend: Backend, place: Place | None, target: Target) -> socket.socket:
        """A socket whose other end is a task of another node. Raises Unreachable."""
        if place is None or not self.keys:
            raise Unreachable("its node lets nobody in")
        greeting = Greeting(target[0], target[1], backend.task_id).said(backend.node_id, self.keys[0])
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                sock = await _dialled(place.host, place.gate_port)
                try:
                    keep_alive(sock)
                    await loop.sock_sendall(sock, greeting)
                    answer = await loop.sock_recv(sock, 1)
                except BaseException:
                    sock.close()
                    raise
        except (OSError, TimeoutError) as error:
            raise Unreachable(str(error) or "its node did not answer in time") from None
        if answer != YES:
            sock.close()
            raise Unreachable("its node says that it takes no connections")
        return sock


async def _dialled(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{host} has no address")
    for family, _, _, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return await _connected(family, address)
        except OSError as error:
            failure = error
    raise failure


async def _connected(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not _is_connected_at_once(sock, address):
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(sock, address)
    except TimeoutError:
        sock.close()
        raise OSError("it did not answer in time") from None
    except BaseException:
        sock.close()
        raise
    return sock


def _is_connected_at_once(sock: socket.socket, address: tuple[object, ...]) -> bool:
    """Begin to connect. Within one machine the second call finds it done: that saves a turn of the loop. Raises OSError."""
    for _ in range(2):
        try:
            sock.connect(address)
        except BlockingIOError:
            continue
        return True
    return False
