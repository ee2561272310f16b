"""Connections to the ports of a process (docs/design/exec.md 15.4).

A process has no network of its own: its ports are the machine's. So only those are reached that are the task's: the ones that it was given for what
it publishes, by the numbers of its spec, and those on which it, or what it started, listens.
"""

import asyncio
import socket

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.api.task_ports import by_target, local_ports

from swarm_agentd.exec.connecting import LOOPBACK, connect_to
from swarm_agentd.exec.errors import Missing, Temporary


async def connect(task: Task, pid: int, port: int) -> socket.socket:
    """A connection to the port. Raises Missing, Temporary or OSError."""
    number = by_target(local_ports(task)).get(f"{port}/tcp")
    if number is not None:
        return await connect_to(LOOPBACK, number)
    addresses = await asyncio.to_thread(_addresses, pid, port)
    if not addresses:
        raise Missing(f"nothing of the task listens on port {port}, and it publishes none of this number")
    return await connect_to(addresses, port)


def _addresses(pid: int, port: int) -> list[str]:
    """Where the process or one that it started listens on the port. Looks through the whole machine; meant for a thread. Raises Temporary."""
    import psutil  # rarely needed, and slow to load

    try:
        own = {pid, *(one.pid for one in psutil.Process(pid).children(recursive=True))}
        found = psutil.net_connections("tcp")
    except psutil.Error as error:
        raise Temporary(f"who listens on this machine cannot be seen: {error}") from None
    listening = [
        one.laddr.ip
        for one in found
        if one.pid in own and one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
    ]
    everywhere = {"0.0.0.0": LOOPBACK[0], "::": LOOPBACK[1]}  # noqa: S104 - asked, not opened
    return sorted({everywhere.get(address, address) for address in listening})
