"""The node: one sync for all that is ready, nothing acknowledged is lost, order of leadership and commits."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from swarm_core.api.limits import ENTRY_BYTES_MAX
from swarm_core.raft.types import (
    ConfChange,
    ConfChangeType,
    Entry,
    EntryType,
    HardState,
    Message,
    MessageType,
)
from swarm_core.raft_node.codec import encode_conf_change
from swarm_core.raft_node.config import LogLimits, RaftNodeConfig
from swarm_core.raft_node.errors import (
    AccessDenied,
    CannotDecrypt,
    CompactedLog,
    DiskFailed,
    DiskFull,
    ForeignState,
    LostLeadership,
    MembershipRefused,
    NotMember,
    RequestTooLarge,
    StateLocked,
    StateUnusable,
    Stopped,
)
from swarm_core.raft_node.log.disk import Disk, SystemDisk
from swarm_core.raft_node.log.encryption import Cipher
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.storage import open_storage
from swarm_core.raft_node.membership import Member, encode_member
from swarm_core.raft_node.net.transport import NoTransport
from swarm_core.raft_node.node import RaftNode
from swarm_core.runtime.clock import Clock, SystemClock
from swarm_testkit.disk import MemoryDisk, PowerCut
from swarm_testkit.raft_shell import MemoryKeyStore, RecordingMachine

ROOT = Path("/state/raft")
SEGMENT = 65_536


class PausedDisk(MemoryDisk):
    """Work takes as long as the test says: each `run` waits for a turn of the loop."""

    async def run(self, work: Callable[[], object]) -> object:  # type: ignore[override]
        await asyncio.sleep(0)
        return work()


@dataclass
class Bench:
    """A node and what surrounds it, restartable."""

    disk: Disk = field(default_factory=MemoryDisk)
    keys: MemoryKeyStore = field(default_factory=MemoryKeyStore)
    limits: LogLimits = field(default_factory=LogLimits)
    config: RaftNodeConfig = field(
        default_factory=lambda: RaftNodeConfig(ROOT, "node-1", "10.0.0.1:2377", segment_bytes=SEGMENT)
    )
    clock: Clock = field(default_factory=SystemClock)
    machine: RecordingMachine = field(default_factory=RecordingMachine)
    leadership: list[bool] = field(default_factory=list)
    led: asyncio.Event = field(default_factory=asyncio.Event)

    def build(self) -> RaftNode:
        self.machine = RecordingMachine()
        self.leadership = []
        self.led = asyncio.Event()
        node = RaftNode(
            self.config,
            self.disk,
            NoTransport(),
            self.machine,
            self.clock,
            random.Random(1),
            keyring=Keyring(self.keys),
            limits=lambda: self.limits,
        )

        def heard(is_leader: bool) -> None:
            self.leadership.append(is_leader)
            if is_leader:
                self.led.set()

        node.leadership.announce_to = heard
        return node

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RaftNode]:
        node = self.build()
        await node.start()
        task = asyncio.ensure_future(node.run())
        led = asyncio.ensure_future(self.led.wait())
        await asyncio.wait([task, led], return_when=asyncio.FIRST_COMPLETED)
        led.cancel()
        try:
            yield node
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def propose(self, node: RaftNode, data: bytes) -> None:
        await node.proposer.propose(data, self.machine.commit(data))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0)


def payloads(machine: RecordingMachine) -> list[bytes]:
    return [data for _, data in machine.applied]


async def test_a_new_cluster_of_one() -> None:
    """The founder is a member, leads at once, and commits from index 3 on."""
    bench = Bench()
    async with bench.running() as node:
        assert bench.leadership == [True]
        assert node.leadership.is_leader
        assert node.leadership.leader_id == node.members.raft_id
        assert node.members.all() == [Member(node.members.raft_id, "node-1", "10.0.0.1:2377")]
        await bench.propose(node, b"one")
        await bench.propose(node, b"two")
        assert bench.machine.applied == [(3, b"one"), (4, b"two")]
        assert node.proposer.commit_index() == 4
        assert node.status().applied == 4
    assert bench.leadership == [True, False]
    assert not node.leadership.is_leader


async def test_restart_replays_before_anything_is_announced() -> None:
    """After `start` the machine has all that was committed, and leadership comes with `run` only."""
    bench = Bench()
    async with bench.running() as node:
        raft_id = node.members.raft_id
        for at in range(20):
            await bench.propose(node, b"%d" % at)
    expected = list(bench.machine.applied)
    node = bench.build()
    await node.start()
    assert bench.machine.applied == expected
    assert bench.leadership == []
    assert node.proposer.commit_index() == expected[-1][0]
    await node.close()
    async with bench.running() as node:
        assert node.members.raft_id == raft_id
        await bench.propose(node, b"more")
        assert payloads(bench.machine)[-1] == b"more"


async def test_commit_callbacks_run_in_order_before_the_next_entry() -> None:
    """Every callback gets its own index, in the order of the log, inside the apply."""
    bench = Bench(disk=PausedDisk())
    order: list[tuple[int, int]] = []

    async with bench.running() as node:

        async def one(number: int) -> None:
            await node.proposer.propose(b"%d" % number, lambda index: order.append((index, number)))
            assert (order[0][0] + number, number) in order

        await asyncio.gather(*(one(number) for number in range(50)))
    assert [number for _, number in order] == list(range(50))
    assert [index for index, _ in order] == list(range(order[0][0], order[0][0] + 50))
    assert bench.machine.applied == []


async def test_many_proposals_share_a_sync() -> None:
    """64 at once cost a few syncs, not 64; one after the other costs one each."""
    disk = PausedDisk()
    bench = Bench(disk=disk)
    async with bench.running() as node:
        before = disk.syncs
        await asyncio.gather(*(bench.propose(node, b"x") for _ in range(64)))
        assert disk.syncs - before <= 3
        before = disk.syncs
        for _ in range(10):
            await bench.propose(node, b"y")
        assert disk.syncs - before == 10


async def test_a_cancelled_proposal_still_reaches_the_machine() -> None:
    """Its callback does not run, the entry is applied like another's, and other waiters are not disturbed."""
    bench = Bench(disk=PausedDisk())
    async with bench.running() as node:
        called: list[int] = []
        gone = asyncio.ensure_future(node.proposer.propose(b"gone", called.append))
        stays = asyncio.ensure_future(bench.propose(node, b"stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await stays
        assert called == []
        assert payloads(bench.machine) == [b"gone", b"stays"]


async def test_too_large_and_just_fitting() -> None:
    """The limit is 1.5 MiB; what fits survives a restart."""
    bench = Bench()
    async with bench.running() as node:
        with pytest.raises(RequestTooLarge, match="1572865 bytes is too large"):
            await bench.propose(node, bytes(ENTRY_BYTES_MAX + 1))
        await bench.propose(node, bytes(ENTRY_BYTES_MAX))
    async with bench.running():
        assert payloads(bench.machine) == [bytes(ENTRY_BYTES_MAX)]


async def test_proposals_outside_of_leadership() -> None:
    """Before the start, before leadership and after the end each has its error."""
    bench = Bench()
    node = bench.build()
    with pytest.raises(NotMember):
        await bench.propose(node, b"x")
    assert node.proposer.commit_index() is None
    await node.start()
    with pytest.raises(LostLeadership):
        await bench.propose(node, b"x")
    await node.close()
    async with bench.running() as node:
        pass
    with pytest.raises(Stopped):
        await bench.propose(node, b"x")


async def test_stopping_fails_those_that_wait() -> None:
    """A waiting proposal ends with Stopped when the node is cancelled, and its callback never runs."""
    bench = Bench(disk=PausedDisk())
    called: list[int] = []
    async with bench.running() as node:
        waiting = asyncio.ensure_future(node.proposer.propose(b"x", called.append))
        await asyncio.sleep(0)
    with pytest.raises(Stopped):
        await waiting
    assert called == []
    assert bench.leadership == [True, False]


async def test_losing_leadership() -> None:
    """A higher term ends leadership: listeners hear it first, then the waiting proposals fail."""
    bench = Bench(disk=PausedDisk())
    heard: list[str] = []
    async with bench.running() as node:
        node.leadership.announce_to = lambda is_leader: heard.append(f"leader {is_leader}")

        async def propose() -> None:
            try:
                await node.proposer.propose(b"x", lambda index: heard.append("committed"))
            except LostLeadership:
                heard.append("lost")

        task = asyncio.ensure_future(propose())
        await asyncio.sleep(0)
        node.incoming.step(Message(MessageType.APP, to=node.members.raft_id, from_=99, term=50))
        await task
        assert heard == ["leader False", "lost"]
        assert node.leadership.leader_id == 99
        with pytest.raises(LostLeadership):
            await bench.propose(node, b"y")


async def test_a_follower_applies_nothing_before_it_is_durable() -> None:
    """An entry that comes with its commit is applied after the sync, never when the sync fails."""
    disk = MemoryDisk()
    bench = Bench(disk=disk)
    node = bench.build()
    await node.start()
    run = asyncio.ensure_future(node.run())
    await bench.led.wait()
    last, term = node.status().last_index, node.status().hard_state.term

    def append(index: int, log_term: int, data: bytes) -> Message:
        entry = Entry(50, index + 1, EntryType.NORMAL, b"\x08\x07" + data)
        return Message(
            MessageType.APP,
            to=node.members.raft_id,
            from_=99,
            term=50,
            index=index,
            log_term=log_term,
            entries=(entry,),
            commit=index + 1,
        )

    node.incoming.step(append(last, term, b"durable"))
    await until(lambda: payloads(bench.machine) == [b"durable"])
    disk.failing_syncs = True
    node.incoming.step(append(last + 1, 50, b"undurable"))
    with pytest.raises(DiskFailed):
        await run
    assert payloads(bench.machine) == [b"durable"]


async def test_leadership_comes_after_the_uncommitted_tail() -> None:
    """Entries that were durable but not known to be committed are applied before leadership is announced."""
    bench = Bench()
    async with bench.running():
        pass
    keyring = Keyring(bench.keys)
    keyring.load()
    storage = open_storage(bench.disk, bench.config, keyring.cipher(), 1)
    state = storage.memory.initial_state()[0]
    tail = [Entry(state.term, state.commit + at, EntryType.NORMAL, b"\x08\x01%d" % at) for at in (1, 2, 3)]
    storage.write(state, tail)
    storage.close()
    node = bench.build()
    await node.start()
    assert payloads(bench.machine) == []
    seen: list[list[bytes]] = []

    def heard(is_leader: bool) -> None:
        seen.append(payloads(bench.machine))
        bench.led.set()

    node.leadership.announce_to = heard
    run = asyncio.ensure_future(node.run())
    await bench.led.wait()
    assert seen == [[b"1", b"2", b"3"]]
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run


async def test_snapshot_compaction_and_restart() -> None:
    """A snapshot is taken when due, older entries go, files stay few, and a restart begins with it."""
    disk = MemoryDisk()
    bench = Bench(disk=disk, limits=LogLimits(snapshot_interval=100, entries_for_slow_followers=20))
    async with bench.running() as node:
        for at in range(1000):
            await bench.propose(node, b"%04d" % at + bytes(500))
        await until(lambda: len(disk.names(ROOT / "snap-v3-encrypted")) == 1)
        with pytest.raises(CompactedLog) as compacted:
            node.proposer.changes_between(2, 10)
        assert isinstance(compacted.value, LookupError)
        last = node.proposer.commit_index()
        assert last is not None
        changes = node.proposer.changes_between(last - 3, last)
        assert [index for index, _ in changes] == [last - 2, last - 1, last]
        assert all(request.endswith(bytes(500)) for _, request in changes)
        assert node.proposer.changes_between(last, last + 5) == []
    assert bench.machine.encodings >= 9
    expected = list(bench.machine.applied)
    assert len(disk.names(ROOT / "wal-v3-encrypted")) <= 3
    async with bench.running() as node:
        assert bench.machine.restored
        assert bench.machine.applied == expected
        assert len(node.members.all()) == 1
        await bench.propose(node, b"after")


async def test_snapshots_can_be_turned_off_and_old_ones_kept() -> None:
    """Interval 0 takes none; kept old snapshots stay beside the newest."""
    disk = MemoryDisk()
    bench = Bench(disk=disk, limits=LogLimits(snapshot_interval=0))
    async with bench.running() as node:
        for _ in range(50):
            await bench.propose(node, b"x")
        assert disk.names(ROOT / "snap-v3-encrypted") == []
        bench.limits = LogLimits(snapshot_interval=10, keep_old_snapshots=2)
        for _ in range(50):
            await bench.propose(node, b"x")
        await until(lambda: len(disk.names(ROOT / "snap-v3-encrypted")) == 3)


async def test_a_damaged_snapshot_falls_back_to_an_older_one() -> None:
    """With an older snapshot kept, a damaged newest one costs nothing."""
    disk = MemoryDisk()
    bench = Bench(disk=disk, limits=LogLimits(snapshot_interval=30, keep_old_snapshots=1))
    async with bench.running() as node:
        for at in range(100):
            await bench.propose(node, b"%d" % at)
        await until(lambda: len(disk.names(ROOT / "snap-v3-encrypted")) == 2)
    expected = list(bench.machine.applied)
    newest = ROOT / "snap-v3-encrypted" / disk.names(ROOT / "snap-v3-encrypted")[-1]
    disk.flip(newest, 30)
    async with bench.running():
        assert bench.machine.applied == expected


@pytest.mark.parametrize("chunk", range(10))
async def test_acknowledged_proposals_survive_power_cuts(chunk: int) -> None:
    """Whatever moment the power goes, each acknowledged proposal is there after the restart, once and in order."""
    for seed in range(chunk * 30, chunk * 30 + 30):
        rng = random.Random(seed)
        disk = MemoryDisk()
        keys = MemoryKeyStore()
        acknowledged: list[bytes] = []
        for life in range(4):
            limits = LogLimits(
                snapshot_interval=rng.choice((0, 7, 20)), entries_for_slow_followers=rng.choice((0, 5))
            )
            bench = Bench(disk=disk, keys=keys, limits=limits)
            disk.fail_after(rng.randrange(120))
            with suppress(PowerCut, Stopped, NotMember, LostLeadership):
                async with bench.running() as node:
                    survived = payloads(bench.machine)
                    assert [one for one in survived if one in set(acknowledged)] == acknowledged, (
                        f"seed {seed}"
                    )
                    if rng.random() < 0.2:
                        await node.rotate_key()
                    await _many(bench, node, rng, acknowledged, life)
            disk = disk.reboot(rng)
        bench = Bench(disk=disk, keys=keys)
        async with bench.running():
            survived = payloads(bench.machine)
            assert [one for one in survived if one in set(acknowledged)] == acknowledged, f"seed {seed}"
            assert len(set(survived)) == len(survived), f"seed {seed}"


async def _many(
    bench: Bench, node: RaftNode, rng: random.Random, acknowledged: list[bytes], life: int
) -> None:
    async def one(name: bytes) -> None:
        data = name + rng.randbytes(rng.randrange(900))
        await node.proposer.propose(data, bench.machine.commit(data))
        acknowledged.append(data)

    for batch in range(40):
        results = await asyncio.gather(
            *(one(b"%d-%d-%d-" % (life, batch, at)) for at in range(rng.randrange(1, 5))),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result


async def test_full_disk_stops_the_node_and_loses_nothing() -> None:
    """`run` ends with DiskFull, waiters with Stopped that says why; with room again everything is there."""
    disk = MemoryDisk(capacity=SEGMENT + 3000)
    bench = Bench(disk=disk)
    node = bench.build()
    await node.start()
    run = asyncio.ensure_future(node.run())
    await bench.led.wait()
    acknowledged = []
    with pytest.raises(Stopped, match="no space left on the device"):
        for at in range(1000):
            await bench.propose(node, b"%d " % at + bytes(1000))
            acknowledged.append(b"%d " % at + bytes(1000))
    with pytest.raises(DiskFull, match="no space left on the device of /state/raft/wal-v3-encrypted"):
        await run
    assert bench.leadership == [True, False]
    disk.capacity = 1 << 30
    async with bench.running():
        assert payloads(bench.machine)[: len(acknowledged)] == acknowledged


async def test_full_disk_for_a_snapshot() -> None:
    """A snapshot that finds no room stops the node too, and the log is still whole."""
    disk = MemoryDisk()
    bench = Bench(disk=disk, limits=LogLimits(snapshot_interval=10))
    node = bench.build()
    await node.start()
    run = asyncio.ensure_future(node.run())
    await bench.led.wait()
    disk.capacity = disk.capacity - disk.room() + 100
    with pytest.raises(Stopped):
        for _ in range(100):
            await bench.propose(node, bytes(100))
    with pytest.raises(DiskFull):
        await run
    expected = len(bench.machine.applied)
    disk.capacity = 1 << 30
    async with bench.running():
        assert len(bench.machine.applied) >= expected


async def test_a_failed_sync_is_final() -> None:
    """After a sync failed nothing more is acknowledged, and the node ends with DiskFailed."""
    disk = MemoryDisk()
    bench = Bench(disk=disk)
    node = bench.build()
    await node.start()
    run = asyncio.ensure_future(node.run())
    await bench.led.wait()
    disk.failing_syncs = True
    called: list[int] = []
    with pytest.raises(Stopped):
        await node.proposer.propose(b"x", called.append)
    assert called == []
    with pytest.raises(DiskFailed):
        await run
    with pytest.raises(Stopped):
        await node.proposer.propose(b"y", called.append)


async def test_state_of_another_node() -> None:
    """A directory that belongs to another node is refused by name."""
    bench = Bench()
    async with bench.running():
        pass
    bench.config = RaftNodeConfig(ROOT, "node-2", "10.0.0.2:2377", segment_bytes=SEGMENT)
    with pytest.raises(ForeignState, match="belongs to node node-1, not to this node node-2"):
        await bench.build().start()
    bench.config = RaftNodeConfig(ROOT, "node-1", "10.0.0.2:2377", segment_bytes=SEGMENT)
    async with bench.running():
        assert bench.leadership == [True]


async def test_lost_keys() -> None:
    """Without its key the log cannot be read, and says so."""
    bench = Bench()
    async with bench.running():
        pass
    bench.keys = MemoryKeyStore()
    with pytest.raises(CannotDecrypt, match="entry 1 of the write-ahead log"):
        await bench.build().start()


async def test_remains_are_never_founded_over() -> None:
    """Snapshots without a log, or an old unencrypted log, are refused."""
    disk = MemoryDisk()
    disk.make_directory(ROOT / "snap-v3-encrypted")
    disk.write(ROOT / "snap-v3-encrypted" / "0000000000000001-0000000000000009.snap", b"x")
    with pytest.raises(StateUnusable, match="snapshots but no write-ahead log"):
        await Bench(disk=disk).build().start()
    disk = MemoryDisk()
    disk.make_directory(ROOT / "wal-v3")
    with pytest.raises(StateUnusable, match="wal-v3 is the unencrypted state"):
        await Bench(disk=disk).build().start()


async def test_a_second_node_on_the_same_state() -> None:
    """The state is locked while a node uses it."""
    bench = Bench()
    async with bench.running():
        other = Bench(disk=bench.disk, keys=bench.keys)
        with pytest.raises(StateLocked):
            await other.build().start()


async def test_key_rotation() -> None:
    """A new key takes over with the next snapshot; then the old one is forgotten and unneeded."""
    disk = MemoryDisk()
    bench = Bench(disk=disk)
    async with bench.running() as node:
        for at in range(20):
            await bench.propose(node, b"%d" % at)
        before = dict(bench.keys.values)
        await node.rotate_key()
        await until(lambda: "raft-dek-pending" in bench.keys.values or bench.keys.values != before)
        await bench.propose(node, b"under the new key")
        await until(lambda: set(bench.keys.values) == {"raft-dek"} and bench.keys.values != before)
    expected = list(bench.machine.applied)
    async with bench.running():
        assert bench.machine.applied == expected
    bench.keys = MemoryKeyStore(before)
    with pytest.raises(CannotDecrypt):
        await bench.build().start()


async def test_restart_within_a_rotation() -> None:
    """A pending key found at the start goes on to become the key."""
    bench = Bench()
    async with bench.running() as node:
        await bench.propose(node, b"old key")
    keyring = Keyring(bench.keys)
    keyring.load()
    keyring.begin_rotation()
    async with bench.running() as node:
        assert payloads(bench.machine) == [b"old key"]
        await bench.propose(node, b"new key")
        await until(lambda: set(bench.keys.values) == {"raft-dek"})
    async with bench.running():
        assert payloads(bench.machine) == [b"old key", b"new key"]


async def test_everything_on_disk_is_encrypted() -> None:
    """No payload is found in any file."""
    disk = MemoryDisk()
    bench = Bench(disk=disk, limits=LogLimits(snapshot_interval=5))
    async with bench.running() as node:
        for _ in range(20):
            await bench.propose(node, b"the-secret-payload")
    assert len(disk.files()) >= 2
    assert all(b"the-secret" not in disk.read(path) for path in disk.files())


async def test_membership_changes() -> None:
    """A committed change is seen in the members; one that contradicts them is refused at once."""
    bench = Bench()
    async with bench.running() as node:
        me = node.members.all()[0]
        await node.members.change(ConfChangeType.UPDATE_NODE, Member(me.raft_id, me.node_id, "10.9.9.9:1"))
        assert node.members.all()[0].address == "10.9.9.9:1"
        with pytest.raises(MembershipRefused, match="already in the cluster"):
            await node.members.change(ConfChangeType.ADD_NODE, me)
        with pytest.raises(MembershipRefused, match="is not in the cluster"):
            await node.members.change(ConfChangeType.REMOVE_NODE, Member(5, "x", "y"))
    async with bench.running() as node:
        assert node.members.all()[0].address == "10.9.9.9:1"


async def test_force_new_cluster() -> None:
    """A member of a lost cluster goes on alone: the others are removed, and all of its log stands. What the others have acknowledged may lie
    behind the commit that this member has on its disk."""
    disk, keys = MemoryDisk(), MemoryKeyStore()
    bench = Bench(disk=disk, keys=keys)
    async with bench.running() as node:
        await bench.propose(node, b"kept")
        me = node.members.raft_id
    keyring = Keyring(keys)
    keyring.load()
    storage = open_storage(disk, bench.config, keyring.cipher(), 1)
    state = storage.memory.initial_state()[0]
    others = [Member(7, "node-7", "10.0.0.7:1"), Member(8, "node-8", "10.0.0.8:1")]
    changes = [ConfChange(ConfChangeType.ADD_NODE, one.raft_id, encode_member(one)) for one in others]
    entries = [
        Entry(state.term, state.commit + at, EntryType.CONF_CHANGE, encode_conf_change(change))
        for at, change in enumerate(changes, 1)
    ]
    entries.append(Entry(state.term, state.commit + 3, EntryType.NORMAL, b"\x08\x01acknowledged"))
    storage.write(HardState(state.term, state.vote, state.commit + 2), entries)
    storage.close()

    node = bench.build()
    await node.start()
    assert [member.raft_id for member in node.members.all()] == sorted([me, 7, 8])
    await node.close()

    bench.config = RaftNodeConfig(
        ROOT, "node-1", "10.0.0.1:2377", force_new_cluster=True, segment_bytes=SEGMENT
    )
    async with bench.running() as node:
        assert [member.raft_id for member in node.members.all()] == [me]
        assert node.members.removed() == {7, 8}
        await bench.propose(node, b"alone")
        assert payloads(bench.machine) == [b"kept", b"acknowledged", b"alone"]
    bench.config = RaftNodeConfig(ROOT, "node-1", "10.0.0.1:2377", segment_bytes=SEGMENT)
    async with bench.running() as node:
        assert bench.leadership == [True]
        assert payloads(bench.machine) == [b"kept", b"acknowledged", b"alone"]


async def test_force_new_cluster_on_a_member_that_was_being_removed() -> None:
    """Its own removal that is not known to be committed, and what follows it, does not stand: it goes on with what came before."""
    disk, keys = MemoryDisk(), MemoryKeyStore()
    bench = Bench(disk=disk, keys=keys)
    async with bench.running() as node:
        await bench.propose(node, b"kept")
        me = node.members.raft_id
    keyring = Keyring(keys)
    keyring.load()
    storage = open_storage(disk, bench.config, keyring.cipher(), 1)
    state = storage.memory.initial_state()[0]
    removal = encode_conf_change(ConfChange(ConfChangeType.REMOVE_NODE, me))
    entries = [
        Entry(state.term, state.commit + 1, EntryType.NORMAL, b"\x08\x01acknowledged"),
        Entry(state.term, state.commit + 2, EntryType.CONF_CHANGE, removal),
        Entry(state.term, state.commit + 3, EntryType.NORMAL, b"\x08\x01behind it"),
    ]
    storage.write(HardState(state.term, state.vote, state.commit), entries)
    storage.close()
    bench.config = RaftNodeConfig(
        ROOT, "node-1", "10.0.0.1:2377", force_new_cluster=True, segment_bytes=SEGMENT
    )
    async with bench.running() as node:
        assert [member.raft_id for member in node.members.all()] == [me]
        await bench.propose(node, b"alone")
        assert payloads(bench.machine) == [b"kept", b"acknowledged", b"alone"]
    bench.config = RaftNodeConfig(ROOT, "node-1", "10.0.0.1:2377", segment_bytes=SEGMENT)
    async with bench.running():
        assert payloads(bench.machine) == [b"kept", b"acknowledged", b"alone"]


async def test_on_the_real_disk(tmp_path: Path) -> None:
    """Threads, locks and files: concurrent proposals, a restart, private modes, a wrong mode."""
    disk = SystemDisk()
    config = RaftNodeConfig(tmp_path / "raft", "node-1", "10.0.0.1:2377")
    bench = Bench(disk=disk, config=config, limits=LogLimits(snapshot_interval=50))
    async with bench.running() as node:
        for _ in range(5):
            await asyncio.gather(*(bench.propose(node, b"%d" % at) for at in range(64)))
        await until(lambda: disk.names(config.directory / "snap-v3-encrypted"))
    expected = list(bench.machine.applied)
    assert len(expected) == 320
    async with bench.running():
        assert bench.machine.applied == expected
    assert all(path.stat().st_mode & 0o077 == 0 for path in config.directory.rglob("*"))
    config.directory.chmod(0o755)
    with pytest.raises(AccessDenied, match="mode 0755"):
        await bench.build().start()
    disk.close()


def test_an_unencrypted_cipher_does_not_exist() -> None:
    """A key of no bytes is a broken invariant."""
    with pytest.raises(AssertionError):
        Cipher(b"")
