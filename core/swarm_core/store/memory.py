"""The replicated store: committed tables, one writer, any number of watchers.

Rules
1. Everything runs on one event loop. Code that does not await sees one committed state.
2. Writes form one queue. While a proposal is in flight the waiting transactions wait too; then they run one
   after the other on one overlay and become the next proposal, as many as one log entry holds. The order of
   commit is the order of the queue (docs/design: group commit).
3. Tables change only inside the commit of an entry, and the events of that entry are published right there.
4. A failed proposal fails every transaction in it; the tables never saw them.
5. Whatever another implementation's leader replicates is applied as far as it is understood, and never raises. An
   entry that is no request is reported and changes nothing, as in SwarmKit. An action or a kind of object that only a
   newer member knows is left out, and the rest of its entry is applied.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from swarm_core.api.limits import ENTRY_BYTES_MAX
from swarm_core.api.timestamps import timestamp
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.waiting import turn
from swarm_core.store import actions
from swarm_core.store.by import By
from swarm_core.store.errors import StoreError, TransactionTooLarge, VersionUnavailable
from swarm_core.store.events import Commit, Created, Deleted, Event, Replayed, ReplayedCommit, Updated
from swarm_core.store.proposer import Proposer
from swarm_core.store.tables import SCHEMAS, StoreObject, T, Table
from swarm_core.store.transactions import Change, NextEntry, Overlay, Step, Tables, Transaction
from swarm_core.watch.queue import Publisher, Subscription

R = TypeVar("R")

_log = logging.getLogger(__name__)

EVENTS_MAX = 500_000
# Room in an entry for what the proposer adds (the request's id, encryption).
_BATCH_BYTES_MAX = ENTRY_BYTES_MAX - 4096


class _Update:
    """One queued `update`. Its answer comes with the entry on which it ran: a refusal too, when what it saw of that
    entry is not committed yet."""

    def __init__(self, change: Callable[[Transaction], Any], done: "asyncio.Future[Any]") -> None:
        self.change = change
        self.done = done
        self.has_run = False
        self.result: Any = None
        self.refusal: Exception | None = None

    def run(self, overlay: Overlay) -> bool:
        """Run on `overlay`; True when this item is complete, False when it continues in the next entry."""
        if self.done.done():
            return True
        transaction = Transaction(overlay)
        try:
            self.result = self.change(transaction)
        except NextEntry:
            transaction.undo()
            return False
        except Exception as error:  # noqa: BLE001 - the caller's own failure, handed back to the caller
            transaction.undo()
            self._refuse(error, overlay)
            return True
        if transaction.size > _BATCH_BYTES_MAX:
            transaction.undo()
            self._refuse(TransactionTooLarge(), overlay)
            return True
        if overlay.bytes_total > _BATCH_BYTES_MAX:
            transaction.undo()
            return False
        self.has_run = True
        return True

    def committed(self) -> None:
        if not self.has_run or self.done.done():
            return
        if self.refusal is not None:
            self.done.set_exception(self.refusal)
        else:
            self.done.set_result(self.result)

    def failed(self, error: BaseException) -> None:
        if self.has_run and not self.done.done():
            self.done.set_exception(error)

    def _refuse(self, error: Exception, overlay: Overlay) -> None:
        self.has_run, self.refusal = True, error
        if not overlay.changes:
            self.committed()


class _Batch:
    """One queued `batch`: consumed step by step, over as many entries as it needs."""

    def __init__(self, steps: Iterable[Step], done: "asyncio.Future[list[StoreError | None]]") -> None:
        self.steps: Iterator[Step] = iter(steps)
        self.again: Step | None = None
        self.complete = False
        self.done = done
        self.results: list[StoreError | None] = []

    def run(self, overlay: Overlay) -> bool:
        if self.done.cancelled():
            return True
        while (step := self.again or next(self.steps, None)) is not None:
            self.again = None
            transaction = Transaction(overlay)
            try:
                step(transaction)
                if transaction.size > _BATCH_BYTES_MAX:
                    raise TransactionTooLarge
            except NextEntry:
                transaction.undo()
                self.again = step
                return False
            except StoreError as error:
                transaction.undo()
                self.results.append(error)
                continue
            except Exception as error:  # noqa: BLE001 - the caller's own failure, handed back to the caller
                transaction.undo()
                self.done.set_exception(error)
                return True
            if overlay.bytes_total > _BATCH_BYTES_MAX:
                transaction.undo()
                self.again = step
                return False
            self.results.append(None)
        self.complete = True
        return True

    def committed(self) -> None:
        if self.complete and not self.done.done():
            self.done.set_result(self.results)

    def failed(self, error: BaseException) -> None:
        # Whatever of the batch is still to run would be based on nothing: it ends here.
        self.steps, self.again = iter(()), None
        if not self.done.done():
            self.done.set_exception(error)


class MemoryStore:
    """Committed objects by kind. With a proposer, `run` must be running for writes to proceed; without one,
    writes commit at once and the version is a count of commits (tests, tools).

    `tell_changed` is called, where it is set, with a version and the kinds of object that it changed: when the tables have it, and before the
    writers know of it."""

    def __init__(self, *, clock: Clock, proposer: Proposer | None = None) -> None:
        self._clock = clock
        self._proposer = proposer
        self._tables: Tables = {schema.kind: Table(schema) for schema in SCHEMAS}
        self._publisher: Publisher[Commit] = Publisher()
        self._queue: deque[_Update | _Batch] = deque()
        self._queued = asyncio.Event()
        self._version = 0
        self._kinds: set[type[Any]] = set()  # of the newest commit's objects
        self.tell_changed: Callable[[int, Iterable[type[Any]]], None] | None = None

    @property
    def version(self) -> int:
        """Index of the newest entry in the tables."""
        return self._version

    @property
    def waiting(self) -> int:
        """How many transactions wait for their entry, or are in one that is being filled."""
        return len(self._queue)

    @property
    def watchers(self) -> int:
        """How many subscriptions there are."""
        return len(self._publisher)

    @property
    def unread_max(self) -> int:
        """What the slowest subscription has not taken yet: its events."""
        return self._publisher.size_max

    def use_proposer(self, proposer: Proposer) -> None:
        """Set the proposer, which needs this store to be built first. Once only."""
        assert self._proposer is None
        self._proposer = proposer

    # reading

    def get(self, kind: type[T], id_: str) -> T | None:
        """The object with that id, or None."""
        return cast("T | None", self._tables[kind].objects.get(id_))

    def find(self, kind: type[T], *terms: By) -> list[T]:
        """Objects that any of `terms` selects (no term: all), in the order of their ids. Raises InvalidFind."""
        table: Table[T] = self._tables[kind]
        if not terms:
            return [table.objects[id_] for id_ in sorted(table.objects)]
        ids = {id_ for term in terms for id_ in table.ids(term)}
        return [table.objects[id_] for id_ in sorted(ids)]

    def count(self, kind: type[T], *terms: By) -> int:
        """How many objects `find` would return. Raises InvalidFind."""
        table: Table[T] = self._tables[kind]
        if not terms:
            return len(table.objects)
        if len(terms) == 1:
            return table.count(terms[0])
        return len({id_ for term in terms for id_ in table.ids(term)})

    # writing

    async def update(self, change: Callable[[Transaction], R]) -> R:
        """Run `change` (synchronous) in the next entry and return its result once that is committed.

        Raises what `change` raised, TransactionTooLarge, or the proposer's error.
        """
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._enqueue(_Update(change, done))
        return await done

    async def batch(self, steps: Iterable[Step]) -> list[StoreError | None]:
        """Run many small changes, each atomic by itself, in as few entries as hold them.

        One result per step: None, or the StoreError that left this step out. Raises the first other
        exception of a step or the proposer's error; nothing is said then about earlier entries.
        """
        done: asyncio.Future[list[StoreError | None]] = asyncio.get_running_loop().create_future()
        self._enqueue(_Batch(steps, done))
        return await done

    def _enqueue(self, item: _Update | _Batch) -> None:
        self._queue.append(item)
        if self._proposer is None:
            while self._queue:
                overlay = self._overlay(self._version)
                items = self._fill(overlay)
                if overlay.changes:
                    self._commit(self._version + 1, overlay.changes)
                for ready in items:
                    ready.committed()
        else:
            self._queued.set()

    async def run(self) -> None:
        """Propose what is queued, one entry at a time, until cancelled."""
        proposer = self._proposer
        assert proposer is not None
        while True:
            await self._queued.wait()
            version = proposer.commit_index()
            overlay = self._overlay(self._version if version is None else version)
            items = self._fill(overlay)
            if not self._queue:
                self._queued.clear()
            try:
                if overlay.changes:
                    committed = partial(self._commit_and_answer, overlay.changes, items)
                    await proposer.propose(b"".join(overlay.records), committed)
            except Exception as error:  # noqa: BLE001 - whatever the proposer says goes to the writers
                for item in items:
                    item.failed(error)
            except asyncio.CancelledError:
                for item in items:
                    item.done.cancel()
                raise
            else:
                if not overlay.changes:
                    for item in items:
                        item.committed()
                if self._queue:
                    # The proposer need not have waited: the writers go on, and others have their turn.
                    await turn()

    def _commit_and_answer(
        self, changes: list[Change], items: Iterable[_Update | _Batch], version: int
    ) -> None:
        """The writers go on with the commit itself, a turn of the loop before the next entry is filled."""
        self._commit(version, changes)
        for item in items:
            item.committed()

    def _overlay(self, version: int) -> Overlay:
        return Overlay(self._tables, version, timestamp(self._clock.wall_ns()))

    def _fill(self, overlay: Overlay) -> list[_Update | _Batch]:
        """Run queued items until the entry is full; those that ended leave the queue."""
        items = []
        while self._queue:
            item = self._queue[0]
            complete = item.run(overlay)
            items.append(item)
            if not complete:
                break
            self._queue.popleft()
        return items

    def _commit(self, version: int, changes: list[Change]) -> None:
        """Put `changes` into the tables and publish them."""
        self._version = version
        self._kinds = {type(change.item) for change in changes}
        events: list[Event] = []
        for action, item, old, encoded in changes:
            table = self._tables[type(item)]
            if action == actions.REMOVE:
                table.remove(item.id)
                events.append(Deleted(item, encoded))
            else:
                table.put(item)
                events.append(Created(item, encoded) if old is None else Updated(item, old, encoded))
        if self.tell_changed is not None:
            self.tell_changed(version, self._kinds)
        self._publisher.publish(Commit(version, tuple(events)))

    # watching

    def subscribe(self, *kinds: type[StoreObject], events_max: int = EVENTS_MAX) -> Subscription[Commit]:
        """Every commit from now on that holds events of `kinds`, cut down to those (no kind: all)."""
        wanted = frozenset(kinds)

        def select(commit: Commit) -> Commit | None:
            # Publishing is part of the commit: `_kinds` are of this one.
            if not wanted:
                return commit
            if wanted.isdisjoint(self._kinds):
                return None
            if self._kinds <= wanted:
                return commit
            return Commit(
                commit.version, tuple(event for event in commit.events if type(event.object) in wanted)
            )

        return self._publisher.subscribe(
            select=select, weigh=lambda commit: max(len(commit.events), 1), items_max=events_max
        )

    def watch_from(
        self, version: int, *kinds: type[StoreObject], events_max: int = EVENTS_MAX
    ) -> tuple[list[ReplayedCommit], Subscription[Commit]]:
        """What was committed after `version`, and a subscription that goes on from there without a gap.

        Raises VersionUnavailable.
        """
        if self._proposer is None or version > self._version:
            raise VersionUnavailable
        try:
            entries = self._proposer.changes_between(version, self._version)
        except LookupError as error:
            raise VersionUnavailable(str(error)) from None
        wanted = frozenset(kinds)
        replayed = []
        for index, request in entries:
            changes = tuple(
                change
                for change in _understood(index, request)
                if not wanted or type(change.object) in wanted
            )
            if changes:
                replayed.append(ReplayedCommit(index, changes))
        return replayed, self.subscribe(*kinds, events_max=events_max)

    # the state machine that the shell of raft drives

    def apply(self, index: int, request: bytes) -> None:
        """Apply an entry that nobody here proposed."""
        replayed = _understood(index, request)
        if not len(self._publisher):
            self._apply_unseen(index, replayed)
            return
        changes = []
        # One entry may change an object several times: each change meets what the one before it left.
        view: dict[tuple[type[StoreObject], str], StoreObject | None] = {}
        for action, item, encoded in replayed:
            key = (type(item), item.id)
            old = view[key] if key in view else self._tables[key[0]].objects.get(key[1])
            if action != actions.REMOVE:
                view[key] = item
                changes.append(Change(action, item, old, encoded))
            elif old is not None:
                view[key] = None
                changes.append(Change(action, old, old, encoded))
        if changes:
            self._commit(index, changes)
        else:
            self._version = index

    def _apply_unseen(self, index: int, replayed: Sequence[Replayed]) -> None:
        """Apply an entry that nobody watches, as while the log is replayed: the tables change, and no events are made."""
        self._version = index
        for action, item, _ in replayed:
            table = self._tables[type(item)]
            if action != actions.REMOVE:
                table.put(item)
            elif item.id in table.objects:
                table.remove(item.id)
        if self.tell_changed is not None:
            self.tell_changed(index, {type(item) for _, item, _ in replayed})

    def _fill_unseen(self, index: int, snapshot: bytes) -> None:
        """Fill empty tables that nobody watches, as when a manager starts: there is nothing to compare."""
        found = list(actions.decode_snapshot(snapshot))  # whole before the first change
        self._version = index
        for schema, item, _ in found:
            self._tables[schema.kind].put(item)
        if self.tell_changed is not None:
            self.tell_changed(index, self._tables)

    def snapshot(self) -> Callable[[], bytes]:
        """Take references to all objects now; the returned call encodes them as a StoreSnapshot."""
        taken = [(table.schema, list(table.objects.values())) for table in self._tables.values()]
        return lambda: actions.encode_snapshot(taken)

    def restore(self, index: int, snapshot: bytes) -> None:
        """Become what an encoded StoreSnapshot says; watchers see the differences. Raises MalformedRecord."""
        if not len(self._publisher) and not any(table.objects for table in self._tables.values()):
            self._fill_unseen(index, snapshot)
            return
        missing = {(kind, id_) for kind, table in self._tables.items() for id_ in table.objects}
        changes = []
        for schema, item, encoded in actions.decode_snapshot(snapshot):
            missing.discard((schema.kind, item.id))
            old = self._tables[schema.kind].objects.get(item.id)
            if old != item:
                changes.append(Change(actions.UPDATE if old else actions.CREATE, item, old, encoded))
        for kind, id_ in sorted(missing, key=lambda key: (key[0].__name__, key[1])):
            old = self._tables[kind].objects[id_]
            changes.append(Change(actions.REMOVE, old, old, old.SerializeToString()))
        # Removals first: a name may have moved from a removed object to a restored one.
        changes.sort(key=lambda change: change.action != actions.REMOVE)
        self._commit(index, changes)


def _understood(index: int, request: bytes) -> list[Replayed]:
    """The changes of an entry that this store knows how to make."""
    try:
        return actions.decode_request(request)
    except actions.MalformedRecord as error:
        _log.error("log entry %d is not understood and changes nothing: %s", index, error)
        return []
