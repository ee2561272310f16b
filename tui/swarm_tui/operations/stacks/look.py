"""What a cluster holds, for a stack."""

from swarm_core.client.cluster import Cluster
from swarm_core.compose.changes.held import KINDS, Held


async def look(cluster: Cluster, stack: str) -> Held:
    """The networks, secrets, configs and services as they are now."""
    found = [item for kind in KINDS for item in await cluster.control.find(kind)]
    return Held.of(stack, found)
