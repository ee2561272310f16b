"""Cluster volumes (docs/design/engine-api-json.md 14.8)."""

from typing import Any, Final

from swarm_core.api.proto.objects_pb2 import Volume
from swarm_core.api.proto.specs_pb2 import VolumeSpec
from swarm_core.api.proto.types_pb2 import VolumeAccessMode, VolumePublishStatus
from swarm_core.api.timestamps import calendar_time, timestamp_ns
from swarm_core.engine_json.annotations import ID, META_ROW
from swarm_core.engine_json.form import Form
from swarm_core.engine_json.given import Given
from swarm_core.engine_json.node import TOPOLOGY
from swarm_core.engine_json.shape import (
    MAP,
    TEXT,
    TEXTS,
    Choice,
    Own,
    Part,
    Parts,
    Shape,
    Value,
    Words,
    integer,
)
from swarm_core.http.version import NEWEST, Version
from swarm_core.specs.notation import words_of

_Mode = VolumeAccessMode
_SCOPES: Final = {"single": _Mode.SINGLE_NODE, "multi": _Mode.MULTI_NODE}
_SHARINGS: Final = {
    "none": _Mode.NONE,
    "readonly": _Mode.READ_ONLY,
    "onewriter": _Mode.ONE_WRITER,
    "all": _Mode.ALL,
}
_PUBLISH_STATES: Final = words_of(VolumePublishStatus.State) | {
    "pending-controller-unpublish": VolumePublishStatus.PENDING_UNPUBLISH
}
_MOUNT: Final = Shape(Value("FsType", "fs_type", TEXT), Value("MountFlags", "mount_flags", TEXTS))


def _read_access(given: Given, mode: Any) -> None:
    """A mount wins over a block device, as in Docker."""
    if given.part("BlockVolume") is not None:
        mode.block.SetInParent()
    if (mount := given.part("MountVolume")) is not None:
        _MOUNT.read(mount, mode.mount)


def _show_access(mode: Any, out: dict[str, Any], version: Version) -> None:
    match mode.WhichOneof("access_type"):
        case "mount":
            out["MountVolume"] = _MOUNT.show(mode.mount, version)
        case "block":
            out["BlockVolume"] = {}


_ACCESS: Final = Shape(
    Choice("Scope", "scope", Words(_SCOPES, 'invalid Scope: "{}"')),
    Choice("Sharing", "sharing", Words(_SHARINGS, 'invalid Sharing: "{}"')),
    Own(
        _show_access,
        _read_access,
        (Part("MountVolume", "mount", _MOUNT), Part("BlockVolume", "block", Shape())),
    ),
)
SPEC: Final = Shape(
    Value("Group", "group", TEXT),
    Part("AccessMode", "access_mode", _ACCESS),
    Part(
        "AccessibilityRequirements",
        "AccessibilityRequirements",
        Shape(Parts("Requisite", "requisite", TOPOLOGY), Parts("Preferred", "preferred", TOPOLOGY)),
    ),
    Part(
        "CapacityRange",
        "capacity_range",
        Shape(
            Value("RequiredBytes", "required_bytes", integer(), keep=True),
            Value("LimitBytes", "limit_bytes", integer(), keep=True),
        ),
    ),
    Parts(
        "Secrets",
        "secrets",
        Shape(Value("Key", "key", TEXT, keep=True), Value("Secret", "secret", TEXT, keep=True)),
    ),
    Choice(
        "Availability",
        "availability",
        Words(words_of(VolumeSpec.VolumeAvailability), 'invalid Availability: "{}"'),
    ),
)
_PUBLISHED: Final = Shape(
    Value("NodeID", "node_id", TEXT),
    Choice(
        "State",
        "state",
        Words({word: number for word, number in _PUBLISH_STATES.items() if word != "pending-unpublish"}),
    ),
    Value("PublishContext", "publish_context", MAP),
)
_INFO: Final = Shape(
    Value("CapacityBytes", "capacity_bytes", integer()),
    Value("VolumeContext", "volume_context", MAP),
    Value("VolumeID", "volume_id", TEXT),
    Parts("AccessibleTopology", "accessible_topology", TOPOLOGY),
)
_CLUSTER_VOLUME: Final = Shape(
    ID,
    META_ROW,
    Part("Spec", "spec", SPEC, always=True),
    Parts("PublishStatus", "publish_status", _PUBLISHED),
    Part("Info", "volume_info", _INFO),
)


def to_json(volume: Volume, version: Version) -> dict[str, Any]:
    """The volume as lists and inspections of volumes have it."""
    spec = volume.spec
    return {
        "ClusterVolume": _CLUSTER_VOLUME.show(volume, version),
        "CreatedAt": _created(volume),
        "Driver": spec.driver.name,
        "Labels": MAP.show(spec.annotations.labels) or None,
        "Mountpoint": "",
        "Name": spec.annotations.name,
        "Options": MAP.show(spec.driver.options) or None,
        "Scope": "global",
    }


def to_form(volume: Volume) -> Form:
    """The volume as templates see it."""
    told = to_json(volume, NEWEST)
    return Form(told | {"ClusterVolume": _CLUSTER_VOLUME.form(told["ClusterVolume"])})


def _created(volume: Volume) -> str:
    """In the form in which Docker gives it here, and only here."""
    value = volume.meta.created_at
    at = calendar_time(timestamp_ns(value))
    if at is None:
        return "0001-01-01 00:00:00 +0000 UTC"
    fraction = f".{value.nanos:09d}".rstrip("0") if value.nanos else ""
    return f"{at.isoformat(' ')[:19]}{fraction} +0000 UTC"


def from_json(body: object, version: Version) -> VolumeSpec:
    """The spec of a volume that is to be made. Raises BadRequest."""
    given = Given(body, version)
    spec = VolumeSpec()
    SPEC.read(given.part("ClusterVolumeSpec") or Given(None, version), spec)
    spec.annotations.name = given.text("Name")
    spec.annotations.labels.update(given.mapping("Labels"))
    spec.driver.name = given.text("Driver")
    spec.driver.options.update(given.mapping("DriverOpts"))
    return spec


def availability_from_json(
    body: object, version: Version, kept: VolumeSpec.VolumeAvailability.ValueType
) -> VolumeSpec.VolumeAvailability.ValueType:
    """What a volume's update may change, and all that it changes; `kept` where it does not name it. Raises BadRequest."""
    spec = VolumeSpec()
    given = Given(body, version).part("Spec") or Given(None, version)
    SPEC.read(given, spec)
    return spec.availability if given.text("Availability") else kept
