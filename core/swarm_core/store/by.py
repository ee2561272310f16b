"""Query terms of `find`: each names an index and the key looked up in it.

Which kind accepts which term stands in `tables`. Names are compared in lower case, ids byte by byte
(docs/design/store.md 1.1).
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar


class By(ABC):
    """Base of all terms."""

    __slots__ = ()
    index: ClassVar[str]

    @abstractmethod
    def key(self) -> Hashable:
        """The key to look up; for the prefix terms, the beginning of keys."""


class Prefix(By):
    """Base of the terms that match every key with a given beginning."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Text(By):
    value: str

    def key(self) -> Hashable:
        return self.value


@dataclass(frozen=True, slots=True)
class _Number(By):
    value: int

    def key(self) -> Hashable:
        return int(self.value)


@dataclass(frozen=True, slots=True)
class IdPrefix(Prefix):
    index: ClassVar[str] = "id"
    value: str

    def key(self) -> Hashable:
        return self.value


@dataclass(frozen=True, slots=True)
class Name(By):
    index: ClassVar[str] = "name"
    value: str

    def key(self) -> Hashable:
        return self.value.lower()


@dataclass(frozen=True, slots=True)
class NamePrefix(Prefix):
    index: ClassVar[str] = "name"
    value: str

    def key(self) -> Hashable:
        return self.value.lower()


@dataclass(frozen=True, slots=True)
class Runtime(By):
    index: ClassVar[str] = "runtime"
    value: str

    def key(self) -> Hashable:
        return self.value.lower()


class Role(_Number):
    index: ClassVar[str] = "role"


class Membership(_Number):
    index: ClassVar[str] = "membership"


class DesiredState(_Number):
    index: ClassVar[str] = "desired_state"


class TaskState(_Number):
    index: ClassVar[str] = "task_state"


class ByNode(_Text):
    index: ClassVar[str] = "node"


class ByService(_Text):
    index: ClassVar[str] = "service"


class RunningOf(_Text):
    """Tasks of this service that run."""

    index: ClassVar[str] = "running"


class WantedOf(_Text):
    """Tasks of this service that are to run."""

    index: ClassVar[str] = "wanted"


class ReferencedNetwork(_Text):
    index: ClassVar[str] = "network"


class ReferencedSecret(_Text):
    index: ClassVar[str] = "secret"


class ReferencedConfig(_Text):
    index: ClassVar[str] = "config"


class VolumeAttachment(_Text):
    index: ClassVar[str] = "volume"


class Kind(_Text):
    index: ClassVar[str] = "kind"


class Group(_Text):
    index: ClassVar[str] = "group"


class Driver(_Text):
    index: ClassVar[str] = "driver"


@dataclass(frozen=True, slots=True)
class Slot(By):
    index: ClassVar[str] = "slot"
    service_id: str
    slot: int

    def key(self) -> Hashable:
        return (self.service_id, self.slot)


@dataclass(frozen=True, slots=True)
class Custom(By):
    index: ClassVar[str] = "custom"
    name: str
    value: str

    def key(self) -> Hashable:
        return f"{self.name}|{self.value}"


@dataclass(frozen=True, slots=True)
class CustomPrefix(Prefix):
    """`value` is the beginning of the index's value."""

    index: ClassVar[str] = "custom"
    name: str
    value: str

    def key(self) -> Hashable:
        return f"{self.name}|{self.value}"
