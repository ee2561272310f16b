"""How a node reaches managers: one port, so that a whole node can run without a socket.

`SystemDial` is the real one. Failures are those of `client.errors`, but for the root download, which tries again by itself.
"""

from pathlib import Path
from typing import Protocol, Self

from swarm_core.client import trust as trusting
from swarm_core.client.connection import OPEN_S, Connection
from swarm_core.client.dispatch import AgentConnection
from swarm_core.client.trust import Trust


class ManagerConnection(AgentConnection, Protocol):
    """A connection to one manager; leaving its context closes it."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class Dial(Protocol):
    """Port: ways to managers."""

    async def open(self, target: str | Path, trust: Trust, *, timeout: float = OPEN_S) -> ManagerConnection:
        """Reach a control socket (a path) or a remote API (host:port). Raises Unreachable, UntrustedManager."""

    async def fetch_root(self, address: str, *, timeout: float) -> bytes:
        """The root bundle that whoever answers there claims. Raises OSError or what grpcio raises."""


class SystemDial:
    """The network of this machine."""

    async def open(self, target: str | Path, trust: Trust, *, timeout: float = OPEN_S) -> Connection:
        return await Connection.open(target, trust=trust, timeout=timeout)

    async def fetch_root(self, address: str, *, timeout: float) -> bytes:
        return await trusting.fetch_root(address, timeout=timeout)
