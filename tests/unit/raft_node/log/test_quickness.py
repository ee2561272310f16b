"""The rule by which brief writes are done at once (raft_node.log.quickness), and the disk that heeds it."""

import asyncio
import threading
from pathlib import Path

import pytest
from swarm_core.raft.types import Entry, HardState
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.errors import DiskFailed
from swarm_core.raft_node.log.disk import SystemDisk
from swarm_core.raft_node.log.encryption import Cipher, new_key
from swarm_core.raft_node.log.quickness import (
    IN_THREAD_FIRST,
    IN_THREAD_MAX,
    QUICK_S,
    STALL_S,
    Quickness,
)
from swarm_core.raft_node.log.storage import open_storage
from swarm_testkit.disk import MemoryDisk

FAST_S = QUICK_S / 5


def made_quick() -> Quickness:
    rule = Quickness()
    while not rule.is_quick:
        rule.took(FAST_S, at_once=False)
    return rule


def writes_until_quick(rule: Quickness) -> int:
    count = 0
    while not rule.is_quick:
        rule.took(FAST_S, at_once=False)
        count += 1
    return count


def test_a_new_disk_has_to_show_that_it_is_quick():
    """Nothing is done at once before several writes were quick."""
    assert not Quickness().is_quick
    assert 5 < writes_until_quick(Quickness()) < 100


def test_a_slow_disk_is_never_quick():
    """Writes of twice the bound never lead to one at once."""
    rule = Quickness()
    for _ in range(1000):
        rule.took(2 * QUICK_S, at_once=False)
        assert not rule.is_quick


def test_a_disk_that_becomes_slow_is_left_to_the_thread():
    """A few slow writes end the writing at once, without a stall."""
    rule = made_quick()
    for _ in range(20):
        rule.took(10 * QUICK_S, at_once=True)
    assert not rule.is_quick
    assert writes_until_quick(rule) < IN_THREAD_FIRST


def test_a_slow_one_among_many_quick_ones_changes_nothing():
    """Every tenth write takes as long as is no stall: the others are still done at once."""
    rule = made_quick()
    for _ in range(100):
        rule.took(FAST_S, at_once=True)
    for number in range(1000):
        rule.took(STALL_S if number % 10 == 0 else FAST_S, at_once=True)
        assert rule.is_quick


def stall(rule: Quickness) -> int:
    """How many writes the thread does after a stall on the loop."""
    while not rule.is_quick:
        rule.took(FAST_S, at_once=False)
    rule.took(2 * STALL_S, at_once=True)
    return writes_until_quick(rule)


def test_each_stall_makes_the_next_one_rarer():
    """After every stall on the loop the thread does twice as many writes as after the one before, up to a bound."""
    rule = made_quick()
    waits = [stall(rule) for _ in range(4)]
    assert waits == [IN_THREAD_FIRST << number for number in range(4)]
    while stall(rule) < IN_THREAD_MAX:
        pass
    assert stall(rule) == IN_THREAD_MAX


def test_many_writes_without_a_stall_are_forgiving():
    """A disk that stalled in bad times is trusted again; one that goes on stalling now and then is not."""
    rule = made_quick()
    for _ in range(3):
        stall(rule)
    for _ in range(100 * IN_THREAD_FIRST << 3):
        rule.took(FAST_S, at_once=True)
    assert stall(rule) == IN_THREAD_FIRST
    waits = []
    for _ in range(4):
        for _ in range(1000):
            rule.took(FAST_S, at_once=True)
        waits.append(stall(rule))
    assert waits == [2 * IN_THREAD_FIRST << number for number in range(4)]


def test_a_stall_in_the_thread_is_no_reason_to_stay_there():
    """Stalls that the loop did not feel count in the mean alone."""
    rule = made_quick()
    rule.took(5 * STALL_S, at_once=False)
    assert writes_until_quick(rule) < IN_THREAD_FIRST


class _Clock:
    """Each work takes `work_s`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.work_s = FAST_S

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


async def brief(disk: SystemDisk, clock: _Clock) -> bool:
    """Whether one brief write was done on the loop."""

    def work() -> int:
        clock.now += clock.work_s
        return threading.get_ident()

    return await disk.run_brief(work) == threading.get_ident()


async def test_brief_writes_leave_the_thread_and_go_back(clock):
    """On a quick disk they run on the loop, after a stall in the thread again."""
    disk = SystemDisk(clock)
    assert not await brief(disk, clock)
    for _ in range(100):
        last = await brief(disk, clock)
    assert last
    clock.work_s = 2 * STALL_S
    assert await brief(disk, clock)
    clock.work_s = FAST_S
    assert not await brief(disk, clock)
    disk.close()


async def test_a_brief_write_never_overtakes_the_thread(clock):
    """While the thread still works, a brief write waits for it there, quick disk or not."""
    disk = SystemDisk(clock)
    while not await brief(disk, clock):
        pass
    begun, let_go = threading.Event(), threading.Event()
    order: list[str] = []

    def long_work() -> None:
        begun.set()
        let_go.wait(40)
        order.append("long")

    first = asyncio.ensure_future(disk.run(long_work))
    assert await asyncio.to_thread(begun.wait, 40)
    second = asyncio.ensure_future(disk.run_brief(lambda: order.append("brief")))
    await asyncio.sleep(0)
    assert order == []
    let_go.set()
    await asyncio.gather(first, second)
    assert order == ["long", "brief"]
    assert await brief(disk, clock)
    disk.close()


async def test_a_brief_write_lets_the_loop_send_first(clock):
    """What was scheduled before it is done before it where that was asked for, and only there."""
    disk = SystemDisk(clock)
    while not await brief(disk, clock):
        pass
    order: list[str] = []
    for after_turn in (True, False):
        asyncio.get_running_loop().call_soon(order.append, "sent")
        await disk.run_brief(lambda: order.append("written"), after_turn=after_turn)
        await asyncio.sleep(0)
    assert order == ["sent", "written", "written", "sent"]
    disk.close()


async def test_a_failure_comes_out_at_once_and_from_the_thread(clock):
    """An error of the work is raised to whoever asked, wherever it ran."""
    disk = SystemDisk(clock)

    def fail() -> None:
        raise DiskFailed("no")

    with pytest.raises(DiskFailed):
        await disk.run_brief(fail)
    while not await brief(disk, clock):
        pass
    with pytest.raises(DiskFailed):
        await disk.run_brief(fail)
    disk.close()


def test_only_few_bytes_that_need_no_new_file_are_brief():
    """Large entries, and those that would begin a new file, are for the thread."""
    segment = 200_000
    config = RaftNodeConfig(Path("/state/raft"), "node", "10.0.0.1:2377", segment_bytes=segment)
    storage = open_storage(MemoryDisk(), config, Cipher(new_key()), 1)
    small, large = Entry(1, 2, data=b"x" * 500), Entry(1, 2, data=b"x" * 100_000)
    assert storage.is_brief([small] * 20)
    assert storage.is_brief([])
    assert not storage.is_brief([large])
    storage.write(HardState(1, 0, 1), [Entry(1, 2, data=b"x" * (segment - 2_000))])
    assert not storage.is_brief([small] * 20)
