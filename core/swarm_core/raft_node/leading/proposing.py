"""Proposals to raft, and the log as its readers see it. Implements the store's port Proposer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from swarm_core.api.limits import ENTRY_BYTES_MAX
from swarm_core.api.wire import varint
from swarm_core.raft.errors import Compacted, ProposalDropped
from swarm_core.raft.sizes import NO_LIMIT
from swarm_core.raft.types import ConfChange, EntryType
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import CompactedLog, NotLeader, RequestTooLarge
from swarm_core.raft_node.leading.leadership import Leadership
from swarm_core.raft_node.leading.proposals import OnCommit, Proposals


class Proposer:
    """`applied` tells the index of the last entry applied."""

    def __init__(
        self, core: Core, leadership: Leadership, proposals: Proposals, applied: Callable[[], int]
    ) -> None:
        self._core = core
        self._leadership = leadership
        self._proposals = proposals
        self._applied = applied

    def commit_index(self) -> int | None:
        """Newest committed index, or None while this node is not a member."""
        standing = self._core.standing
        return self._core.commit_index if standing.has_started and not standing.is_removed else None

    def changes_between(self, low: int, high: int) -> list[tuple[int, bytes]]:
        """(index, encoded InternalRaftRequest) of the applied normal entries in (low, high]. Raises CompactedLog."""
        end = min(high, self._applied()) + 1
        if low + 1 >= end:
            return []
        try:
            entries = self._core.storage.memory.entries(low + 1, end, NO_LIMIT)
        except Compacted as error:
            raise CompactedLog(low) from error
        return [(one.index, one.data) for one in entries if one.type is EntryType.NORMAL and one.data]

    async def propose(self, actions: bytes, on_commit: OnCommit) -> None:
        """Replicate the body of an InternalRaftRequest. Raises ProposalRefused; `on_commit` has not run then."""
        if len(actions) > ENTRY_BYTES_MAX:
            raise RequestTooLarge(len(actions), ENTRY_BYTES_MAX)
        self.check_may_propose()
        request_id = self._proposals.next_id()
        self._offer(partial(self._core.raw.propose, b"\x08" + varint(request_id) + actions))
        applied = self._proposals.begin(request_id, on_commit)
        if not self._core.at_once():
            self._core.wake.set()
        await applied

    def propose_change(self, change: ConfChange) -> asyncio.Future[None]:
        """Offer a change of the members; done when it is applied, fails when it is refused. Raises ProposalRefused."""
        self.check_may_propose()
        change = replace(change, id=self._proposals.next_id())
        self._offer(partial(self._core.raw.propose_conf_change, change))
        self._core.wake.set()
        return self._proposals.begin(change.id, lambda index: None)

    def check_may_propose(self) -> None:
        """Raises ProposalRefused unless this member leads and has room for one more."""
        self._core.standing.check()
        if not self._leadership.is_leader:
            raise NotLeader
        self._proposals.check_room()

    def _offer(self, propose: Callable[[], None]) -> None:
        try:
            propose()
        except ProposalDropped as dropped:
            raise NotLeader("raft takes no proposals now: leadership is being handed over") from dropped
