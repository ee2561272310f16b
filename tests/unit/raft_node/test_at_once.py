"""A sole member on a quick disk: a proposal is done within the call that makes it (docs/design/raft-node.md 2.7)."""

import asyncio
import random

import pytest
from swarm_core.raft_node.config import LogLimits
from swarm_core.raft_node.errors import DiskFailed, Stopped
from swarm_core.raft_node.node import RaftNode
from swarm_testkit.disk import MemoryDisk

from .test_node import Bench, payloads, until


def quick_disk() -> MemoryDisk:
    disk = MemoryDisk()
    disk.works_at_once = True
    return disk


def proposed_at_once(bench: Bench, node: RaftNode, data: bytes) -> bool:
    """Whether the proposal ended without a turn of the event loop; else it is given up."""
    work = node.proposer.propose(data, bench.machine.commit(data))
    try:
        work.send(None)
    except StopIteration:
        return True
    work.close()
    return False


async def until_idle(bench: Bench, node: RaftNode) -> None:
    """Return when the node has nothing to do: a proposal is done at once."""
    await until(lambda: proposed_at_once(bench, node, b"first"))


async def test_it_is_durable_before_it_is_told() -> None:
    """One sync for each, which comes before the callback; the entries are there after a restart."""
    disk = quick_disk()
    bench = Bench(disk=disk)
    async with bench.running() as node:
        await until_idle(bench, node)
        syncs: list[int] = []
        for at in range(3):
            before = disk.syncs
            work = node.proposer.propose(
                b"%d" % at, lambda _, before=before: syncs.append(disk.syncs - before)
            )
            with pytest.raises(StopIteration):
                work.send(None)
        assert syncs == [1, 1, 1]
    bench.disk = disk.reboot(random.Random(1))
    async with bench.running():
        assert payloads(bench.machine)[-3:] == [b"0", b"1", b"2"]


async def test_a_disk_that_is_not_quick_is_waited_for() -> None:
    """The loop goes on meanwhile; what was begun that way ends that way."""
    disk = quick_disk()
    bench = Bench(disk=disk)
    async with bench.running() as node:
        await until_idle(bench, node)
        disk.works_at_once = False
        assert not proposed_at_once(bench, node, b"given up")
        disk.works_at_once = True
        assert not proposed_at_once(bench, node, b"behind it")
        await bench.propose(node, b"last")
        await until_idle(bench, node)
    assert b"last" in [data for _, data in bench.machine.applied]


async def test_a_failing_disk_ends_the_node() -> None:
    """The proposal is never told as committed, and the node fails with the disk's error."""
    disk = quick_disk()
    bench = Bench(disk=disk)
    node = bench.build()
    await node.start()
    running = asyncio.ensure_future(node.run())
    await bench.led.wait()
    await until_idle(bench, node)
    told: list[int] = []
    disk.failing_syncs = True
    with pytest.raises(Stopped):
        await node.proposer.propose(b"lost", told.append)
    with pytest.raises(DiskFailed):
        await running
    assert told == []


async def test_snapshots_are_taken_all_the_same() -> None:
    """The loop is woken for a step that is due."""
    bench = Bench(disk=quick_disk(), limits=LogLimits(snapshot_interval=5))
    async with bench.running() as node:
        await until_idle(bench, node)
        for at in range(10):
            proposed_at_once(bench, node, b"%d" % at)
            await asyncio.sleep(0)
        await until(lambda: any(path.suffix == ".snap" for path in bench.disk.files()))
