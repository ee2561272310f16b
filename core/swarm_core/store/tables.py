"""The ten kinds of objects, where each travels on the wire, and which indexes it has (docs/design/store.md 1.1).

An index is built by the first query that needs it and kept up to date from then on, so a kind pays only for
the indexes somebody uses. The lower-cased name of the kinds with unique names is always kept.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from swarm_core.api.naming import task_name
from swarm_core.api.proto import objects_pb2, specs_pb2, types_pb2
from swarm_core.api.references import config_references, secret_references
from swarm_core.api.runtimes import runtime_of
from swarm_core.store.by import By, Prefix
from swarm_core.store.errors import InvalidFind

Node = objects_pb2.Node
Service = objects_pb2.Service
Task = objects_pb2.Task
Network = objects_pb2.Network
Cluster = objects_pb2.Cluster
Secret = objects_pb2.Secret
Config = objects_pb2.Config
Resource = objects_pb2.Resource
Extension = objects_pb2.Extension
Volume = objects_pb2.Volume

StoreObject: TypeAlias = (
    objects_pb2.Node
    | objects_pb2.Service
    | objects_pb2.Task
    | objects_pb2.Network
    | objects_pb2.Cluster
    | objects_pb2.Secret
    | objects_pb2.Config
    | objects_pb2.Resource
    | objects_pb2.Extension
    | objects_pb2.Volume
)
T = TypeVar("T", bound=StoreObject)
Keys: TypeAlias = Callable[[Any], Iterable[Hashable]]


@dataclass(frozen=True, slots=True)
class TableSchema(Generic[T]):
    """What is fixed about a kind: wire places, name rule, indexes."""

    kind: type[T]
    name: str
    action_field: int  # of raft's StoreAction.target
    snapshot_field: int  # of StoreSnapshot
    watch_field: int  # of watch's Object
    name_of: Callable[[T], str | None]
    unique_name: bool
    indexes: dict[str, Keys]  # by By.index; "id" and "name" are always there

    def keys(self, index: str, item: T) -> Iterable[Hashable]:
        """The keys of `item` in `index`. Raises InvalidFind when the kind has no such index."""
        if index == "id":
            return (item.id,)
        if index == "name":
            name = self.name_of(item)
            return () if name is None else (name.lower(),)
        try:
            return self.indexes[index](item)
        except KeyError:
            raise InvalidFind from None


def _runtime(spec: specs_pb2.TaskSpec) -> Iterable[Hashable]:
    runtime = runtime_of(spec)
    return (runtime,) if runtime else ()


def _secrets(spec: specs_pb2.TaskSpec) -> Iterable[Hashable]:
    return {reference.secret_id for reference in secret_references(spec)}


def _configs(spec: specs_pb2.TaskSpec) -> Iterable[Hashable]:
    return {reference.config_id for reference in config_references(spec)}


def _service_networks(service: objects_pb2.Service) -> Iterable[Hashable]:
    attachments = service.spec.task.networks or service.spec.networks
    return {attachment.target for attachment in attachments}


def _custom(annotations: types_pb2.Annotations) -> Iterable[Hashable]:
    return {f"{entry.key}|{entry.val}" for entry in annotations.indices}


def _spec_custom(item: Any) -> Iterable[Hashable]:
    return _custom(item.spec.annotations)


def _own_custom(item: Any) -> Iterable[Hashable]:
    return _custom(item.annotations)


def _hostname(node: objects_pb2.Node) -> str | None:
    return node.description.hostname if node.HasField("description") else None


def _spec_name(item: Any) -> str:
    name: str = item.spec.annotations.name
    return name


def _own_name(item: Any) -> str:
    name: str = item.annotations.name
    return name


_TASK_INDEXES: dict[str, Keys] = {
    "runtime": lambda task: _runtime(task.spec),
    "service": lambda task: (task.service_id,) if task.service_id else (),
    "running": lambda task: (task.service_id,) if task.status.state == types_pb2.RUNNING else (),
    "wanted": lambda task: (task.service_id,) if task.desired_state == types_pb2.RUNNING else (),
    "node": lambda task: (task.node_id,) if task.node_id else (),
    "slot": lambda task: ((task.service_id, task.slot),),
    "desired_state": lambda task: (task.desired_state,),
    "task_state": lambda task: (task.status.state,),
    "network": lambda task: {attachment.target for attachment in task.spec.networks},
    "secret": lambda task: _secrets(task.spec),
    "config": lambda task: _configs(task.spec),
    "volume": lambda task: {volume.id for volume in task.volumes},
    "custom": _own_custom,
}
_SERVICE_INDEXES: dict[str, Keys] = {
    "runtime": lambda service: _runtime(service.spec.task),
    "network": _service_networks,
    "secret": lambda service: _secrets(service.spec.task),
    "config": lambda service: _configs(service.spec.task),
    "custom": _spec_custom,
}
_NODE_INDEXES: dict[str, Keys] = {
    "role": lambda node: (node.role,),
    "membership": lambda node: (node.spec.membership,),
    "custom": _spec_custom,
}
_VOLUME_INDEXES: dict[str, Keys] = {
    "group": lambda volume: (volume.spec.group,),
    "driver": lambda volume: (volume.spec.driver.name,),
    "node": lambda volume: {status.node_id for status in volume.publish_status},
    "custom": _spec_custom,
}
_RESOURCE_INDEXES: dict[str, Keys] = {"kind": lambda item: (item.kind.lower(),), "custom": _own_custom}
_SPEC: dict[str, Keys] = {"custom": _spec_custom}
_OWN: dict[str, Keys] = {"custom": _own_custom}

SCHEMAS: tuple[TableSchema[Any], ...] = (
    TableSchema(Node, "node", 2, 1, 1, _hostname, False, _NODE_INDEXES),
    TableSchema(Service, "service", 3, 2, 2, _spec_name, True, _SERVICE_INDEXES),
    TableSchema(Task, "task", 4, 4, 4, task_name, False, _TASK_INDEXES),
    TableSchema(Network, "network", 5, 3, 3, _spec_name, True, _SPEC),
    TableSchema(Cluster, "cluster", 6, 5, 5, _spec_name, True, _SPEC),
    TableSchema(Secret, "secret", 7, 6, 6, _spec_name, True, _SPEC),
    TableSchema(Resource, "resource", 8, 7, 7, _own_name, True, _RESOURCE_INDEXES),
    TableSchema(Extension, "extension", 9, 8, 8, _own_name, True, _OWN),
    TableSchema(Config, "config", 10, 9, 9, _spec_name, True, _SPEC),
    TableSchema(Volume, "volume", 11, 10, 10, _spec_name, True, _VOLUME_INDEXES),
)
SCHEMA_OF: dict[type[Any], TableSchema[Any]] = {schema.kind: schema for schema in SCHEMAS}
SCHEMA_OF_ACTION: dict[int, TableSchema[Any]] = {schema.action_field: schema for schema in SCHEMAS}
SCHEMA_OF_SNAPSHOT: dict[int, TableSchema[Any]] = {schema.snapshot_field: schema for schema in SCHEMAS}
TABLE_NAMES = frozenset(schema.name for schema in SCHEMAS)


class Table(Generic[T]):
    """The committed objects of one kind with the indexes in use. Only commits change it."""

    __slots__ = ("_indexes", "names", "objects", "schema")

    def __init__(self, schema: TableSchema[T]) -> None:
        self.schema = schema
        self.objects: dict[str, T] = {}
        self.names: dict[str, str] = {}  # lower-cased name -> id; kinds with unique names only
        self._indexes: dict[str, dict[Hashable, set[str]]] = {}

    def put(self, item: T) -> None:
        """Insert or replace."""
        old = self.objects.get(item.id)
        self.objects[item.id] = item
        if self.schema.unique_name:
            if old is not None:
                self._drop_name(old)
            if (name := self.schema.name_of(item)) is not None:
                self.names[name.lower()] = item.id
        for index, entries in self._indexes.items():
            new_keys = self.schema.keys(index, item)
            if old is not None:
                old_keys = self.schema.keys(index, old)
                if old_keys == new_keys:
                    continue
                _unindex(entries, old_keys, item.id)
            for key in new_keys:
                entries[key].add(item.id)

    def remove(self, id_: str) -> None:
        """Delete an object that exists."""
        old = self.objects.pop(id_)
        if self.schema.unique_name:
            self._drop_name(old)
        for index, entries in self._indexes.items():
            _unindex(entries, self.schema.keys(index, old), id_)

    def _drop_name(self, item: T) -> None:
        name = self.schema.name_of(item)
        if name is not None and self.names.get(name.lower()) == item.id:
            del self.names[name.lower()]

    def ids(self, term: By) -> Iterator[str]:
        """Ids of the objects that `term` matches, in no order. Raises InvalidFind."""
        key = term.key()
        if isinstance(term, Prefix):
            assert isinstance(key, str)
            if term.index == "id":
                return (id_ for id_ in self.objects if id_.startswith(key))
            entries = self._index(term.index)
            return (id_ for k, ids in entries.items() if str(k).startswith(key) for id_ in ids)
        return iter(self._index(term.index).get(key, ()))

    def count(self, term: By) -> int:
        """How many objects `term` matches. Raises InvalidFind."""
        if isinstance(term, Prefix):
            return len(set(self.ids(term)))
        return len(self._index(term.index).get(term.key(), ()))

    def _index(self, index: str) -> dict[Hashable, set[str]]:
        entries = self._indexes.get(index)
        if entries is None:
            if index not in self.schema.indexes and index not in ("id", "name"):
                raise InvalidFind
            entries = defaultdict(set)
            for item in self.objects.values():
                for key in self.schema.keys(index, item):
                    entries[key].add(item.id)
            self._indexes[index] = entries
        return entries


def _unindex(entries: dict[Hashable, set[str]], keys: Iterable[Hashable], id_: str) -> None:
    for key in keys:
        ids = entries[key]
        ids.discard(id_)
        if not ids:
            del entries[key]


def matches(schema: TableSchema[Any], item: StoreObject, term: By) -> bool:
    """Whether `term` selects `item`. Raises InvalidFind."""
    key = term.key()
    keys = schema.keys(term.index, item)
    if isinstance(term, Prefix):
        return any(str(k).startswith(str(key)) for k in keys)
    return key in keys
