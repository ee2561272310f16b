"""A cluster volume's spec, its setters and what it must meet (docs/design/volumes.md 12.1, 12.9)."""

from collections.abc import Mapping, Sequence
from typing import Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import lists, notation
from swarm_core.specs.errors import InvalidSpec, InvalidValue

_Mode = types_pb2.VolumeAccessMode
AVAILABILITIES: Final[Mapping[str, int]] = notation.words_of(specs_pb2.VolumeSpec.VolumeAvailability)
# Docker's words, which have no hyphens.
SCOPES: Final[Mapping[str, int]] = {"single": _Mode.SINGLE_NODE, "multi": _Mode.MULTI_NODE}
SHARINGS: Final[Mapping[str, int]] = {
    "none": _Mode.NONE,
    "readonly": _Mode.READ_ONLY,
    "onewriter": _Mode.ONE_WRITER,
    "all": _Mode.ALL,
}
ACCESS_TYPES: Final = ("mount", "block")


def new(name: str) -> specs_pb2.VolumeSpec:
    """A volume as the commands make it when nothing else is said: a block device for one task at a time."""
    spec = specs_pb2.VolumeSpec()
    spec.annotations.name = name
    set_scope(spec, "single")
    set_sharing(spec, "none")
    set_access_type(spec, "block")
    return spec


def set_driver(spec: specs_pb2.VolumeSpec, name: str) -> None:
    """The storage plugin that makes it."""
    spec.driver.name = name


def put_options(spec: specs_pb2.VolumeSpec, given: Sequence[str]) -> None:
    """key=value for the plugin."""
    lists.put_pairs(spec.driver.options, given)


def put_labels(spec: specs_pb2.VolumeSpec, given: Sequence[str]) -> None:
    lists.put_pairs(spec.annotations.labels, given)


def set_group(spec: specs_pb2.VolumeSpec, name: str) -> None:
    """Volumes of a group stand for each other where a mount asks for `group:NAME`."""
    spec.group = name


def set_scope(spec: specs_pb2.VolumeSpec, word: str) -> None:
    """single or multi: on how many nodes at once."""
    spec.access_mode.scope = notation.choice(word, SCOPES)  # type: ignore[assignment]


def set_sharing(spec: specs_pb2.VolumeSpec, word: str) -> None:
    """none, readonly, onewriter or all: by which tasks at once."""
    spec.access_mode.sharing = notation.choice(word, SHARINGS)  # type: ignore[assignment]


def set_access_type(spec: specs_pb2.VolumeSpec, word: str) -> None:
    """mount for a file system, block for a device."""
    access = notation.word(word, ACCESS_TYPES)
    getattr(spec.access_mode, access).SetInParent()


def set_availability(spec: specs_pb2.VolumeSpec, word: str) -> None:
    """active, pause or drain."""
    spec.availability = notation.choice(word, AVAILABILITIES)  # type: ignore[assignment]


def put_secrets(spec: specs_pb2.VolumeSpec, given: Mapping[str, str]) -> None:
    """What the plugin is told in secret: key → id of a secret."""
    for key, secret_id in sorted(given.items()):
        spec.secrets.add(key=key, secret=secret_id)


def require_bytes(spec: specs_pb2.VolumeSpec, text: str) -> None:
    """At least so large."""
    spec.capacity_range.required_bytes = notation.byte_count(text)


def limit_bytes(spec: specs_pb2.VolumeSpec, text: str) -> None:
    """At most so large."""
    spec.capacity_range.limit_bytes = notation.byte_count(text)


def require_topologies(spec: specs_pb2.VolumeSpec, given: Sequence[str]) -> None:
    """Each is segment=value,…: reachable from at least one of them."""
    spec.AccessibilityRequirements.requisite.extend(map(topology, given))


def prefer_topologies(spec: specs_pb2.VolumeSpec, given: Sequence[str]) -> None:
    """Each is segment=value,…: reachable from the first that can be."""
    spec.AccessibilityRequirements.preferred.extend(map(topology, given))


def topology(text: str) -> types_pb2.Topology:
    """segment=value, several with commas."""
    parts = [part.strip() for part in text.split(",")]
    if any(not key or not value for key, _, value in (part.partition("=") for part in parts)):
        raise InvalidValue(f"{text!r} is no topology (write zone=east or region=r1,zone=z2)")
    return types_pb2.Topology(segments=notation.pairs(parts))


def check(spec: specs_pb2.VolumeSpec) -> None:
    """What can be said of a volume without the cluster. Raises InvalidSpec."""
    if not spec.annotations.name:
        raise InvalidSpec("a name is required")
    if not spec.driver.name:
        raise InvalidSpec("a volume needs a driver: the name of a CSI plugin")
    if not spec.HasField("access_mode"):
        raise InvalidSpec("a volume needs an access mode")
    if spec.access_mode.WhichOneof("access_type") is None:
        raise InvalidSpec("a volume needs an access type: mount or block")
    if spec.availability not in AVAILABILITIES.values():
        raise InvalidSpec("the availability must be active, pause or drain")
    sizes = spec.capacity_range
    if sizes.required_bytes < 0 or sizes.limit_bytes < 0:
        raise InvalidSpec("a volume's size must not be negative")
    if sizes.limit_bytes and sizes.required_bytes > sizes.limit_bytes:
        raise InvalidSpec(
            f"a volume of at least {sizes.required_bytes} bytes cannot have at most {sizes.limit_bytes}"
        )
