"""SwarmKit's values as the Container Storage Interface has them, and back. Pure."""

from collections.abc import Iterable

from swarm_core.api.proto import csi_pb2
from swarm_core.api.proto.types_pb2 import (
    CapacityRange,
    Topology,
    TopologyRequirement,
    VolumeAccessMode,
    VolumeInfo,
)

_Mode = csi_pb2.VolumeCapability.AccessMode
_SINGLE = {VolumeAccessMode.READ_ONLY: _Mode.SINGLE_NODE_READER_ONLY}
_MULTI = {
    VolumeAccessMode.READ_ONLY: _Mode.MULTI_NODE_READER_ONLY,
    VolumeAccessMode.ONE_WRITER: _Mode.MULTI_NODE_SINGLE_WRITER,
    VolumeAccessMode.ALL: _Mode.MULTI_NODE_MULTI_WRITER,
    # One task at a time, wherever it runs.
    VolumeAccessMode.NONE: _Mode.MULTI_NODE_SINGLE_WRITER,
}


def capability(mode: VolumeAccessMode) -> csi_pb2.VolumeCapability:
    """How a volume is used: as what, on how many nodes, by how many writers."""
    found = csi_pb2.VolumeCapability()
    if mode.scope == VolumeAccessMode.MULTI_NODE:
        found.access_mode.mode = _MULTI.get(mode.sharing, _Mode.MULTI_NODE_MULTI_WRITER)
    else:
        found.access_mode.mode = _SINGLE.get(mode.sharing, _Mode.SINGLE_NODE_WRITER)
    if mode.WhichOneof("access_type") == "block":
        found.block.SetInParent()
    else:
        found.mount.fs_type = mode.mount.fs_type
        found.mount.mount_flags.extend(mode.mount.mount_flags)
        found.mount.SetInParent()
    return found


def capacity(wanted: CapacityRange) -> csi_pb2.CapacityRange | None:
    """The sizes, or None where none is asked for: the interface wants at least one of them."""
    if not wanted.required_bytes and not wanted.limit_bytes:
        return None
    return csi_pb2.CapacityRange(required_bytes=wanted.required_bytes, limit_bytes=wanted.limit_bytes)


def requirement(wanted: TopologyRequirement) -> csi_pb2.TopologyRequirement | None:
    """From where a volume must be reached, or None where that is not asked for."""
    if not wanted.requisite and not wanted.preferred:
        return None
    return csi_pb2.TopologyRequirement(
        requisite=map(_topology, wanted.requisite), preferred=map(_topology, wanted.preferred)
    )


def _topology(topology: Topology) -> csi_pb2.Topology:
    return csi_pb2.Topology(segments=topology.segments)


def topologies(found: Iterable[csi_pb2.Topology]) -> list[Topology]:
    """As SwarmKit keeps them."""
    return [Topology(segments=topology.segments) for topology in found]


def volume_info(volume: csi_pb2.Volume) -> VolumeInfo:
    """What a plugin says of a volume that it made."""
    return VolumeInfo(
        capacity_bytes=volume.capacity_bytes,
        volume_context=volume.volume_context,
        volume_id=volume.volume_id,
        accessible_topology=topologies(volume.accessible_topology),
    )
