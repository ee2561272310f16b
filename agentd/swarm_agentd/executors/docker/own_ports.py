"""Connections to the ports of a container (docs/design/exec.md 15.4).

The container's own network is entered, where its process is one of this machine and may be looked at: then what listens on its loopback
address alone is reached too, whichever networks it is in. A socket stays in the network in which it was made. Otherwise its addresses are tried.
"""

import asyncio
import ctypes
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from swarm_agentd.exec.connecting import LOOPBACK, connect_to, family_of
from swarm_agentd.exec.errors import Missing

_CLONE_NEWNET: Final = 0x40000000


async def connect(container: dict[str, Any], port: int) -> socket.socket:
    """A connection to the port of a container as the engine tells of it. Raises Missing or OSError."""
    pid = int(container["State"].get("Pid") or 0)
    if not pid:
        raise Missing("the container does not run")
    own = _addresses(container)
    if container["HostConfig"].get("NetworkMode") == "host":
        return await connect_to(LOOPBACK, port)
    if not _is_its_process(pid, container["Id"]):
        return await connect_to(own, port)
    inside = [*LOOPBACK, *own]
    loop = asyncio.get_running_loop()
    # The thread is in the other network from then on, and ends with what it was made for.
    with ThreadPoolExecutor(1, "container network") as thread:
        made = iter(await loop.run_in_executor(thread, _sockets_in, pid, [family_of(one) for one in inside]))
    try:
        return await connect_to(inside, port, lambda family: _next(made))
    finally:
        for left in made:
            if left is not None:
                left.close()


def _next(made: Iterator[socket.socket | None]) -> socket.socket:
    if (one := next(made)) is None:
        raise OSError(errno.EAFNOSUPPORT, "the container has no addresses of this family")
    return one


def _addresses(container: dict[str, Any]) -> list[str]:
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return [address for one in networks.values() if (address := one.get("IPAddress"))]


def _is_its_process(pid: int, container_id: str) -> bool:
    """Whether the process of this number is the container's, also as this machine counts: an engine may count otherwise."""
    try:
        return os.geteuid() == 0 and container_id in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def _sockets_in(pid: int, families: Sequence[socket.AddressFamily]) -> list[socket.socket | None]:
    """A socket for each, in the network of a process; None of a family that it lacks. For a thread of its own, which stays there.
    Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
    made: list[socket.socket | None] = []
    for family in families:
        try:
            made.append(socket.socket(family, socket.SOCK_STREAM))
        except OSError:
            made.append(None)
    return made
