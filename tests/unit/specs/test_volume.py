"""Setters of a cluster volume's spec (docs/design/volumes.md 12.9)."""

import pytest
from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import volume
from swarm_core.specs.errors import InvalidValue

_Mode = types_pb2.VolumeAccessMode


def test_a_new_volume() -> None:
    """12.9.1: what is not said is docker's default: one node, no sharing, a block device, active."""
    spec = volume.new("v")
    assert spec.access_mode == _Mode(scope=_Mode.SINGLE_NODE, sharing=_Mode.NONE, block=_Mode.BlockVolume())
    assert spec.availability == specs_pb2.VolumeSpec.ACTIVE
    assert not spec.HasField("capacity_range")
    assert not spec.HasField("AccessibilityRequirements")


def test_setters() -> None:
    """12.9.1: each setter fills its field from docker's words."""
    spec = volume.new("v")
    volume.set_driver(spec, "csi")
    volume.put_options(spec, ["pool=fast"])
    volume.set_group(spec, "g")
    volume.set_scope(spec, "multi")
    volume.set_sharing(spec, "onewriter")
    volume.set_access_type(spec, "mount")
    volume.set_availability(spec, "pause")
    volume.require_bytes(spec, "1g")
    volume.limit_bytes(spec, "2GiB")
    volume.require_topologies(spec, ["region=r,zone=z", "zone=y"])
    volume.prefer_topologies(spec, ["zone=y"])
    volume.put_secrets(spec, {"b": "2", "a": "1"})
    assert dict(spec.driver.options) == {"pool": "fast"}
    assert spec.group == "g"
    assert spec.access_mode == _Mode(
        scope=_Mode.MULTI_NODE, sharing=_Mode.ONE_WRITER, mount=_Mode.MountVolume()
    )
    assert spec.availability == specs_pb2.VolumeSpec.PAUSE
    assert (spec.capacity_range.required_bytes, spec.capacity_range.limit_bytes) == (1 << 30, 2 << 30)
    requisite = [dict(each.segments) for each in spec.AccessibilityRequirements.requisite]
    assert requisite == [{"region": "r", "zone": "z"}, {"zone": "y"}]
    assert [dict(each.segments) for each in spec.AccessibilityRequirements.preferred] == [{"zone": "y"}]
    assert [(each.key, each.secret) for each in spec.secrets] == [("a", "1"), ("b", "2")]
    volume.check(spec)


@pytest.mark.parametrize("text", ["", "zone", "=a", "zone=", "zone=a,"])
def test_bad_topologies(text: str) -> None:
    """12.9.1: a topology is segment=value; what is not is refused, never half taken."""
    with pytest.raises(InvalidValue, match="no topology"):
        volume.topology(text)


@pytest.mark.parametrize("text", ["single-node", "", "both"])
def test_bad_words(text: str) -> None:
    """12.9.1: a word that is none of docker's is refused."""
    with pytest.raises(InvalidValue):
        volume.set_scope(volume.new("v"), text)
