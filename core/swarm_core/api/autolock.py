"""The key that opens the managers' key files, as the cluster object holds it (docs/design/raft-node.md 2.12)."""

from swarm_core.api.names import MANAGER_ROLE
from swarm_core.api.proto.objects_pb2 import Cluster

# The cluster has unlock keys by subsystem, and the managers' is the only one there is.
SUBSYSTEM = MANAGER_ROLE


def unlock_key(cluster: Cluster) -> bytes | None:
    """The managers' key; None when their key files are in the clear."""
    return next((entry.key for entry in cluster.unlock_keys if entry.subsystem == SUBSYSTEM), None)


def set_unlock_key(cluster: Cluster, key: bytes | None) -> None:
    """Replace the managers' key, or take it away; keys of other subsystems stay."""
    others = [entry for entry in cluster.unlock_keys if entry.subsystem != SUBSYSTEM]
    del cluster.unlock_keys[:]
    cluster.unlock_keys.extend(others)
    if key is not None:
        cluster.unlock_keys.add(subsystem=SUBSYSTEM, key=key)
