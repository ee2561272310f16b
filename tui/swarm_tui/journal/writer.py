"""Writes a cluster's updates to its journal: what changed as blocks, and now and then everything as a keyframe.

Rules (docs/design/journal.md 1 and 3)
1. It keeps what the cluster holds, as the objects that the mirror holds too: they are never changed.
2. An older state than the one held is ignored, as the mirror does. A listing is what became different; the first one, and the
   first after a time in which nobody wrote, is a keyframe.
3. A new generation begins when the blocks of the present one weigh as much as its keyframe: the journal is at most twice
   as large as its changes, and reading begins never further back than reading the keyframe takes.
4. One program writes, whoever holds the lock. The others keep what they see, and one of them goes on when the lock is free.
5. A damaged file is set aside under another name, once told, and a new one begun.
"""

import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message
from swarm_core.api.proto import objects_pb2
from swarm_core.client.managers import Managers, with_status
from swarm_core.client.watch import Action, Changed, Listed, Lost, Resumed, Update

from swarm_tui.clusters.snapshot import Snapshot
from swarm_tui.journal.errors import Damaged, NotWritable
from swarm_tui.journal.file import Block, Generation, JournalFile, Mark
from swarm_tui.journal.places import aside, lock_of
from swarm_tui.journal.records import (
    KINDS,
    NUMBERS,
    Packing,
    Record,
    Verb,
    compressed,
    dictionary_of,
    packed,
)
from swarm_tui.journal.redaction import without_secrets
from swarm_tui.journal.told import SAME_INCIDENT_NS, is_incident, owner_of, told

BYTES_MAX: Final = 64 << 20
"""Of one cluster's file."""
AGE_MAX_NS: Final = 7 * 24 * 3600 * 1_000_000_000
GENERATION_MIN: Final = 256 << 10
"""A generation is at least this large, however small the cluster is."""
_TAKE_EVERY: Final = 5
"""Batches between two tries for a lock that another program holds."""
_Task, _Node = objects_pb2.Task, objects_pb2.Node


@dataclass(slots=True)
class _Gathered:
    """What becomes one block."""

    packing: Packing = field(default_factory=Packing)
    owners: set[str] = field(default_factory=set)
    marks: list[Mark] = field(default_factory=list)


class Writer:
    """One cluster's; the caller gives it updates in their order, from one thread at a time."""

    def __init__(
        self, path: Path, *, title: str, bytes_max: int = BYTES_MAX, age_max_ns: int = AGE_MAX_NS
    ) -> None:
        self.path = path
        self._title = title
        self._bytes_max, self._age_max_ns = bytes_max, age_max_ns
        self._held: dict[type[Message], dict[str, Any]] = {kind: {} for kind in KINDS.values()}
        self._is_listed = False
        self._file: JournalFile | None = None
        self._lock: int | None = None
        self._until_try = 0
        self._generation: Generation | None = None
        self._keyframe_bytes = self._generation_bytes = 0
        self._dictionary = b""
        self._told_ns: dict[str, int] = {}
        self.is_gap = False
        """Something was lost: the next batch begins with a keyframe."""
        self.sentences: list[str] = []
        """What the person is to know, once."""

    @property
    def is_writing(self) -> bool:
        """Whether this program is the one that writes."""
        return self._file is not None

    def take(self, batch: Iterable[tuple[int, Update | Managers]]) -> None:
        """Write down what came, each with its time. Raises NotWritable."""
        gathered = _Gathered()
        now_ns = 0
        for at_ns, update in batch:
            now_ns = at_ns
            if type(update) is Changed:
                for change in update.changes:
                    self._change(gathered, at_ns, change.object, change.action is Action.REMOVED)
                continue
            is_first = isinstance(update, Listed) and not self._is_listed
            self._take_other(gathered, at_ns, update)
            if is_first:
                self._write(gathered, at_ns, is_new=True)
                gathered = _Gathered()
        if self._is_listed and (gathered.packing.count or self.is_gap):
            self._write(gathered, now_ns)

    def _gather(self, gathered: "_Gathered", at_ns: int, verb: Verb, old: Any, item: Any) -> None:
        """Straight to bytes: this is done for every change of a storm."""
        kind = type(item)
        gathered.packing.add(at_ns, verb, NUMBERS[kind], without_secrets(item).SerializeToString())
        gathered.owners.add(owner_of(item))
        new = None if verb is Verb.REMOVED else item
        if kind is not _Task or is_incident(old, new):
            gathered.marks += self._marks(at_ns, old, new)

    def close(self) -> None:
        """Another program may write from now on."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- what the cluster holds --------------------------------------------------------------------

    def _take_other(self, gathered: "_Gathered", at_ns: int, update: Update | Managers) -> None:
        """What is no change of objects, and may come to some."""
        match update:
            case Listed():
                found = self._listing(update)
            case Managers():
                found = self._statuses(update)
            case Lost(reason=reason):
                gathered.packing.add(at_ns, Verb.LOST, 0, reason.encode())
                return
            case Resumed():
                gathered.packing.add(at_ns, Verb.RESUMED, 0, b"")
                return
            case Changed():
                raise AssertionError("changes are taken one by one")
        for verb, old, item in found:
            self._gather(gathered, at_ns, verb, old, item)

    def _change(self, gathered: "_Gathered", at_ns: int, item: Any, is_removed: bool) -> None:
        """Take one change in, unless what is held is newer."""
        held = self._held.get(type(item))
        if held is None:
            return
        id_ = item.id
        if is_removed:
            old = held.pop(id_, None)
            if old is not None:
                self._gather(gathered, at_ns, Verb.REMOVED, old, old)
            return
        old = held.get(id_)
        if old is not None:
            if old.meta.version.index > item.meta.version.index:
                return
            if type(item) is _Node and old.HasField("manager_status") and not item.HasField("manager_status"):
                item = with_status(item, {id_: old.manager_status})
        held[id_] = item
        self._gather(gathered, at_ns, Verb.CREATED if old is None else Verb.UPDATED, old, item)

    def _listing(self, listed: Listed) -> list[tuple[Verb, Any, Any]]:
        """What is different from what was held: after the first listing a change like any other."""
        new: dict[type[Message], dict[str, Any]] = {kind: {} for kind in self._held}
        for item in listed.objects:
            new[type(item)][item.id] = item
        before, self._held = self._held, new
        if not self._is_listed:
            self._is_listed = True
            return []
        found: list[tuple[Verb, Any, Any]] = []
        for kind, items in new.items():
            was = before[kind]
            found += [(Verb.REMOVED, old, old) for id_, old in was.items() if id_ not in items]
            found += [
                (Verb.UPDATED if id_ in was else Verb.CREATED, was.get(id_), item)
                for id_, item in items.items()
                if was.get(id_) != item
            ]
        return found

    def _statuses(self, told_now: Managers) -> list[tuple[Verb, Any, Any]]:
        """Managers' statuses are in no event: a node whose status is another is a changed node."""
        if told_now.statuses is None:
            return []
        nodes, found = self._held[_Node], []
        for id_, old in list(nodes.items()):
            if id_ in told_now.statuses or old.HasField("manager_status"):
                item = with_status(old, told_now.statuses)
                if item.manager_status != old.manager_status:
                    nodes[id_] = item
                    found.append((Verb.UPDATED, old, item))
        return found

    def _marks(self, at_ns: int, old: Any, new: Any) -> list[Mark]:
        item = new if new is not None else old
        owner = owner_of(item)
        if is_incident(old, new):
            if at_ns - self._told_ns.get(owner, 0) < SAME_INCIDENT_NS:
                return []
            self._told_ns[owner] = at_ns
        view = Snapshot(())
        view.share(self._held)
        return [
            Mark(at_ns, one.is_incident, one.noun, one.id, one.name, one.text)
            for one in told(at_ns, type(item), old, new, view)
        ][:1]

    # -- the file ----------------------------------------------------------------------------------

    def _write(self, gathered: "_Gathered", now_ns: int, *, is_new: bool = False) -> None:
        try:
            was_writing = self.is_writing
            file = self._file or self._open()
            if file is None:
                return
            # What came before is not in the file, or what is in the file did not come here.
            is_gap = self.is_gap or not was_writing or is_new
            if is_gap or self._generation is None or self._is_due:
                if not is_gap and gathered.packing.count:
                    self._append(file, gathered)
                self._begin(file, now_ns, is_gap=is_gap)
                file.forget(before_ns=now_ns - self._age_max_ns, bytes_max=self._bytes_max * 3 // 4)
            elif gathered.packing.count:
                self._append(file, gathered)
        except Damaged as error:
            self.sentences.append(f"{error} It is set aside, and a new one begun.")
            self._set_aside()
            self.is_gap = True

    def _append(self, file: JournalFile, gathered: "_Gathered") -> None:
        assert self._generation is not None
        packing = gathered.packing
        data = compressed(packing.raw(), self._dictionary)
        block = Block(packing.first_ns, packing.last_ns, packing.count, data, gathered.owners, gathered.marks)
        self._generation_bytes += file.append(self._generation.id, block)

    @property
    def _is_due(self) -> bool:
        """Whether the blocks of this generation weigh as much as its keyframe."""
        enough = min(max(self._keyframe_bytes, GENERATION_MIN), self._bytes_max // 8)
        return self._generation_bytes >= enough

    def _begin(self, file: JournalFile, now_ns: int, *, is_gap: bool) -> None:
        everything = [
            Record(now_ns, Verb.CREATED, NUMBERS[kind], without_secrets(item).SerializeToString())
            for kind, items in self._held.items()
            for item in items.values()
        ]
        self._dictionary = dictionary_of(everything)
        self._generation = file.begin_generation(now_ns, packed(everything), self._dictionary, is_gap=is_gap)
        self._keyframe_bytes, self._generation_bytes = self._generation.bytes, 0
        self.is_gap = False

    def _open(self) -> JournalFile | None:
        """The file, once the lock is ours."""
        if self._lock is None:
            self._until_try -= 1
            if self._until_try > 0:
                return None
            self._until_try = _TAKE_EVERY
            self._lock = _locked(lock_of(self.path))
            if self._lock is None:
                return None
        try:
            self._file = JournalFile.create_or_open(self.path)
        except Damaged as error:
            self.sentences.append(f"{error} It is set aside, and a new one begun.")
            aside(self.path)
            self._file = JournalFile.create_or_open(self.path)
        self._file.set_meta({"title": self._title, "cluster": self.path.stem})
        return self._file

    def _set_aside(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._generation = None
        aside(self.path)


def _locked(path: Path) -> int | None:
    """A lock that ends with this process; None while another program has it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NotWritable(f"No journal: {path}: {error.strerror}.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
