"""What a mirror of many engines holds: a record of the engines' own tables, with an id that no other engine's record has.

Ids of engines are one engine's: two engines have the same image, and volumes are called alike. So an item's id is the engine's key and
the record's own id, with a stroke between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from swarm_core.engines.records import Container, EngineKey, EngineRecord, Event, Image, Network, Volume
from swarm_core.engines.tables import R


def item_id(engine: EngineKey, id_: str) -> str:
    """What an object of an engine is called among those of all."""
    return f"{engine}/{id_}"


@dataclass(frozen=True, slots=True)
class EngineItem:
    """An engine; its id is its key."""

    id: str
    record: EngineRecord

    @property
    def plain(self) -> Mapping[str, Any]:
        """The engine as people and programs read it."""
        one = self.record
        return {
            "Name": one.name,
            "Address": one.entry.url,
            "State": one.word,
            "Error": one.error,
            "ID": one.id,
            "Hostname": one.hostname,
            "Version": one.version,
            "ApiVersion": one.api_version,
            "OS": one.os,
            "Architecture": one.architecture,
            "Kernel": one.kernel,
            "CPUs": one.cpus,
            "Memory": one.memory_bytes,
            "SkewSeconds": one.skew_s,
            "Maintenance": one.in_maintenance,
            "Labels": dict(one.labels),
            "Source": one.entry.source,
        }


@dataclass(frozen=True, slots=True)
class _ListedItem(Generic[R]):
    """What an engine lists."""

    id: str
    record: R

    @property
    def plain(self) -> Mapping[str, Any]:
        """The engine's own list entry."""
        return self.record.entry


@dataclass(frozen=True, slots=True)
class ContainerItem(_ListedItem[Container]):
    """A container."""


@dataclass(frozen=True, slots=True)
class ImageItem(_ListedItem[Image]):
    """An image on one engine."""


@dataclass(frozen=True, slots=True)
class VolumeItem(_ListedItem[Volume]):
    """A volume on one engine."""


@dataclass(frozen=True, slots=True)
class NetworkItem(_ListedItem[Network]):
    """A network on one engine."""


@dataclass(frozen=True, slots=True)
class EventItem:
    """Something that an engine told, or that happened to our connection with it. Its id is a number of ten digits that grows."""

    id: str
    record: Event

    @property
    def plain(self) -> Mapping[str, Any]:
        """The event in words that need no engine's version."""
        one = self.record
        return {
            "Engine": one.engine,
            "Type": one.type,
            "Action": one.action,
            "ID": one.id,
            "Attributes": dict(one.attributes),
            "TimeNano": one.at_ns,
        }


Item = EngineItem | ContainerItem | ImageItem | VolumeItem | NetworkItem | EventItem
