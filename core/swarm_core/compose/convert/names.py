"""Names of a stack's objects in the swarm, and the labels by which they are known (docs/design/stacks.md 12.6)."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from swarm_core.api.proto import specs_pb2
from swarm_core.compose.reading.errors import Unsound

NAMESPACE: Final = "com.docker.stack.namespace"
IMAGE: Final = "com.docker.stack.image"
GENERATION: Final = "swarmtui.generation.of"
"""On a secret or config that is one generation of several: the name that the files give it."""
PAYLOAD_NAME_MAX: Final = 64
_HASH_DIGITS: Final = 10
_QUOTES: Final = "'\"`"
Payload = specs_pb2.SecretSpec | specs_pb2.ConfigSpec


def check_stack_name(name: str) -> None:
    """Raise Unsound for a name that no stack can have."""
    if not name.strip() or set(name) & set(_QUOTES) or name != name.strip():
        raise Unsound(f'invalid stack name: "{name}"')
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise Unsound(f'invalid stack name: "{name}" (write letters, digits, -, _ and .)')


@dataclass(frozen=True, slots=True)
class Namespace:
    """The stack whose objects are named."""

    stack: str

    def scoped(self, name: str) -> str:
        """The name in the swarm of what the files call `name`."""
        return f"{self.stack}_{name}"

    def descoped(self, name: str) -> str:
        """What a file would call the object of this name."""
        return name.removeprefix(f"{self.stack}_")

    def labels(self, given: Mapping[str, str]) -> dict[str, str]:
        """Those labels with the one that marks what belongs to the stack."""
        return {**given, NAMESPACE: self.stack}


class NoNamespace(Namespace):
    """Of a service by itself: everything is called in the swarm as in the text."""

    def __init__(self) -> None:
        super().__init__("")

    def scoped(self, name: str) -> str:
        return name

    def descoped(self, name: str) -> str:
        return name

    def labels(self, given: Mapping[str, str]) -> dict[str, str]:
        return dict(given)


class Style(Enum):
    """How secrets and configs are called that no file gives a name."""

    GENERATIONS = "generations"
    """A name for each content."""
    DOCKER = "docker"
    """Docker's names: content that changes is refused."""
    RANDOM = "random"
    """Generations of secrets whose names say nothing about their content, and which change on request alone."""


@dataclass(frozen=True, slots=True)
class PayloadNames:
    """Names of secrets and configs. A secret's hash is slow to make and salted, so that its name does not give it away."""

    style: Style
    salt: bytes = b""
    rotated: Mapping[str, str] = field(default_factory=dict)
    """Names that stand whatever the content, by "secret NAME" or "config NAME"."""
    made_up: Callable[[], str] = str
    """A new name's random digits."""
    hashes: dict[bytes, str] = field(default_factory=dict)
    """Those of secrets that were made before. Who asks again and again for the same stack, as its form does with each key, shares them."""

    def name(self, noun: str, scoped: str, spec: Payload) -> str:
        """The name in the swarm. `spec` has everything but its name."""
        if self.style is Style.DOCKER:
            return scoped
        if self.style is Style.RANDOM and noun == "secret":
            return generation_name(scoped, self.made_up())
        return generation_name(scoped, self.digest(spec))

    def digest(self, spec: Payload) -> str:
        """Of the content; that of a secret is made once."""
        if not isinstance(spec, specs_pb2.SecretSpec):
            return hashlib.sha256(_content(spec)).hexdigest()
        key = hashlib.sha256(self.salt + b"\0" + _content(spec)).digest()
        if key not in self.hashes:
            self.hashes[key] = secret_hash(spec, self.salt)
        return self.hashes[key]


def generation_name(scoped: str, digest: str) -> str:
    """The name with the beginning of the digest; cut so that the digest stays whole."""
    tail = f"-{digest[:_HASH_DIGITS]}"
    return scoped[: PAYLOAD_NAME_MAX - len(tail)] + tail


def secret_hash(spec: Payload, salt: bytes) -> str:
    """Of a secret's content and of how it is templated: whoever has the salt needs a tenth of a second for each guess."""
    return hashlib.scrypt(_content(spec), salt=salt, n=1 << 15, r=8, p=1, maxmem=64 << 20, dklen=32).hex()


def _content(spec: Payload) -> bytes:
    drivers = [spec.templating]
    if isinstance(spec, specs_pb2.SecretSpec):
        drivers.append(spec.driver)
    parts = [driver.SerializeToString(deterministic=True) for driver in drivers]
    return b"".join(len(part).to_bytes(4) + part for part in [*parts, spec.data])
