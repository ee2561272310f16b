"""Names of images as docker's own client writes them into a spec: short where they may be, and with a tag."""

import re
from dataclasses import dataclass
from typing import Final

from swarm_core.api.proto import types_pb2
from swarm_core.specs.checks import is_image

_OFFICIAL: Final = "docker.io"
_LIBRARY: Final = "library/"
_LATEST: Final = "latest"


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a registry says of an image."""

    image: str
    """Its name, with the digest that it means now."""
    platforms: tuple[types_pb2.Platform, ...]
    """Those that it is made for."""


def registry(image: str) -> str:
    """The host of an image's name; docker.io where it names none."""
    first, separator, _ = image.partition("/")
    is_host = separator and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    return first if is_host and first != f"index.{_OFFICIAL}" else _OFFICIAL


def familiar(image: str) -> str:
    """`docker.io/library/redis` is redis:latest. What is no name of an image, as an id is none, stays as it is."""
    if not is_image(image):
        return image
    host = registry(image)
    if host == _OFFICIAL:
        image = re.sub(rf"^(index\.)?{re.escape(_OFFICIAL)}/", "", image).removeprefix(_LIBRARY)
    has_tag = ":" in image.rpartition("/")[2] or "@" in image
    return image if has_tag else f"{image}:{_LATEST}"
