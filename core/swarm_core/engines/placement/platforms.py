"""What an image runs on: operating system and processor, as images and engines write them. Pure.

Rules
1. `OS[/ARCHITECTURE[/VARIANT]]`, or an architecture alone, which is linux's. Engines call processors by their machine's names: x86_64 is amd64.
2. What one side does not say matches everything. Variants are the engine's to judge.
"""

from dataclasses import dataclass
from typing import Final

from swarm_core.engines.placement.expressions import BadExpression

_SYSTEMS: Final = ("linux", "windows", "darwin", "freebsd")
_ARCHITECTURES: Final = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "armhf": "arm",
    "i386": "386", "i686": "386",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Platform:
    """One of them; an empty field is any."""

    os: str
    architecture: str = ""

    @staticmethod
    def parse(text: str) -> "Platform":
        """Raises BadExpression."""
        parts = text.lower().split("/")
        if not all(parts) or len(parts) > 3:
            raise BadExpression(f"{text!r} is no platform: OS[/ARCHITECTURE[/VARIANT]] is expected")
        if len(parts) == 1 and parts[0] not in _SYSTEMS:
            return Platform("linux", normal(parts[0]))
        return Platform(parts[0], normal(parts[1]) if len(parts) > 1 else "")

    def suits(self, other: "Platform") -> bool:
        """Whether an image of this platform runs on the other."""
        return _same(self.os, other.os) and _same(self.architecture, other.architecture)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture) if part)


def normal(architecture: str) -> str:
    """A processor as images call it."""
    return _ARCHITECTURES.get(architecture.lower(), architecture.lower())


def _same(one: str, other: str) -> bool:
    return not one or not other or one == other
