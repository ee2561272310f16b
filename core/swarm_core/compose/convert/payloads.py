"""Secrets and configs of a stack, and how a service refers to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from swarm_core.api.proto import specs_pb2, types_pb2
from swarm_core.compose.convert.names import GENERATION, Namespace, PayloadNames, Style
from swarm_core.compose.forms.scalars import plain_texts
from swarm_core.compose.reading.errors import Unreadable, Unsound
from swarm_core.compose.reading.values import Map, Seq

S = TypeVar("S", specs_pb2.SecretSpec, specs_pb2.ConfigSpec)
R = TypeVar("R", types_pb2.SecretReference, types_pb2.ConfigReference)


@dataclass(frozen=True, slots=True)
class Content:
    """Where the bytes of secrets and configs come from."""

    read: Callable[[str], bytes]
    """The content of a file. Raises OSError."""
    variables: Mapping[str, str]


class Check(Enum):
    """How a change of content is noticed."""

    NAME = "name"
    """Another content has another name."""
    CONTENT = "content"
    """The name is fixed, so the content must stay."""
    NONE = "none"
    """The content is the business of `stack rotate` alone."""


@dataclass(frozen=True, slots=True)
class Owned(Generic[S]):
    """A secret or config that belongs to the stack."""

    short: str
    spec: S
    check: "Check"

    @property
    def name(self) -> str:
        return self.spec.annotations.name


@dataclass(frozen=True, slots=True)
class Payloads(Generic[S]):
    """Those of one noun: the stack's own, and the names in the swarm of all by what the files call them."""

    owned: Mapping[str, Owned[S]] = field(default_factory=dict)
    external: Mapping[str, str] = field(default_factory=dict)

    def full_name(self, short: str) -> str | None:
        """The name in the swarm; None for what no file defines."""
        owned = self.owned.get(short)
        return owned.name if owned is not None else self.external.get(short)


def payloads(
    noun: str, section: Map, make: Callable[[], S], space: Namespace, names: PayloadNames, content: Content
) -> Payloads[S]:
    """All that a section defines. Raises ComposeError."""
    owned: dict[str, Owned[S]] = {}
    external: dict[str, str] = {}
    for short, definition in section.items():
        if definition.get("external"):
            external[short] = definition["name"]
            continue
        spec = make()
        _fill(noun, short, spec, definition, content)
        spec.annotations.labels.update(space.labels(plain_texts(definition.get("labels") or {})))
        owned[short] = _named(noun, short, spec, definition.get("name") or "", space, names)
    return Payloads(owned, external)


def _named(noun: str, short: str, spec: S, given: str, space: Namespace, names: PayloadNames) -> Owned[S]:
    """The spec with its name: the one of the last rotation, else the one the file gives, else the one of its content."""
    rotated = names.rotated.get(f"{noun} {short}", "")
    if given and not rotated:
        spec.annotations.name = given
        return Owned(short, spec, Check.CONTENT)
    if noun == "secret" and names.style is Style.RANDOM:
        check = Check.NONE
    else:
        check = Check.CONTENT if rotated or names.style is Style.DOCKER else Check.NAME
    if names.style is not Style.DOCKER or rotated:
        spec.annotations.labels[GENERATION] = short
    spec.annotations.name = rotated or names.name(noun, space.scoped(short), spec)
    return Owned(short, spec, check)


def _fill(noun: str, short: str, spec: Any, definition: Map, content: Content) -> None:
    if driver := definition.get("template_driver"):
        spec.templating.name = driver
    if definition.get("driver"):
        spec.driver.name = definition["driver"]
        spec.driver.options.update(plain_texts(definition.get("driver_opts") or {}))
        return
    if "content" in definition:
        spec.data = definition["content"].encode()
    elif variable := definition.get("environment"):
        if variable not in content.variables:
            told = f"{noun} {short}: the variable {variable} is not set"
            raise Unsound(told, definition.at("environment"))
        spec.data = content.variables[variable].encode(errors="surrogateescape")
    elif definition.get("file"):
        spec.data = _read(noun, short, definition, content)
    else:
        raise Unsound(f"{noun} {short} has no content: it needs a file, or external: true", definition.mark)


def _read(noun: str, short: str, definition: Map, content: Content) -> bytes:
    path = definition["file"]
    try:
        return content.read(path)
    except OSError as error:
        told = f"{noun} {short}: {path} cannot be read: {error.strerror or error}"
        raise Unreadable(told, definition.at("file")) from None


def references(
    noun: str, service: str, given: Seq | tuple[()], known: Payloads[Any], make: Callable[..., R]
) -> list[R]:
    """The references of a service, sorted by name, without ids. Raises Unsound."""
    found, targets = [], set()
    for entry in given:
        source = entry["source"]
        name = known.full_name(source)
        if name is None:
            raise Unsound(f'service {service}: undefined {noun} "{source}"', entry.at("source"))
        target = entry.get("target") or source
        if target in targets:
            raise Unsound(f"duplicate {noun} target for {target} not allowed", entry.mark)
        targets.add(target)
        file = types_pb2.FileTarget(
            name=target,
            uid=entry.get("uid") or "0",
            gid=entry.get("gid") or "0",
            mode=entry.get("mode", 0o444),
        )
        found.append(make(**{f"{noun}_name": name}, file=file))
    return sorted(found, key=lambda reference: str(getattr(reference, f"{noun}_name")))
