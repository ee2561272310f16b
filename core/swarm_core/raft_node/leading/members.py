"""Who belongs to the cluster, and changing that, on the leader.

Rules
1. One change at a time, from its proposal until it is applied, even when its caller has gone: raft would turn a second one
   into nothing.
2. A node joins under a raft id that nobody ever had.
3. No member is removed unless the reachable ones that remain are a quorum of those that remain.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from swarm_core.raft.types import ConfChange, ConfChangeType
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import MembershipRefused, QuorumAtRisk
from swarm_core.raft_node.leading.proposing import Proposer
from swarm_core.raft_node.membership import Member, Membership, encode_member


class Activity(Protocol):
    """Port: what the transport knows of other members."""

    def active_since(self, raft_id: int) -> float | None:
        """Since when (monotonic) a member answers; None when it does not."""


def _nobody_listens() -> None:
    """The default of `on_change`."""


class Members:
    """`membership` is what the log says of them. `on_change` is called after each change."""

    def __init__(
        self, core: Core, membership: Membership, proposer: Proposer, activity: Activity, rng: random.Random
    ) -> None:
        self._core = core
        self._membership = membership
        self._proposer = proposer
        self._activity = activity
        self._rng = rng
        self._lock = asyncio.Lock()
        self._last: asyncio.Future[None] | None = None
        self.on_change: Callable[[], None] = _nobody_listens

    @property
    def raft_id(self) -> int:
        """Of this node, after the start."""
        return self._core.raft_id

    @property
    def is_member(self) -> bool:
        """Whether this node takes part; others' messages are for it only then."""
        return self._core.standing.is_member

    def all(self) -> list[Member]:
        """All members, this one too; none before the start."""
        return sorted(self._membership.members.values(), key=lambda member: member.raft_id)

    def removed(self) -> frozenset[int]:
        """Raft ids that never come back."""
        return frozenset(self._membership.removed)

    def longest_active(self) -> int | None:
        """The other member that answers longest."""
        since = {
            raft_id: at
            for raft_id in self._membership.members
            if raft_id != self.raft_id and (at := self._activity.active_since(raft_id)) is not None
        }
        return min(since, key=lambda raft_id: (since[raft_id], raft_id), default=None)

    def can_remove(self, raft_id: int) -> bool:
        """Whether enough reachable members would remain without this one."""
        members, active = self._membership.members, self._activity.active_since
        reachable = sum(id_ == self.raft_id or active(id_) is not None for id_ in members if id_ != raft_id)
        return reachable >= (len(members) - 1) // 2 + 1

    async def admit(self, node_id: str, address: str) -> Member:
        """Make a node a member, or note the new address of one. Raises ProposalRefused."""
        self._proposer.check_may_propose()
        async with self._lock:
            member = self._member_of(node_id)
            if member is None:
                member = Member(self._new_raft_id(), node_id, address)
                await self._change(ConfChangeType.ADD_NODE, member)
            elif member.address != address:
                member = Member(member.raft_id, node_id, address)
                await self._change(ConfChangeType.UPDATE_NODE, member)
            return member

    async def remove(self, raft_id: int) -> None:
        """Take a member out. Raises ProposalRefused, QuorumAtRisk when too few reachable ones would remain."""
        self._proposer.check_may_propose()
        async with self._lock:
            if raft_id not in self._membership.members:
                raise MembershipRefused(f"raft member {raft_id:x} is not in the cluster")
            if not self.can_remove(raft_id):
                raise QuorumAtRisk
            await self._change(ConfChangeType.REMOVE_NODE, self._membership.members[raft_id])

    async def change(self, kind: ConfChangeType, member: Member) -> None:
        """Add, update or remove a member as it stands. Raises ProposalRefused."""
        self._proposer.check_may_propose()
        async with self._lock:
            await self._change(kind, member)

    async def _change(self, kind: ConfChangeType, member: Member) -> None:
        if self._last is not None:
            await asyncio.wait([self._last])
        context = b"" if kind is ConfChangeType.REMOVE_NODE else encode_member(member)
        change = ConfChange(kind, member.raft_id, context)
        self._membership.check(change)
        self._last = self._proposer.propose_change(change)
        self._last.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._last)

    def _member_of(self, node_id: str) -> Member | None:
        members = self._membership.members.values()
        return next((member for member in members if member.node_id == node_id), None)

    def _new_raft_id(self) -> int:
        membership = self._membership
        while True:
            raft_id = self._rng.getrandbits(63) + 1
            if raft_id not in membership.members and raft_id not in membership.removed:
                return raft_id
