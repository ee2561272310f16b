"""What a cluster holds, for a stack."""

from typing import Protocol

from swarm_core.client.control import Control
from swarm_core.compose.changes.held import KINDS, Held


class Reached(Protocol):
    """A cluster that can be asked, and told."""

    @property
    def control(self) -> Control: ...


async def look(cluster: Reached, stack: str) -> Held:
    """The networks, secrets, configs and services as they are now."""
    found = [item for kind in KINDS for item in await cluster.control.find(kind)]
    return Held.of(stack, found)
