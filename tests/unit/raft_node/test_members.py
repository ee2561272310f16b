"""Members of a cluster in one process: joining, leaving, handing over, catching up."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from swarm_core.raft_node import upkeep
from swarm_core.raft_node.config import LogLimits
from swarm_core.raft_node.errors import (
    MembershipRefused,
    NotLeader,
    NotMember,
    QuorumAtRisk,
    StateUnusable,
    TransferFailed,
)
from swarm_core.raft_node.log import snapshotter, storage
from swarm_core.raft_node.log.storage import note_raft_id, noted_raft_ids
from swarm_core.raft_node.membership import Member
from swarm_testkit.disk import MemoryDisk
from swarm_testkit.raft_hosts import ROOT, Host, hosts, join, until


async def test_a_member_joins_empty_and_gets_the_log() -> None:
    """The joiner starts under the id it was given, with nothing, and ends with everything."""
    async with hosts(1) as (first,):
        await first.propose(b"before")
        second = Host(first.network, 2, LogLimits())
        member = await join(first, second)
        assert second.node.members.raft_id == member.raft_id
        await first.propose(b"after")
        await until(lambda: second.payloads == [b"before", b"after"])
        assert second.machine.restored == []
        assert second.transport.peers[first.node.members.raft_id] == "10.0.0.1:1"
        await second.end()


async def test_a_joiner_gets_a_snapshot_of_what_the_log_lacks() -> None:
    """The snapshot names the members of now, so that the joiner, who is in none that was stored, finds itself in it."""
    async with hosts(2, LogLimits(snapshot_interval=5, entries_for_slow_followers=0)) as (first, second):
        wanted = [str(number).encode() for number in range(30)]
        for data in wanted:
            await first.propose(data)
        await until(
            lambda: first.node.status().applied > 30 and not first.node._loop.upkeep._snapshotter.is_running
        )
        third = Host(first.network, 3, LogLimits())
        member = await join(first, third)
        await until(lambda: third.payloads == wanted)
        assert third.machine.restored
        sent = first.network.snapshots[-1].snapshot
        assert sent is not None
        assert member.raft_id in sent.conf_state.voters
        await until(lambda: second.payloads == wanted)
        assert any(name.endswith(".snap") for name in third.disk.names(ROOT / "snap-v3-encrypted"))
        await third.end()


async def test_a_log_that_holds_much_is_replaced_by_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few large entries make a snapshot due, long before their number does; and of them few are kept."""
    monkeypatch.setattr(snapshotter, "LOG_BYTES_MAX", 50_000)
    monkeypatch.setattr(storage, "KEPT_BYTES_MAX", 25_000)
    async with hosts(1) as (only,):
        for number in range(4):
            await only.propose(bytes([number]) * 10_000)
        assert only.node._core.storage.memory.snapshot().index == 0
        await only.propose(b"x" * 10_000)
        memory = only.node._core.storage.memory
        await until(lambda: memory.snapshot().index > 0)
        # Two of 10 000 bytes fit into what is kept.
        assert memory.snapshot().index - memory.first_index() + 1 == 2
        taken = memory.snapshot().index
        await only.propose(b"small")
        assert memory.snapshot().index == taken


async def test_the_memory_of_large_entries_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after much has come; and not again before as much has come again."""
    asked: list[None] = []
    monkeypatch.setattr(upkeep, "GIVE_BACK_BYTES", 50_000)
    monkeypatch.setattr(upkeep, "GIVE_BACK_PAUSE_S", 0.0)
    monkeypatch.setattr(upkeep, "give_back", lambda: asked.append(None))
    async with hosts(1) as (only,):
        for _ in range(2):
            before = len(asked)
            for _ in range(4):
                await only.propose(b"x" * 10_000)
            assert len(asked) == before
            await only.propose(b"x" * 10_500)
            await until(lambda before=before: len(asked) == before + 1)
        await only.propose(b"small")
        assert len(asked) == 2


async def test_joining_twice_is_joining_once() -> None:
    """The same node at the same address gets its id again; at another address everybody learns that."""
    async with hosts(2) as (first, second):
        member = await first.node.members.admit("node-2", "10.0.0.2:1")
        assert member.raft_id == second.node.members.raft_id
        moved = await first.node.members.admit("node-2", "10.9.9.9:1")
        assert moved == Member(member.raft_id, "node-2", "10.9.9.9:1")
        assert first.transport.peers[member.raft_id] == "10.9.9.9:1"
        await until(lambda: moved in second.node.members.all())


async def test_only_the_leader_admits() -> None:
    """A follower refuses, and says that nothing happened."""
    async with hosts(2) as (_, second):
        with pytest.raises(NotLeader) as refused:
            await second.node.members.admit("node-9", "10.0.0.9:1")
        assert refused.value.not_done


async def test_nobody_is_removed_at_the_quorum_s_expense() -> None:
    """Of three with one cut off only that one can go; unknown members cannot."""
    async with hosts(3) as (first, second, third):
        first.network.cut.add(third.node.members.raft_id)
        assert not first.node.members.can_remove(second.node.members.raft_id)
        with pytest.raises(QuorumAtRisk):
            await first.node.members.remove(second.node.members.raft_id)
        with pytest.raises(MembershipRefused, match="is not in the cluster"):
            await first.node.members.remove(4)
        assert first.node.members.can_remove(third.node.members.raft_id)
        await first.node.members.remove(third.node.members.raft_id)
        await until(lambda: len(second.node.members.all()) == 2)
        assert third.node.members.raft_id in first.node.members.removed()


async def test_a_removed_member_ends_and_can_be_erased() -> None:
    """It learns it from the log; erasing leaves neither log nor keys, only the id that it must never have again."""
    async with hosts(3) as (first, second, third):
        await first.node.members.remove(third.node.members.raft_id)
        assert third.task is not None
        with pytest.raises(NotMember):
            await third.task
        # Each applies the change when it hears of it.
        await until(lambda: third.node.members.raft_id not in second.transport.peers)
        await third.node.erase()
        assert not await third.node.has_state()
        assert third.keys.values == {}
        assert noted_raft_ids(third.disk, ROOT.with_name("raft-ids")) == {third.node.members.raft_id}
        again = Host(third.network, 3, LogLimits(), disk=third.disk)
        assert await again.node.former_raft_ids() == {third.node.members.raft_id}
        # What a member is now it may of course be again.
        assert await second.node.former_raft_ids() == frozenset()
        await first.propose(b"on")
        await until(lambda: second.payloads == [b"on"])


async def test_a_member_that_is_told_of_its_removal_ends() -> None:
    """What it missed in the log a peer says."""
    async with hosts(2) as (_, second):
        second.node.incoming.report_removed()
        assert second.task is not None
        with pytest.raises(NotMember):
            await second.task


async def test_leadership_is_handed_over() -> None:
    """Afterwards another one leads and this one refuses proposals without having made them."""
    async with hosts(3) as members:
        first = members[0]
        await first.node.handover.transfer()
        assert not first.node.leadership.is_leader
        await until(lambda: any(host.node.leadership.is_leader for host in members[1:]))
        leader = next(host for host in members[1:] if host.node.leadership.is_leader)
        await leader.propose(b"new")
        await until(lambda: first.payloads == [b"new"])
        with pytest.raises(NotLeader):
            await first.propose(b"old")


async def test_leadership_stays_where_nobody_can_take_it() -> None:
    """With nobody in reach the transfer fails at once, and the leader goes on."""
    async with hosts(1) as (first,):
        with pytest.raises(TransferFailed):
            await first.node.handover.transfer()
        await first.propose(b"on")
        assert not first.node.leadership.is_handing_over


async def test_a_change_whose_caller_has_gone_does_not_block_the_next() -> None:
    """Raft takes one change at a time: the next waits for the first, also when nobody else does."""
    async with hosts(1) as (first,):
        task = asyncio.get_running_loop().create_task(first.node.members.admit("node-2", "10.0.0.2:1"))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        second = Host(first.network, 2, LogLimits())
        await join(first, second)
        assert len({member.node_id for member in first.node.members.all()}) == 2
        await second.end()


@pytest.mark.parametrize("noted", [(), (0xABC,), (0xABC, 0x1, 0xFFFF_FFFF_FFFF_FFFF)])
def test_a_damaged_note_of_raft_ids_is_refused(noted: tuple[int, ...]) -> None:
    """Each byte changed, each length cut, emptied: an id that is lost could be used again, so it is never just passed over."""
    disk, path = MemoryDisk(), Path("/node/raft-ids")
    for raft_id in noted:
        note_raft_id(disk, path, raft_id)
    assert noted_raft_ids(disk, path) == set(noted)
    if not noted:
        return
    good = disk.read(path)
    damaged = [good[:length] for length in range(len(good))]
    damaged += [good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :] for at in range(len(good))]
    for content in damaged:
        disk.write(path, content)
        with pytest.raises(StateUnusable, match="raft-ids is damaged"):
            noted_raft_ids(disk, path)
