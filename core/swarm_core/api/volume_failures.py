"""Why a plugin could not make, or not delete, a cluster volume, as the store carries it (docs/design/volumes.md 12.5.8).

SwarmKit's volume has room for failures on a node alone. Each of these is a Resource of our own kind with the volume's id for a name and the text
as its payload. SwarmKit knows such objects and replicates them; what is in them it need not know.
"""

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import StringValue

from swarm_core.api.proto.objects_pb2 import Resource, Volume

KIND: Final = "swarmtui.v1.VolumeFailure"
"""The name of the extension, which is the kind of its resources."""


def may_have_failed(volume: Volume) -> bool:
    """Whether the plugin still has to make or delete the volume."""
    return volume.pending_delete or not volume.HasField("volume_info")


def write(resource: Resource, text: str) -> None:
    """Let the resource carry this text."""
    resource.payload.Pack(StringValue(value=text))


def read(resource: Resource) -> str:
    """What the resource carries; empty where it is not of our kind, or cannot be read."""
    text = StringValue()
    try:
        is_ours = resource.kind == KIND and resource.payload.Unpack(text)
    except DecodeError:
        return ""
    return text.value if is_ours else ""


def of_volume(volume: Volume, resources: Iterable[Resource]) -> str:
    """Why the volume is not made, or not deleted, by its plugin; empty where nobody told."""
    if not may_have_failed(volume):
        return ""
    return next(
        (read(one) for one in resources if one.kind == KIND and one.annotations.name == volume.id), ""
    )
