"""The store's promises: one order, atomic changes, group commit, versions, events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from swarm_core.api.limits import ENTRY_BYTES_MAX
from swarm_core.api.proto import objects_pb2
from swarm_core.runtime.clock import SystemClock
from swarm_core.store import by, errors
from swarm_core.store.events import Commit, Created, Deleted, Updated
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_core.watch.queue import Overflow, Subscription

Config, Service, Task, Node = objects_pb2.Config, objects_pb2.Service, objects_pb2.Task, objects_pb2.Node


class HeldProposer:
    """Keeps proposals until the test commits them; remembers what was proposed."""

    def __init__(self) -> None:
        self.index = 0
        self.log: list[tuple[int, bytes]] = []
        self.waiting: asyncio.Queue[tuple[bytes, Callable[[int], None], asyncio.Future[None]]] = (
            asyncio.Queue()
        )
        self.automatic = False

    def commit_index(self) -> int | None:
        return self.index

    async def propose(self, actions: bytes, on_commit: Callable[[int], None]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self.waiting.put((actions, on_commit, done))
        if self.automatic:
            await self.commit()
        await done

    async def commit(self) -> None:
        actions, on_commit, done = await self.waiting.get()
        self.index += 1
        self.log.append((self.index, actions))
        on_commit(self.index)
        done.set_result(None)

    async def refuse(self, error: Exception) -> None:
        _, _, done = await self.waiting.get()
        done.set_exception(error)

    def changes_between(self, low: int, high: int) -> list[tuple[int, bytes]]:
        if self.log and low + 1 < self.log[0][0]:
            raise LookupError("compacted")
        return [entry for entry in self.log if low < entry[0] <= high]


@contextlib.asynccontextmanager
async def replicated(proposer: HeldProposer) -> AsyncIterator[MemoryStore]:
    store = MemoryStore(clock=SystemClock(), proposer=proposer)
    writer = asyncio.get_running_loop().create_task(store.run())
    try:
        yield store
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer


def local() -> MemoryStore:
    return MemoryStore(clock=SystemClock())


def config(id_: str, name: str | None = None, data: bytes = b"x") -> objects_pb2.Config:
    made = Config(id=id_)
    made.spec.annotations.name = name or id_
    made.spec.data = data
    return made


def copy_of(item: objects_pb2.Config) -> objects_pb2.Config:
    copied = Config()
    copied.CopyFrom(item)
    return copied


async def put(store: MemoryStore, *items: objects_pb2.Config) -> None:
    def create(tx: Transaction) -> None:
        for item in items:
            tx.create(item)

    await store.update(create)


async def test_create_get_find() -> None:
    """What was created is found by id, by name in any case, and by prefixes, in id order."""
    store = local()
    await put(store, config("b1", "Web"), config("a2", "cache"), config("b0", "db"))
    assert store.get(Config, "b1") is not None
    assert [c.id for c in store.find(Config)] == ["a2", "b0", "b1"]
    assert [c.id for c in store.find(Config, by.Name("wEB"))] == ["b1"]
    assert [c.id for c in store.find(Config, by.IdPrefix("b"))] == ["b0", "b1"]
    assert [c.id for c in store.find(Config, by.NamePrefix("W"), by.Name("db"))] == ["b0", "b1"]
    assert store.count(Config) == 3


@pytest.mark.parametrize("duplicate", [config("a", "other"), config("b", "NAME")])
async def test_create_conflicts(duplicate: objects_pb2.Config) -> None:
    """A taken id and a taken name (in any case) are refused, and nothing of the transaction stays."""
    store = local()
    await put(store, config("a", "name"))
    with pytest.raises((errors.ObjectExists, errors.NameConflict)):
        await put(store, config("c", "fine"), copy_of(duplicate))
    assert store.get(Config, "c") is None
    await put(store, config("d", "fine"))  # the name given back


async def test_version_must_match() -> None:
    """An update based on an older version is out of sequence; the winner's content stays."""
    store = local()
    await put(store, config("a"))
    first, second = copy_of(store.find(Config)[0]), copy_of(store.find(Config)[0])
    first.spec.data, second.spec.data = b"1", b"2"
    await store.update(lambda tx: tx.update(first))
    with pytest.raises(errors.OutOfSequence, match="update out of sequence"):
        await store.update(lambda tx: tx.update(second))
    assert store.find(Config)[0].spec.data == b"1"
    assert store.find(Config)[0].meta.HasField("created_at")


async def test_missing_objects() -> None:
    """Update and delete of an unknown id say so."""
    store = local()
    with pytest.raises(errors.ObjectMissing):
        await store.update(lambda tx: tx.update(config("a")))
    with pytest.raises(errors.ObjectMissing):
        await store.update(lambda tx: tx.delete(Config, "a"))


async def test_transaction_sees_its_own_writes() -> None:
    """Reads inside a transaction include its creates, updates and deletes; reads outside do not."""
    store = local()
    await put(store, config("a"), config("b"))

    def change(tx: Transaction) -> list[str]:
        tx.delete(Config, "a")
        tx.create(config("c"))
        assert store.get(Config, "c") is None
        assert tx.get(Config, "a") is None
        return [item.id for item in tx.find(Config, by.IdPrefix(""))]

    assert await store.update(change) == ["b", "c"]


async def test_rename_frees_the_old_name() -> None:
    """Deleting or renaming an object lets another take its name, in the same transaction too."""
    store = local()
    await put(store, config("a", "one"))

    def swap(tx: Transaction) -> None:
        tx.delete(Config, "a")
        tx.create(config("b", "one"))

    await store.update(swap)
    assert [c.id for c in store.find(Config, by.Name("one"))] == ["b"]


async def test_indexes_follow_changes() -> None:
    """An index in use is right after creates, key changes and deletes."""
    store = local()
    task = Task(id="t", service_id="s")
    await store.update(lambda tx: tx.create(task))
    assert store.count(Task, by.ByNode("n")) == 0
    placed = Task()
    placed.CopyFrom(store.find(Task)[0])
    placed.node_id, placed.status.state = "n", 192
    await store.update(lambda tx: tx.update(placed))
    assert [t.id for t in store.find(Task, by.ByNode("n"))] == ["t"]
    assert store.count(Task, by.TaskState(192), by.ByService("s")) == 1
    await store.update(lambda tx: tx.delete(Task, "t"))
    assert store.count(Task, by.ByNode("n")) == 0
    with pytest.raises(errors.InvalidFind):
        store.find(Task, by.Membership(1))


async def test_events_of_one_commit() -> None:
    """A watcher gets one commit per entry with its events in order, cut down to its kinds."""
    store = local()
    with store.subscribe(Config) as configs, store.subscribe(Node) as nodes:
        await put(store, config("a"), config("b"))
        changed = copy_of(store.find(Config)[0])
        changed.spec.data = b"new"

        def change(tx: Transaction) -> None:
            tx.update(changed)
            tx.delete(Config, "b")
            tx.create(Node(id="n"))

        await store.update(change)
        first, second = await configs.next()
        assert [type(e) for e in first.events] == [Created, Created]
        updated, deleted = second.events
        assert isinstance(updated, Updated) and isinstance(deleted, Deleted)
        assert (updated.old.spec.data, updated.object.spec.data) == (b"x", b"new")  # type: ignore[union-attr]
        assert Config.FromString(updated.encoded) == updated.object
        assert second.version > first.version
        assert [len(c.events) for c in await nodes.next()] == [1]


async def test_slow_watcher_overflows() -> None:
    """A watcher that holds more than its bound is told to list anew and keeps no memory."""
    store = local()
    with store.subscribe(Config, events_max=2) as slow:
        await put(store, config("a"), config("b"))
        await put(store, config("c"))
        with pytest.raises(Overflow):
            await slow.next()


async def test_group_commit() -> None:
    """Writes that queue while a proposal is in flight become one proposal; one that fails is left out alone."""
    proposer = HeldProposer()
    async with replicated(proposer) as store, asyncio.TaskGroup() as group:
        first = group.create_task(put(store, config("first")))
        while proposer.waiting.empty():
            await asyncio.sleep(0)
        rest = [group.create_task(put(store, config(f"c{n}"))) for n in range(20)]
        bad = asyncio.gather(put(store, config("c3", "again")), return_exceptions=True)
        await asyncio.sleep(0)
        assert store.count(Config) == 0
        await proposer.commit()
        await first
        await proposer.commit()
        await asyncio.gather(*rest)
        assert isinstance((await bad)[0], errors.ObjectExists)
        assert len(proposer.log) == 2
        assert store.count(Config) == 21


async def test_a_change_is_told_before_its_writer_and_the_watchers_hear_of_it() -> None:
    """Docs 1.6.4 and 1.11.2: with its kinds, once for the entry; and the writer goes on two turns before any watcher."""
    proposer, order = HeldProposer(), list[str]()
    async with replicated(proposer) as store, asyncio.TaskGroup() as group:
        store.tell_changed = lambda version, kinds: order.append(f"told {[kind.__name__ for kind in kinds]}")

        async def write() -> None:
            await put(store, config("a"))
            order.append("written")
            asyncio.get_running_loop().call_soon(order.append, "answered")

        async def watch(subscription: Subscription[Commit]) -> None:
            await subscription.next()
            order.append("watched")

        with store.subscribe(Config) as configs:
            watching, writing = group.create_task(watch(configs)), group.create_task(write())
            while proposer.waiting.empty():
                await asyncio.sleep(0)
            await proposer.commit()
            await asyncio.gather(watching, writing)
    assert order == ["told ['Config']", "written", "answered", "watched"]


async def test_one_object_one_change_per_entry() -> None:
    """Two transactions that change the same object never share an entry, so its version tells them apart."""
    proposer = HeldProposer()
    proposer.automatic = True
    async with replicated(proposer) as store:
        await put(store, config("a"))

        def append(tx: Transaction) -> None:
            item = copy_of(tx.find(Config)[0])
            item.spec.data += b"+"
            tx.update(item)

        await asyncio.gather(*(store.update(append) for _ in range(5)))
        assert store.find(Config)[0].spec.data == b"x+++++"
        assert len(proposer.log) == 6


async def test_an_update_that_waits_for_the_next_entry_is_answered_with_that_one() -> None:
    """Of two changes of one object the second is answered, with its own result, only when its own entry is committed."""
    proposer = HeldProposer()
    async with replicated(proposer) as store:
        created = asyncio.gather(put(store, config("a")))
        await proposer.commit()
        await created

        def set_data(data: bytes) -> Callable[[Transaction], bytes]:
            def change(tx: Transaction) -> bytes:
                item = copy_of(tx.find(Config)[0])
                item.spec.data = data
                tx.update(item)
                return data

            return change

        one = asyncio.ensure_future(store.update(set_data(b"one")))
        two = asyncio.ensure_future(store.update(set_data(b"two")))
        await proposer.commit()
        assert await one == b"one"
        while proposer.waiting.empty():
            await asyncio.sleep(0)
        assert not two.done()
        await proposer.commit()
        assert await two == b"two"


async def test_an_update_that_waits_for_the_next_entry_does_not_fail_with_this_one() -> None:
    """A refused entry fails the changes in it; one that had no room in it is tried again."""
    proposer = HeldProposer()
    async with replicated(proposer) as store:
        one = asyncio.ensure_future(put(store, config("a")))
        gone = asyncio.ensure_future(store.update(lambda tx: tx.delete(Config, "a")))
        await proposer.refuse(ConnectionError("lost leadership"))
        with pytest.raises(ConnectionError):
            await one
        with pytest.raises(errors.ObjectMissing):
            await gone
        assert proposer.waiting.empty()


async def test_a_refusal_is_not_told_before_what_it_saw_is_committed() -> None:
    """A name that is taken by an uncommitted change is taken only once that is committed."""
    proposer = HeldProposer()
    async with replicated(proposer) as store:
        first = asyncio.ensure_future(put(store, config("a", "name")))
        second = asyncio.ensure_future(put(store, config("b", "name")))
        while proposer.waiting.empty():
            await asyncio.sleep(0)
        assert not second.done()
        await proposer.refuse(ConnectionError("lost leadership"))
        for one in (first, second):
            with pytest.raises(ConnectionError):
                await one


async def test_refused_proposal_changes_nothing() -> None:
    """When the proposer fails, every transaction of the entry fails and the tables are as before."""
    proposer = HeldProposer()
    async with replicated(proposer) as store:
        both = asyncio.gather(put(store, config("a")), put(store, config("b")), return_exceptions=True)
        await proposer.refuse(ConnectionError("lost leadership"))
        assert [str(e) for e in await both] == ["lost leadership"] * 2
        assert store.count(Config) == 0
        with store.subscribe() as events:
            assert events.take() == []


async def test_batch_fills_entries() -> None:
    """A batch of more than one entry holds is cut by bytes; each step has its own result."""
    proposer = HeldProposer()
    proposer.automatic = True
    async with replicated(proposer) as store:
        await put(store, config("taken"))
        names = [f"c{n}" for n in range(40)] + ["taken"]
        steps = [lambda tx, n=n: tx.create(config(n, data=b"d" * 100_000)) for n in names]
        results = await store.batch(steps)
        assert results[:-1] == [None] * 40
        assert isinstance(results[-1], errors.ObjectExists)
        assert 4 <= len(proposer.log) <= 5
        assert all(len(data) <= ENTRY_BYTES_MAX for _, data in proposer.log)


async def test_step_that_is_run_again_may_hand_over_the_same_object() -> None:
    """A step that did not fit into one entry runs again in the next, with the very objects it had built."""
    proposer = HeldProposer()
    proposer.automatic = True
    async with replicated(proposer) as store:
        await store.batch([lambda tx, n=n: tx.create(config(f"c{n}")) for n in range(40)])
        changed = []
        for item in store.find(Config):
            made = copy_of(item)
            made.spec.data = b"d" * 100_000
            changed.append(made)
        assert await store.batch([lambda tx, c=c: tx.update(c) for c in changed]) == [None] * 40
        assert all(len(item.spec.data) == 100_000 for item in store.find(Config))


async def test_too_large_transaction() -> None:
    """A transaction larger than an entry is refused and does not stop the ones behind it."""
    proposer = HeldProposer()
    proposer.automatic = True
    async with replicated(proposer) as store:
        huge = put(store, config("a", data=b"d" * 1_600_000))
        results = await asyncio.gather(huge, put(store, config("b")), return_exceptions=True)
        assert isinstance(results[0], errors.TransactionTooLarge)
        assert [c.id for c in store.find(Config)] == ["b"]


async def test_log_and_snapshot_rebuild_the_store() -> None:
    """Applying the log, or restoring a snapshot, gives the same objects; watchers see the differences."""
    proposer = HeldProposer()
    proposer.automatic = True
    async with replicated(proposer) as store:
        await put(store, config("a"), config("b"))
        await store.update(lambda tx: tx.delete(Config, "a"))
        await store.update(lambda tx: tx.create(Service(id="s")))
        follower = MemoryStore(clock=SystemClock())
        for index, request in proposer.log:
            follower.apply(index, request)
        restored = MemoryStore(clock=SystemClock())
        await put(restored, config("gone"))
        with restored.subscribe(Config) as events:
            restored.restore(7, store.snapshot()())
            (commit,) = await events.next()
            assert [type(e) for e in commit.events] == [Deleted, Created]
        for copy in (follower, restored):
            assert copy.find(Config) == store.find(Config)
            assert copy.find(Service) == store.find(Service)
        assert restored.version == 7


async def test_watch_from_replays_the_log() -> None:
    """A watch from an older version replays what came after it and goes on without a gap."""
    proposer = HeldProposer()
    proposer.automatic = True
    async with replicated(proposer) as store:
        await put(store, config("a"))
        seen = store.version
        await put(store, config("b"))
        replayed, live = store.watch_from(seen, Config)
        await put(store, config("c"))
        assert [c.object.id for r in replayed for c in r.changes] == ["b"]
        assert [e.object.id for c in await live.next() for e in c.events] == ["c"]
        with pytest.raises(errors.VersionUnavailable):
            store.watch_from(store.version + 1)
        del proposer.log[:2]
        with pytest.raises(errors.VersionUnavailable):
            store.watch_from(0)


async def test_extensions_and_resources() -> None:
    """Resources need their kind registered; an extension in use stays; extensions never change."""
    store = local()
    resource = objects_pb2.Resource(id="r", kind="Widget")
    resource.annotations.name = "one"
    with pytest.raises(errors.UnknownResourceKind):
        await store.update(lambda tx: tx.create(resource))
    extension = objects_pb2.Extension(id="e")
    extension.annotations.name = "widget"
    await store.update(lambda tx: tx.create(extension))
    again = objects_pb2.Resource(id="r", kind="Widget")
    again.annotations.name = "one"
    await store.update(lambda tx: tx.create(again))
    with pytest.raises(errors.ExtensionInUse):
        await store.update(lambda tx: tx.delete(objects_pb2.Extension, "e"))
    with pytest.raises(errors.ExtensionImmutable):
        await store.update(lambda tx: tx.update(store.find(objects_pb2.Extension)[0]))
    builtin = objects_pb2.Extension(id="x")
    builtin.annotations.name = "task"
    with pytest.raises(errors.NameConflict):
        await store.update(lambda tx: tx.create(builtin))


class _ImmediateProposer(HeldProposer):
    """Commits within the call, as a sole member on a quick disk does."""

    async def propose(self, actions: bytes, on_commit: Callable[[int], None]) -> None:
        self.index += 1
        on_commit(self.index)


async def test_others_have_their_turn_between_entries_that_need_no_waiting() -> None:
    """A long batch does not keep the event loop to itself, however quick the disk is."""
    entries = 20

    def step(number: int) -> Callable[[Transaction], None]:
        def change(tx: Transaction) -> None:
            made = config("c", data=b"%d" % number)
            known = tx.get(Config, "c")
            if known is None:
                tx.create(made)
            else:
                made.meta.CopyFrom(known.meta)
                tx.update(made)

        return change

    async with replicated(proposer := _ImmediateProposer()) as store:
        batch = asyncio.ensure_future(store.batch(step(number) for number in range(entries)))
        turns = 0
        while not batch.done():
            turns += 1
            await asyncio.sleep(0)
        assert await batch == [None] * entries
        assert proposer.index == entries and turns >= entries
