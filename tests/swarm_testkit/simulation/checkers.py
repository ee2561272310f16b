"""Safety, watched at every message and at every applied entry. What is broken is noted once, with its time.

Rules
1. A term has one leader: whoever sends entries, heartbeats or snapshots of it.
2. Log matching: an index and a term name one entry and one predecessor, wherever they are seen.
3. The state after an index is the same on every member, whether it applied entries or took a snapshot. The state is summed up
   from the events that the store publishes, and now and then compared with the tables: so the events are checked too.
4. Versions: those of one object grow along the log, and one version names one content.
5. A task keeps its identity; its states and its desired state never go down; a removed task stays away.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from swarm_core.api.proto.objects_pb2 import Task
from swarm_core.raft.types import Entry, Message, MessageType
from swarm_core.store.events import Created, Deleted, Event, Updated
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import SCHEMAS, StoreObject

from swarm_testkit.simulation.trace import Trace

_FROM_LEADER = frozenset((MessageType.APP, MessageType.HEARTBEAT, MessageType.SNAP))
Key = tuple[str, str]
_PREFIXES = {schema.kind: f"{schema.kind.__name__}/".encode() for schema in SCHEMAS}


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=16).digest(), "big")


def _key(item: StoreObject) -> Key:
    return type(item).__name__, item.id


def _object_digest(item: StoreObject) -> int:
    return _digest(_PREFIXES[type(item)] + item.SerializeToString(deterministic=True))


def _digests(store: MemoryStore) -> dict[Key, int]:
    return {
        (schema.kind.__name__, item.id): _object_digest(item)
        for schema in SCHEMAS
        for item in store.find(schema.kind)
    }


def total_of(store: MemoryStore) -> int:
    """The digest of all that a store holds, as StateSum keeps it."""
    total = 0
    for digest in _digests(store).values():
        total ^= digest
    return total


Seen = tuple[Event, int | None]
"""What the store published, and the digest of the object that is there now."""


@dataclass(frozen=True, slots=True)
class Change:
    """One object's part of an entry, as the first member that applied it saw it. `digest` is None when it was removed."""

    index: int
    key: Key
    version: int
    digest: int | None


class Findings:
    """What went wrong."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        if text not in self.texts:
            self._trace.note(f"FINDING {text}")
            self.texts.append(text)


class StateSum:
    """The digest of one member's store, kept up from its events."""

    def __init__(self, store: MemoryStore, findings: Findings, name: str) -> None:
        self._store = store
        self._findings = findings
        self._name = name
        self._objects: dict[Key, int] = {}
        self._events = store.subscribe()
        self.total = 0

    def __contains__(self, key: object) -> bool:
        return key in self._objects

    def take(self) -> list[Seen]:
        """Take in what the store published since."""
        return [(event, self._put(event)) for commit in self._events.take() for event in commit.events]

    def compare(self) -> None:
        """The tables hold what the events said."""
        held = _digests(self._store)
        for key in sorted(held.keys() | self._objects.keys()):
            if held.get(key) != self._objects.get(key):
                self._findings.add(f"{self._name}: the events of {key} do not lead to what the table holds")

    def _put(self, event: Event) -> int | None:
        key = _key(event.object)
        self.total ^= self._objects.pop(key, 0)
        if isinstance(event, Deleted):
            return None
        self._objects[key] = digest = _object_digest(event.object)
        self.total ^= digest
        return digest


@dataclass(slots=True)
class Ledger:
    """What all members agree on so far."""

    findings: Findings
    leaders: dict[int, str] = field(default_factory=dict)
    entries: dict[tuple[int, int], tuple[int, int, bytes]] = field(default_factory=dict)
    states: dict[int, tuple[int, str]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    newest: dict[Key, Change] = field(default_factory=dict)
    contents: dict[tuple[Key, int], int] = field(default_factory=dict)
    removed: set[Key] = field(default_factory=set)
    watchers: list[Callable[[Event], None]] = field(default_factory=list)
    entry_watchers: list[Callable[[], None]] = field(default_factory=list)  # told after an entry's events
    index: int = 0

    # raft

    def sent(self, name: str, message: Message) -> None:
        """A member sends a message."""
        if message.type not in _FROM_LEADER:
            return
        self.leads(f"{name} ({message.from_:x})", message.term)
        if message.type is MessageType.APP:
            self.logged(message.log_term, message.entries)

    def leads(self, name: str, term: int) -> None:
        """A member behaves as the leader of a term."""
        known = self.leaders.setdefault(term, name)
        if known != name:
            self.findings.add(f"term {term} has two leaders: {known} and {name}")

    def logged(self, previous_term: int, entries: Sequence[Entry]) -> None:
        """These entries follow an entry of `previous_term`."""
        for entry in entries:
            known = self.entries.get((entry.index, entry.term))
            if known is None:
                self.entries[entry.index, entry.term] = previous_term, entry.type, entry.data
            elif known != (previous_term, entry.type, entry.data):
                self.findings.add(f"entry {entry.index} of term {entry.term} is not the same in all logs")
            previous_term = entry.term

    # the store

    def applied(self, name: str, index: int, total: int, seen: Sequence[Seen]) -> None:
        """A member's store is now at `index` with a state of digest `total`."""
        known = self.states.get(index)
        if known is None:
            self.states[index] = (total, name)
        elif known[0] != total:
            self.findings.add(f"the states of {known[1]} and {name} differ at index {index}")
        if index <= self.index:
            return
        self.index = index
        for event, digest in seen:
            self._record(index, event, digest)
            for watcher in self.watchers:
                watcher(event)
        for entry_watcher in self.entry_watchers:
            entry_watcher()

    def restored(self, name: str, index: int, total: int) -> None:
        """A member took the state at `index` from a snapshot."""
        if why := self.why_not_state(index, total):
            self.findings.add(f"the snapshot of index {index} that {name} took {why}")

    def why_not_state(self, index: int, total: int) -> str:
        """Why a copy of what is there at `index` cannot have this digest; empty when it can. Entries without changes have no state of their own."""
        at = max((one for one in self.states if one <= index), default=0)
        if at == 0:
            return "is of an index that nobody has applied"
        return "" if self.states[at][0] == total else f"is not the state at index {at}"

    def _record(self, index: int, event: Event, digest: int | None) -> None:
        item = event.object
        key = _key(item)
        gone = digest is None
        change = Change(index, key, item.meta.version.index, digest)
        before = self.newest.get(key)
        if not gone:
            self._check_version(change, before)
        if isinstance(item, Task):
            self._check_task(key, event)
        if gone:
            self.removed.add(key)
        self.newest[key] = change
        self.changes.append(change)

    def _check_version(self, change: Change, before: Change | None) -> None:
        assert change.digest is not None
        if change.version >= change.index:
            self.findings.add(f"{change.key} has version {change.version} at index {change.index}")
        if before is not None and change.version <= before.version:
            self.findings.add(
                f"{change.key} goes from version {before.version} to {change.version} at index {change.index}"
            )
        known = self.contents.setdefault((change.key, change.version), change.digest)
        if known != change.digest:
            self.findings.add(f"version {change.version} of {change.key} names two contents")

    def _check_task(self, key: Key, event: Event) -> None:
        if isinstance(event, Created) and key in self.removed:
            self.findings.add(f"{key} is back after it was removed")
        if not isinstance(event, Updated):
            return
        old, new = event.old, event.object
        assert isinstance(old, Task)
        assert isinstance(new, Task)
        wrong = [what for what, holds in _TASK_RULES if not holds(old, new)]
        for what in wrong:
            self.findings.add(f"{key} at index {self.index}: {what}")


_TASK_RULES: tuple[tuple[str, Callable[[Task, Task], bool]], ...] = (
    ("its state goes down", lambda old, new: new.status.state >= old.status.state),
    ("its desired state goes down", lambda old, new: new.desired_state >= old.desired_state),
    ("its service changes", lambda old, new: new.service_id == old.service_id),
    ("its slot changes", lambda old, new: new.slot == old.slot),
    ("its node changes", lambda old, new: not old.node_id or new.node_id == old.node_id),
    ("its spec changes", lambda old, new: new.spec == old.spec),
)
