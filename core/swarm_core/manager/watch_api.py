"""The Watch service: a stream of changes from this manager's own store (docs/design/store.md 1.9).

The first message is empty and says that the watch stands. From then on each log entry with matching events gives
one message that carries the entry's index, so that a client can resume after it; an entry larger than one
message should be comes in several, of which only the last carries the index. Objects go out in the bytes in
which they were written. A client that falls behind is told to list anew.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from swarm_core.api.limits import ENTRY_BYTES_MAX, REQUEST_BYTES_MAX
from swarm_core.api.naming import task_name
from swarm_core.api.proto import watch_pb2
from swarm_core.api.wire import delimited, varint
from swarm_core.rpc.caller import Caller
from swarm_core.rpc.errors import Aborted, InvalidArgument, Unknown
from swarm_core.store.actions import CREATE, REMOVE, UPDATE
from swarm_core.store.errors import VersionUnavailable
from swarm_core.store.events import Created, Deleted, Event, ReplayedCommit, Updated
from swarm_core.store.memory import MemoryStore
from swarm_core.store.tables import SCHEMA_OF, SCHEMAS, Node, Resource, StoreObject, Task
from swarm_core.watch.queue import Overflow

MESSAGE_BYTES_MAX = 1024 * 1024
EVENTS_MAX = 200_000

# Clients of other makers take no more in a message than their servers do; one object can be as large as an entry.
assert MESSAGE_BYTES_MAX + ENTRY_BYTES_MAX <= REQUEST_BYTES_MAX

_KINDS: dict[str, type[StoreObject]] = {s.name: s.kind for s in SCHEMAS if s.kind is not Resource}
_MASK_OF = {
    CREATE: watch_pb2.WATCH_ACTION_CREATE,
    UPDATE: watch_pb2.WATCH_ACTION_UPDATE,
    REMOVE: watch_pb2.WATCH_ACTION_REMOVE,
}
_MASK_ALL = watch_pb2.WATCH_ACTION_CREATE | watch_pb2.WATCH_ACTION_UPDATE | watch_pb2.WATCH_ACTION_REMOVE

Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a request: events of `kind` with an action in `mask` that pass all checks."""

    kind: type[StoreObject]
    mask: int
    checks: tuple[Check, ...]

    def selects(self, action: int, item: StoreObject) -> bool:
        return (
            type(item) is self.kind
            and bool(self.mask & _MASK_OF[action])
            and all(check(item) for check in self.checks)
        )


def _name_of(item: Any) -> str | None:
    if isinstance(item, Task):
        return task_name(item)
    return SCHEMA_OF[type(item)].name_of(item)


def _custom(index: str, value: str, *, prefix: bool) -> Check:
    def check(item: Any) -> bool:
        annotations = item.annotations if hasattr(item, "annotations") else item.spec.annotations
        return any(
            entry.key == index and (entry.val.startswith(value) if prefix else entry.val == value)
            for entry in annotations.indices
        )

    return check


def _check(kind: type[StoreObject], by: watch_pb2.SelectBy) -> tuple[str, Check] | None:
    """The dimension that a filter restricts and its test; None when the kind has no such dimension."""
    which = by.WhichOneof("By")
    wanted: Any = getattr(by, which) if which else None
    if which in ("id", "id_prefix"):
        prefix = which == "id_prefix"
        return "id", lambda item: item.id.startswith(wanted) if prefix else item.id == wanted
    if which == "name":
        return "name", lambda item: _name_of(item) == wanted
    if which == "name_prefix":
        return "name", lambda item: (_name_of(item) or "").startswith(wanted)
    if which in ("custom", "custom_prefix"):
        return "custom", _custom(wanted.index, wanted.value, prefix=which == "custom_prefix")
    if kind is Task and which == "slot":
        return "slot", lambda item: (item.service_id, item.slot) == (wanted.service_id, wanted.slot)
    if kind is Task and which in ("service_id", "node_id", "desired_state"):
        return which, lambda item: getattr(item, which) == wanted
    if kind is Node and which == "role":
        return which, lambda item: item.role == wanted
    if kind is Node and which == "membership":
        return which, lambda item: item.spec.membership == wanted
    return None


def _entry(request: watch_pb2.WatchRequest.WatchEntry) -> _Entry:
    if not request.kind:
        raise InvalidArgument("a watch entry needs a kind")
    if not request.action & _MASK_ALL:
        raise InvalidArgument(f"the watch on {request.kind} needs at least one of create, update, remove")
    kind = _KINDS.get(request.kind, Resource)
    checks: dict[str, Check] = {}
    if kind is Resource:
        checks["kind"] = lambda item: item.kind == request.kind
    for by in request.filters:
        found = _check(kind, by)
        if found is None:
            continue
        if found[0] in checks:
            raise InvalidArgument(f"the watch on {request.kind} restricts {found[0]} twice")
        checks[found[0]] = found[1]
    return _Entry(kind, request.action, tuple(checks.values()))


def _encode_event(action: int, item: StoreObject, encoded: bytes, old: StoreObject | None) -> bytes:
    """One `events` field of a WatchMessage."""
    number = SCHEMA_OF[type(item)].watch_field
    body = b"\x08" + varint(_MASK_OF[action]) + delimited(2, delimited(number, encoded))
    if old is not None:
        body += delimited(3, delimited(number, old.SerializeToString()))
    return delimited(1, body)


def _version(index: int) -> bytes:
    return delimited(2, b"\x08" + varint(index))


def _messages(events: Iterable[bytes], index: int) -> Iterator[bytes]:
    """Messages of at most about MESSAGE_BYTES_MAX; the last one carries the version."""
    parts: list[bytes] = []
    size = 0
    for event in events:
        if size and size + len(event) > MESSAGE_BYTES_MAX:
            yield b"".join(parts)
            parts, size = [], 0
        parts.append(event)
        size += len(event)
    if parts:
        yield b"".join(parts) + _version(index)


class _Watch:
    """One client's watch."""

    def __init__(self, request: watch_pb2.WatchRequest) -> None:
        self.entries = [_entry(entry) for entry in request.entries]
        self.kinds = tuple({entry.kind for entry in self.entries})
        self.with_old = request.include_old_object

    def _selects(self, action: int, item: StoreObject) -> bool:
        return any(entry.selects(action, item) for entry in self.entries)

    def live(self, events: Iterable[Event]) -> Iterator[bytes]:
        for event in events:
            item = event.object
            if isinstance(event, Created):
                if self._selects(CREATE, item):
                    yield _encode_event(CREATE, item, event.encoded, None)
            elif isinstance(event, Updated):
                if self._selects(UPDATE, item):
                    old = event.old if self.with_old else None
                    yield _encode_event(UPDATE, item, event.encoded, old)
            elif isinstance(event, Deleted) and self._selects(REMOVE, item):
                yield _encode_event(REMOVE, item, event.encoded, None)

    def replayed(self, commit: ReplayedCommit) -> Iterator[bytes]:
        for change in commit.changes:
            if self._selects(change.action, change.object):
                yield _encode_event(change.action, change.object, change.encoded, None)


class WatchApi:
    """Handler of docker.swarmkit.v1.Watch."""

    def __init__(self, store: MemoryStore, events_max: int = EVENTS_MAX) -> None:
        self._store = store
        self._events_max = events_max

    async def watch(
        self, request: watch_pb2.WatchRequest, caller: Caller
    ) -> AsyncIterator[watch_pb2.WatchMessage | bytes]:
        watch = _Watch(request)
        replay: list[ReplayedCommit] = []
        if request.HasField("resume_from"):
            try:
                replay, subscription = self._store.watch_from(
                    request.resume_from.index, *watch.kinds, events_max=self._events_max
                )
            except VersionUnavailable as error:
                raise Unknown(str(error)) from None
        else:
            subscription = self._store.subscribe(*watch.kinds, events_max=self._events_max)
        with subscription:
            yield watch_pb2.WatchMessage()
            for past in replay:
                for message in _messages(watch.replayed(past), past.version):
                    yield message
            try:
                async for commits in subscription:
                    for commit in commits:
                        for message in _messages(watch.live(commit.events), commit.version):
                            yield message
            except Overflow:
                raise Aborted("the watch fell too far behind; list anew and watch again") from None
