"""SwarmKit's values as the Container Storage Interface has them (docs/design/volumes.md 12.4)."""

import pytest
from swarm_core.api.proto import csi_pb2
from swarm_core.api.proto.types_pb2 import CapacityRange, TopologyRequirement, VolumeAccessMode
from swarm_core.csi import convert

_Mode = csi_pb2.VolumeCapability.AccessMode.Mode


@pytest.mark.parametrize(
    ("scope", "sharing", "mode"),
    [
        ("SINGLE_NODE", "NONE", "SINGLE_NODE_WRITER"),
        ("SINGLE_NODE", "READ_ONLY", "SINGLE_NODE_READER_ONLY"),
        ("SINGLE_NODE", "ONE_WRITER", "SINGLE_NODE_WRITER"),
        ("SINGLE_NODE", "ALL", "SINGLE_NODE_WRITER"),
        ("MULTI_NODE", "NONE", "MULTI_NODE_SINGLE_WRITER"),
        ("MULTI_NODE", "READ_ONLY", "MULTI_NODE_READER_ONLY"),
        ("MULTI_NODE", "ONE_WRITER", "MULTI_NODE_SINGLE_WRITER"),
        ("MULTI_NODE", "ALL", "MULTI_NODE_MULTI_WRITER"),
    ],
)
def test_access_modes(scope: str, sharing: str, mode: str) -> None:
    """12.4.4: scope and sharing are one mode of the interface, never an unknown one."""
    given = VolumeAccessMode(
        scope=VolumeAccessMode.Scope.Value(scope), sharing=VolumeAccessMode.Sharing.Value(sharing)
    )
    assert _Mode.Name(convert.capability(given).access_mode.mode) == mode


def test_access_types() -> None:
    """12.4.4: a device, or a file system with its type and flags."""
    block = convert.capability(VolumeAccessMode(block=VolumeAccessMode.BlockVolume()))
    assert block.WhichOneof("access_type") == "block"
    mount = VolumeAccessMode.MountVolume(fs_type="xfs", mount_flags=["ro"])
    found = convert.capability(VolumeAccessMode(mount=mount))
    assert (found.mount.fs_type, list(found.mount.mount_flags)) == ("xfs", ["ro"])
    assert convert.capability(VolumeAccessMode()).WhichOneof("access_type") == "mount"


def test_what_is_not_asked_for_is_not_sent() -> None:
    """12.4.4: empty sizes and topologies, which docker's command always sends, are left out."""
    assert convert.capacity(CapacityRange()) is None
    assert convert.requirement(TopologyRequirement()) is None
    assert convert.capacity(CapacityRange(limit_bytes=5)) == csi_pb2.CapacityRange(limit_bytes=5)
    wanted = TopologyRequirement()
    wanted.preferred.add(segments={"zone": "a"})
    made = convert.requirement(wanted)
    assert made is not None
    assert dict(made.preferred[0].segments) == {"zone": "a"}
