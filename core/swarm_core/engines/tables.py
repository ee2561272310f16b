"""The records of all engines, one table for each kind, with the indexes that look-ups need.

Rules
1. A change touches one record and its places in the indexes; nothing is built anew.
2. What is put and equal to what is there changes nothing and is told to nobody.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from swarm_core.engines.records import (
    Container,
    EngineKey,
    Gone,
    Image,
    Kind,
    Network,
    Put,
    Row,
    Volume,
)

R = TypeVar("R", Container, Image, Volume, Network)
Publish = Callable[[Put | Gone], None]


class Table(Generic[R]):
    """The records of one kind."""

    def __init__(self, kind: Kind, publish: Publish) -> None:
        self.kind = kind
        self._publish = publish
        self._of: dict[EngineKey, dict[str, R]] = {}
        self._by_id: dict[str, dict[EngineKey, R]] = {}
        self._by_name: dict[str, dict[tuple[EngineKey, str], R]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[R]:
        for records in self._of.values():
            yield from records.values()

    def of(self, engine: EngineKey) -> Mapping[str, R]:
        """The records of one engine by their id; it changes as they do."""
        return self._of.get(engine, {})

    def get(self, engine: EngineKey, id_: str) -> R | None:
        """One record."""
        records = self._of.get(engine)
        return None if records is None else records.get(id_)

    def with_id(self, id_: str) -> Sequence[R]:
        """The records with this id, one for each engine that has it."""
        return list(self._by_id.get(id_, {}).values())

    def named(self, name: str) -> Sequence[R]:
        """The records with this name."""
        return list(self._by_name.get(name, {}).values())

    def ids(self) -> Collection[str]:
        """All ids, each once."""
        return self._by_id.keys()

    def put(self, record: R) -> bool:
        """Have `record` in place of the one with its engine and id; whether that changes anything."""
        records = self._of.setdefault(record.engine, {})
        old = records.get(record.id)
        if old == record:
            return False
        if old is None:
            self._size += 1
        records[record.id] = record
        self._by_id.setdefault(record.id, {})[record.engine] = record
        names = names_of(record)
        if old is not None and (before := names_of(old)) != names:
            self._forget_names(old, before)
        for name in names:
            self._by_name.setdefault(name, {})[record.engine, record.id] = record
        self._publish(Put(self.kind, record))
        return True

    def delete(self, engine: EngineKey, id_: str) -> bool:
        """Have it no more; whether it was there."""
        old = self._of.get(engine, {}).pop(id_, None)
        if old is None:
            return False
        self._size -= 1
        places = self._by_id[id_]
        del places[engine]
        if not places:
            del self._by_id[id_]
        self._forget_names(old, names_of(old))
        self._publish(Gone(self.kind, engine, id_))
        return True

    def delete_all(self, engine: EngineKey) -> None:
        """Have none of this engine's."""
        for id_ in list(self._of.get(engine, {})):
            self.delete(engine, id_)
        self._of.pop(engine, None)

    def _forget_names(self, record: R, names: Sequence[str]) -> None:
        for name in names:
            holders = self._by_name[name]
            del holders[record.engine, record.id]
            if not holders:
                del self._by_name[name]


class Tables:
    """One table for each kind."""

    def __init__(self, publish: Publish) -> None:
        self.containers: Table[Container] = Table(Kind.CONTAINER, publish)
        self.images: Table[Image] = Table(Kind.IMAGE, publish)
        self.volumes: Table[Volume] = Table(Kind.VOLUME, publish)
        self.networks: Table[Network] = Table(Kind.NETWORK, publish)

    def delete_all(self, engine: EngineKey) -> None:
        """Have nothing of this engine's."""
        self.containers.delete_all(engine)
        self.images.delete_all(engine)
        self.volumes.delete_all(engine)
        self.networks.delete_all(engine)


def names_of(record: Row) -> tuple[str, ...]:
    """What a record is called, besides its id."""
    match record:
        case Image():
            return tuple(dict.fromkeys((*record.tags, *record.digests)))
        case Container() | Volume() | Network():
            return (record.name,)
