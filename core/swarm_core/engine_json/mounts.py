"""Mounts of containers (docs/design/engine-api-json.md 14.4.7)."""

from typing import Any, Final

from swarm_core.api.proto.types_pb2 import Mount
from swarm_core.engine_json.annotations import DRIVER
from swarm_core.engine_json.given import UINT32, Given
from swarm_core.engine_json.shape import (
    FLAG,
    MAP,
    TEXT,
    TEXTS,
    Choice,
    Own,
    Part,
    Shape,
    Value,
    Words,
    integer,
)
from swarm_core.http.errors import BadRequest
from swarm_core.http.version import Version
from swarm_core.specs.notation import words_of
from swarm_core.specs.tmpfs import tmpfs_options, tmpfs_text

_V_OPTIONS = Version(1, 46)
_PROPAGATION: Final = Words(
    words_of(Mount.BindOptions.Propagation), 'invalid MountPropagation: "{}"', any_case=True
)
_BIND_FLAGS: Final = (
    Value("NonRecursive", "nonrecursive", FLAG),
    Value("CreateMountpoint", "createmountpoint", FLAG),
    Value("ReadOnlyNonRecursive", "readonlynonrecursive", FLAG),
    Value("ReadOnlyForceRecursive", "readonlyforcerecursive", FLAG),
)
_BIND: Final = Shape(Choice("Propagation", "propagation", _PROPAGATION), *_BIND_FLAGS)


def _read_bind(given: Given, mount: Any) -> None:
    """Options that say nothing are none."""
    part = given.part("BindOptions")
    if part is None:
        return
    _BIND.read(part, mount.bind_options)
    if not part.text("Propagation") and not any(part.flag(row.name) for row in _BIND_FLAGS):
        mount.ClearField("bind_options")


def _show_options(tmpfs: Any, out: dict[str, Any], version: Version) -> None:
    try:
        options = tmpfs_options(tmpfs.options)
    except ValueError:
        return  # who wrote it knows; a list of such services must be shown all the same
    if options:
        out["Options"] = options


def _read_options(given: Given, tmpfs: Any) -> None:
    if given.version < _V_OPTIONS:
        return
    options = []
    for at, each in enumerate(given.items("Options")):
        place = f"{given.where('Options')}[{at}]"
        if not isinstance(each, list) or not all(isinstance(word, str) for word in each):
            raise BadRequest(f"invalid JSON: {place} must be a list of strings")
        options.append(each)
    if options:
        tmpfs.options = tmpfs_text(options)


_VOLUME: Final = Shape(
    Value("NoCopy", "nocopy", FLAG),
    Value("Labels", "labels", MAP),
    Value("Subpath", "subpath", TEXT),
    Part("DriverConfig", "driver_config", DRIVER),
)
_TMPFS: Final = Shape(
    Value("SizeBytes", "size_bytes", integer()),
    Value("Mode", "mode", integer(UINT32)),
    Own(_show_options, _read_options, (Value("Options", "options", TEXTS),)),
)
_BIND_OPTIONS: Final = Part("BindOptions", "bind_options", _BIND)
MOUNT: Final = Shape(
    Choice("Type", "type", Words(words_of(Mount.Type), 'invalid MountType: "{}"', any_case=True)),
    Value("Source", "source", TEXT),
    Value("Target", "target", TEXT),
    Value("ReadOnly", "readonly", FLAG),
    Own(_BIND_OPTIONS.show, _read_bind, (_BIND_OPTIONS,)),
    Part("VolumeOptions", "volume_options", _VOLUME),
    Part("TmpfsOptions", "tmpfs_options", _TMPFS),
)
