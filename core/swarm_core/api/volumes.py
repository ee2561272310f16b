"""What everybody says of cluster volumes in the same way: which mounts ask for them, and how a node reaches a plugin's."""

from collections.abc import Iterable
from typing import Final

from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.api.proto.specs_pb2 import TaskSpec
from swarm_core.api.proto.types_pb2 import Mount, NodeCSIInfo, NodeDescription, VolumePublishStatus
from swarm_core.api.runtimes import process_spec

GROUP_PREFIX: Final = "group:"
_DEFAULT_TAG: Final = ":latest"


def cluster_mounts(spec: TaskSpec) -> tuple[Mount, ...]:
    """The mounts of a task of this spec that ask for a cluster volume."""
    if spec.WhichOneof("runtime") == "container":
        mounts: Iterable[Mount] = spec.container.mounts
    else:
        process = process_spec(spec)
        mounts = () if process is None else process.mounts
    return tuple(mount for mount in mounts if mount.type == Mount.CLUSTER)


def csi_info_of(description: NodeDescription, driver: str) -> NodeCSIInfo | None:
    """What a node says of the plugin that is a volume's driver; None where the plugin does not run there."""
    for info in description.csi_info:
        if info.plugin_name in (driver, driver + _DEFAULT_TAG):
            return info
    return None


def publish_status(volume: Volume, node_id: str) -> VolumePublishStatus | None:
    """How far a volume has come on a node; None where nobody wants it there."""
    return next((status for status in volume.publish_status if status.node_id == node_id), None)
