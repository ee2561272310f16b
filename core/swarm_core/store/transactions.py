"""Transactions: changes on top of the committed tables, not yet committed.

One `Overlay` becomes one log entry. Several transactions may share it; each sees what came before. A
transaction that fails is undone alone, from its journal. Two transactions never change the same object in one
overlay: an object's version is the index of its entry, and two contents under one version would let a
stale update pass. The second one raises `NextEntry` and is run again on the next overlay.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from google.protobuf.timestamp_pb2 import Timestamp

from swarm_core.store import actions
from swarm_core.store.by import By, Name
from swarm_core.store.by import Kind as ResourceKind
from swarm_core.store.errors import (
    ExtensionImmutable,
    ExtensionInUse,
    NameConflict,
    ObjectExists,
    ObjectMissing,
    OutOfSequence,
    UnknownResourceKind,
)
from swarm_core.store.tables import (
    SCHEMA_OF,
    TABLE_NAMES,
    Extension,
    Resource,
    StoreObject,
    T,
    Table,
    TableSchema,
    matches,
)

Tables = dict[type[Any], Table[Any]]


class NextEntry(Exception):
    """The transaction touches an object that this entry already changes: run it for the next one."""


class Change(NamedTuple):
    action: int
    item: StoreObject
    old: StoreObject | None
    encoded: bytes


class _Undo(NamedTuple):
    """How to take one change back: the overlay's previous view of the object."""

    key: tuple[type[Any], str]
    had: bool
    previous: StoreObject | None


class _Stamp(NamedTuple):
    """The version that a handed-over object carried, so that a step that is run again may hand it over again."""

    item: StoreObject
    version: int


class Overlay:
    """The changes of one future log entry."""

    def __init__(self, tables: Tables, version: int, now: Timestamp) -> None:
        self.tables = tables
        self.version = version
        self.now = now
        self.changes: list[Change] = []
        self.records: list[bytes] = []
        self.bytes_total = 0
        self.view: dict[tuple[type[Any], str], StoreObject | None] = {}
        # Lower-cased names taken or given up in this overlay, for the kinds with unique names.
        self.names: dict[tuple[type[Any], str], str | None] = {}


class Transaction:
    """Reads and changes for one `MemoryStore.update`. An object given to create or update is handed over."""

    __slots__ = ("_changes_start", "_names_undo", "_overlay", "_own", "_size_start", "_stamps", "_undo")

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self._undo: list[_Undo] = []
        self._stamps: list[_Stamp] = []
        self._names_undo: list[tuple[tuple[type[Any], str], bool, str | None]] = []
        self._own: set[tuple[type[Any], str]] = set()
        self._changes_start = len(overlay.changes)
        self._size_start = overlay.bytes_total

    # reading

    def get(self, kind: type[T], id_: str) -> T | None:
        """The object with that id, or None."""
        overlay = self._overlay
        key = (kind, id_)
        found: Any = overlay.view[key] if key in overlay.view else overlay.tables[kind].objects.get(id_)
        return cast("T | None", found)

    def find(self, kind: type[T], *terms: By) -> list[T]:
        """Objects that any of `terms` selects (no term: all), in the order of their ids. Raises InvalidFind."""
        table: Table[T] = self._overlay.tables[kind]
        ids = set(table.objects) if not terms else {id_ for term in terms for id_ in table.ids(term)}
        for (changed, id_), item in self._overlay.view.items():
            if changed is not kind:
                continue
            ids.discard(id_)
            if item is not None and (not terms or any(matches(table.schema, item, term) for term in terms)):
                ids.add(id_)
        found = (self.get(kind, id_) for id_ in sorted(ids))
        return [item for item in found if item is not None]

    # changing

    def create(self, item: StoreObject) -> None:
        """Add an object. Raises NameConflict, ObjectExists, UnknownResourceKind."""
        kind = type(item)
        schema = SCHEMA_OF[kind]
        self._check_special(schema, item)
        self._claim_name(schema, item, None)
        if self.get(kind, item.id) is not None:
            raise ObjectExists
        meta = item.meta
        meta.version.index = self._overlay.version
        if not meta.HasField("created_at"):
            meta.created_at.CopyFrom(self._overlay.now)
        meta.updated_at.CopyFrom(self._overlay.now)
        self._record(actions.CREATE, item, None)

    def update(self, item: StoreObject) -> None:
        """Replace an object that was read at `item.meta.version`. Raises ObjectMissing, OutOfSequence,
        NameConflict, ExtensionImmutable, UnknownResourceKind."""
        kind = type(item)
        schema = SCHEMA_OF[kind]
        if kind is Extension:
            raise ExtensionImmutable
        old = self.get(kind, item.id)
        if old is None:
            raise ObjectMissing
        meta = item.meta
        if old.meta.version.index != meta.version.index:
            raise OutOfSequence
        self._check_special(schema, item)
        if kind is not Resource:
            self._claim_name(schema, item, old)
        self._stamps.append(_Stamp(item, meta.version.index))
        meta.version.index = self._overlay.version
        if not meta.HasField("created_at"):
            meta.created_at.CopyFrom(self._overlay.now)
        meta.updated_at.CopyFrom(self._overlay.now)
        self._record(actions.UPDATE, item, old)

    def delete(self, kind: type[StoreObject], id_: str) -> None:
        """Remove an object. Raises ObjectMissing, ExtensionInUse."""
        old = self.get(kind, id_)
        if old is None:
            raise ObjectMissing
        if isinstance(old, Extension) and self.find(Resource, ResourceKind(old.annotations.name.lower())):
            raise ExtensionInUse
        schema = SCHEMA_OF[kind]
        if schema.unique_name and (name := schema.name_of(old)) is not None:
            self._set_name((kind, name.lower()), None)
        self._record(actions.REMOVE, old, old)

    def _check_special(self, schema: TableSchema[Any], item: StoreObject) -> None:
        if isinstance(item, Extension) and item.annotations.name in TABLE_NAMES:
            raise NameConflict
        if isinstance(item, Resource) and not self.find(Extension, Name(item.kind)):
            raise UnknownResourceKind

    def _claim_name(self, schema: TableSchema[Any], item: StoreObject, old: StoreObject | None) -> None:
        if not schema.unique_name:
            return
        name = schema.name_of(item)
        key = (schema.kind, "" if name is None else name.lower())
        overlay = self._overlay
        if key in overlay.names:
            holder = overlay.names[key]
        else:
            holder = overlay.tables[schema.kind].names.get(key[1])
        if holder is not None and holder != item.id:
            raise NameConflict
        if old is not None and (old_name := schema.name_of(old)) is not None and old_name.lower() != key[1]:
            self._set_name((schema.kind, old_name.lower()), None)
        if holder is None:
            self._set_name(key, item.id)

    def _set_name(self, key: tuple[type[Any], str], holder: str | None) -> None:
        names = self._overlay.names
        self._names_undo.append((key, key in names, names.get(key)))
        names[key] = holder

    def _record(self, action: int, item: StoreObject, old: StoreObject | None) -> None:
        overlay = self._overlay
        key = (type(item), item.id)
        had = key in overlay.view
        if had and key not in self._own:
            raise NextEntry
        encoded = item.SerializeToString()
        record = actions.encode_action(key[0], action, encoded)
        self._undo.append(_Undo(key, had, overlay.view.get(key)))
        self._own.add(key)
        overlay.view[key] = None if action == actions.REMOVE else item
        overlay.changes.append(Change(action, item, old, encoded))
        overlay.records.append(record)
        overlay.bytes_total += len(record)

    # ends

    @property
    def size(self) -> int:
        """Encoded bytes of this transaction's changes."""
        return self._overlay.bytes_total - self._size_start

    def undo(self) -> None:
        """Take every change of this transaction back."""
        overlay = self._overlay
        for item, version in reversed(self._stamps):
            item.meta.version.index = version
        for key, had, previous in reversed(self._undo):
            if had:
                overlay.view[key] = previous
            else:
                del overlay.view[key]
        for name, had, holder in reversed(self._names_undo):
            if had:
                overlay.names[name] = holder
            else:
                del overlay.names[name]
        del overlay.changes[self._changes_start :]
        del overlay.records[self._changes_start :]
        overlay.bytes_total = self._size_start


Step = Callable[[Transaction], None]
