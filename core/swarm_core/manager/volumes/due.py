"""What a volume needs of its plugin, read from its object (docs/design/volumes.md 12.2). Pure.

Order: a volume is made first; then what nodes need; and deleted when no node has it any more.
"""

from collections.abc import Callable
from dataclasses import dataclass

from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.api.proto.types_pb2 import VolumePublishStatus


@dataclass(frozen=True, slots=True)
class Create:
    pass


@dataclass(frozen=True, slots=True)
class Delete:
    pass


@dataclass(frozen=True, slots=True)
class Publish:
    node_id: str


@dataclass(frozen=True, slots=True)
class Unpublish:
    node_id: str


Action = Create | Delete | Publish | Unpublish


def due(volume: Volume, has_node: Callable[[str], bool]) -> list[Action]:
    """What is to be done now. A node that is not there any more needs nothing, and is not asked to let go."""
    if not volume.HasField("volume_info"):
        return [Create()]
    actions: list[Action] = []
    for status in volume.publish_status:
        is_leaving = status.state == VolumePublishStatus.PENDING_UNPUBLISH
        if is_leaving or not has_node(status.node_id):
            actions.append(Unpublish(status.node_id))
        elif status.state == VolumePublishStatus.PENDING_PUBLISH:
            actions.append(Publish(status.node_id))
    if volume.pending_delete and not volume.publish_status:
        actions.append(Delete())
    return actions
