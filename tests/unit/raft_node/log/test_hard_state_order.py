"""The hard state in the log never goes back, whenever a member ends."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from swarm_core.raft.types import Entry, Message, MessageType
from swarm_core.raft_node.config import RaftNodeConfig
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.membership import Member
from swarm_core.raft_node.net.transport import NoTransport
from swarm_core.raft_node.node import RaftNode
from swarm_core.runtime.clock import SystemClock
from swarm_testkit.disk import MemoryDisk
from swarm_testkit.raft_shell import MemoryKeyStore, RecordingMachine
from swarm_testkit.simulation.founding import DIRECTORY, found

T = TypeVar("T")


class EndingDisk(MemoryDisk):
    """Once `ends` is set, the next work is done and then the member is asked to end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: Callable[[], object] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        result = work()
        if self.ends is not None:
            ends, self.ends = self.ends, None
            ends()
            await asyncio.sleep(0)
        return result


def append(index: int, *entries: Entry, commit: int) -> Message:
    term = 1 if index == 2 else 2
    return Message(
        MessageType.APP, to=1, from_=2, term=2, index=index, log_term=term, entries=entries, commit=commit
    )


def entry(index: int) -> Entry:
    return Entry(2, index, data=b"\x08\x01")


async def test_an_older_commit_index_is_not_written_after_a_newer_one() -> None:
    """A member that ends within a write does not append the commit index that it had put off before."""
    disk, keys = EndingDisk(), MemoryKeyStore()
    config = RaftNodeConfig(directory=DIRECTORY, node_id="m1", address="m1:4242")
    keyring = Keyring(keys)
    keyring.load()
    found(disk, config, [Member(1, "m1", "m1:4242"), Member(2, "m2", "m2:4242")], keyring.cipher())

    def build() -> RaftNode:
        return RaftNode(
            config,
            disk,
            NoTransport(),
            RecordingMachine(),
            SystemClock(),
            random.Random(1),
            keyring=Keyring(keys),
        )

    node = build()
    await node.start()
    running = asyncio.ensure_future(node.run())

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(40):
            while not condition():
                await asyncio.sleep(0)

    synced = disk.syncs
    node.incoming.step(append(2, entry(3), commit=2))
    await until(lambda: disk.syncs > synced)
    node.incoming.step(append(3, commit=3))
    await until(lambda: node.proposer.commit_index() == 3)
    disk.ends = running.cancel
    node.incoming.step(append(3, entry(4), commit=4))
    await asyncio.wait([running])
    assert running.cancelled()

    again = build()
    await again.start()
    assert again.proposer.commit_index() == 4
    await again.close()
