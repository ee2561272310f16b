"""What the parts of a node share: the core of raft, its log, and how this node stands.

`raw` and `storage` are there once the node has started. `wake` wakes the loop: there may be something ready. `at_once` lets it
do that within the call, where nothing has to wait, and says whether it did.
"""

import asyncio
import random
from collections.abc import Callable
from functools import partial

from swarm_core.raft.raw_node import RawNode
from swarm_core.raft_node.config import RaftNodeConfig, raft_config
from swarm_core.raft_node.errors import NotMember, Stopped
from swarm_core.raft_node.log.disk import Disk
from swarm_core.raft_node.log.keyring import Keyring
from swarm_core.raft_node.log.storage import RaftStorage, note_raft_id, open_storage
from swarm_core.runtime.clock import Clock


class Standing:
    """Whether this node takes part, and why it does not any more."""

    def __init__(self) -> None:
        self.has_started = False
        self.is_removed = False
        self.failure: Exception | None = None
        self.has_ended = False

    @property
    def is_member(self) -> bool:
        """Whether this node takes part; others' messages are for it only then."""
        return self.has_started and not self.has_ended and not self.is_removed

    def fail(self, error: Exception) -> None:
        """This node cannot go on. What fails later fails because of the first failure."""
        if self.failure is None:
            self.failure = error

    def stopped(self) -> Stopped:
        """What those are told who ask for something now."""
        return Stopped(str(self.failure or ""))

    def check(self) -> None:
        """Raises Stopped, NotMember unless this node takes part."""
        if self.has_ended:
            raise self.stopped()
        if self.is_removed or not self.has_started:
            raise NotMember


class Core:
    """Made before the start, which fills it: `load`, then `make_raw`."""

    raw: RawNode
    storage: RaftStorage

    def __init__(self, config: RaftNodeConfig, disk: Disk, clock: Clock) -> None:
        self.config = config
        self.disk = disk
        self.clock = clock
        self.standing = Standing()
        self.wake = asyncio.Event()
        self.at_once: Callable[[], bool] = lambda: False
        self.commit_index = 0

    @property
    def raft_id(self) -> int:
        """Of this node, after the start."""
        return self.storage.member.raft_id

    async def load(self, keyring: Keyring, rng: random.Random, *, joined_as: int) -> None:
        """Open the log, or begin one: see log.storage. Raises StateUnusable, DiskFailed."""
        new_raft_id = rng.getrandbits(63) + 1
        self.storage = await self.disk.run(partial(self._open, keyring, new_raft_id, joined_as))

    def make_raw(self, rng: random.Random) -> None:
        """Begin with what was loaded."""
        memory = self.storage.memory
        self.commit_index = memory.initial_state()[0].commit
        self.raw = RawNode(
            raft_config(
                self.config,
                raft_id=self.raft_id,
                storage=memory,
                rng=rng,
                applied=memory.snapshot().index,
            )
        )

    def _open(self, keyring: Keyring, new_raft_id: int, joined_as: int) -> RaftStorage:
        keyring.load()
        cipher = keyring.cipher()
        storage = open_storage(self.disk, self.config, cipher, new_raft_id, joined_as=joined_as)
        try:
            # After the log: with it a member goes on, whatever is noted; noted without it, a joiner could never begin.
            note_raft_id(self.disk, self.config.raft_ids, storage.member.raft_id)
        except BaseException:
            storage.close()
            raise
        if keyring.keys.pending is not None and not cipher.needed_older_key:
            keyring.finish_rotation()
            storage.cipher = keyring.cipher()
        return storage
