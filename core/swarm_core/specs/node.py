"""A node's spec, its setters and what it must meet: availability and role."""

from collections.abc import Mapping
from typing import Final

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.specs import notation
from swarm_core.specs.errors import InvalidSpec

AVAILABILITIES: Final[Mapping[str, int]] = notation.words_of(specs_pb2.NodeSpec.Availability)
ROLES: Final[Mapping[str, int]] = notation.words_of(types_pb2.NodeRole)


def set_availability(spec: specs_pb2.NodeSpec, word: str) -> None:
    """active, pause or drain."""
    spec.availability = notation.choice(word, AVAILABILITIES)  # type: ignore[assignment]


def set_role(spec: specs_pb2.NodeSpec, word: str) -> None:
    """worker or manager."""
    spec.desired_role = notation.choice(word, ROLES)  # type: ignore[assignment]


def check(spec: specs_pb2.NodeSpec) -> None:
    """Words that are known. Raises InvalidSpec."""
    if spec.availability not in AVAILABILITIES.values():
        raise InvalidSpec("the availability must be active, pause or drain")
    if spec.desired_role not in ROLES.values():
        raise InvalidSpec("the role must be worker or manager")
