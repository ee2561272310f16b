"""One cluster as a program sees it: its calls, its watch, its logs, behind one control socket.

The composition root of a client (command line, dashboard) opens a Cluster and hands it on; tests make one of a fake's
calls. Everything a client's loops need of the machine (clock, chance) comes with it. Parts are loaded when they are asked
for: a short command pays only for what it uses, and grpcio alone takes a tenth of a second.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from swarm_core.client.calls import Calls
from swarm_core.client.control import Control
from swarm_core.client.sockets import Candidate
from swarm_core.runtime.clock import Clock, SystemClock

if TYPE_CHECKING:
    from swarm_core.client.logs import LogReader
    from swarm_core.client.watch import ClusterWatch


def system_clock() -> Clock:
    """This machine's clock, for who has no cluster at hand."""
    return SystemClock()


@dataclass(frozen=True, slots=True)
class Cluster:
    calls: Calls
    clock: Clock = field(default_factory=SystemClock)
    rng: random.Random = field(default_factory=random.Random)
    target: str = ""
    """The socket, for people."""

    @staticmethod
    async def open(candidate: Candidate) -> "Cluster":
        """Connect to the manager behind a control socket. Raises Unreachable."""
        from swarm_core.client.connection import Connection

        connection = await Connection.open(candidate.path)
        return Cluster(connection, target=str(candidate.path))

    @property
    def control(self) -> Control:
        """Calls of the Control service."""
        return Control(self.calls)

    def watch(self, kinds: Iterable[type[Message]] | None = None) -> "ClusterWatch":
        """A new watch of these kinds, or of all that a copy of the cluster holds."""
        from swarm_core.client.watch import MIRRORED, ClusterWatch

        kinds = MIRRORED if kinds is None else kinds
        return ClusterWatch(self.calls, clock=self.clock, rng=self.rng, kinds=kinds)

    def logs(self) -> "LogReader":
        """A reader of logs."""
        from swarm_core.client.logs import LogReader

        return LogReader(self.calls, clock=self.clock)

    async def close(self) -> None:
        """End every call."""
        await self.calls.close()
