"""Changing who belongs to the cluster, on the leader.

Rules: one change at a time, from its proposal until it is applied, even when its caller has gone: raft would turn a
second one into nothing. A node joins under a raft id that nobody ever had. No member is removed unless the reachable
ones that remain are a quorum of those that remain.
"""

import asyncio
import random
from collections.abc import Callable

from swarm_core.raft.types import ConfChange, ConfChangeType
from swarm_core.raft_node.applier import Applier
from swarm_core.raft_node.errors import MembershipRefused, QuorumAtRisk
from swarm_core.raft_node.membership import Member, encode_member
from swarm_core.raft_node.net.transport import Transport
from swarm_core.raft_node.proposals import Proposals, RequestIds


class Reconfiguration:
    """`propose` offers a change to raft; it raises ProposalRefused."""

    def __init__(
        self,
        own_id: int,
        applier: Applier,
        proposals: Proposals,
        transport: Transport,
        rng: random.Random,
        *,
        request_ids: RequestIds,
        propose: Callable[[ConfChange], None],
    ) -> None:
        self._own_id = own_id
        self._applier = applier
        self._proposals = proposals
        self._transport = transport
        self._rng = rng
        self._request_ids = request_ids
        self._propose = propose
        self._lock = asyncio.Lock()
        self._last: asyncio.Future[None] | None = None

    def can_remove(self, raft_id: int) -> bool:
        """Whether enough reachable members would remain."""
        members = self._applier.membership.members
        active = self._transport.active_since
        reachable = sum(id_ == self._own_id or active(id_) is not None for id_ in members if id_ != raft_id)
        return reachable >= (len(members) - 1) // 2 + 1

    async def admit(self, node_id: str, address: str) -> Member:
        """Make a node a member, or give the member it is a new address. Raises ProposalRefused."""
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
        """Take a member out. Raises ProposalRefused."""
        async with self._lock:
            if raft_id not in self._applier.membership.members:
                raise MembershipRefused(f"raft member {raft_id:x} is not in the cluster")
            if not self.can_remove(raft_id):
                raise QuorumAtRisk
            await self._change(ConfChangeType.REMOVE_NODE, self._applier.membership.members[raft_id])

    async def change(self, kind: ConfChangeType, member: Member) -> None:
        """One change as it stands. Raises ProposalRefused."""
        async with self._lock:
            await self._change(kind, member)

    async def _change(self, kind: ConfChangeType, member: Member) -> None:
        if self._last is not None:
            await asyncio.wait([self._last])
        context = b"" if kind is ConfChangeType.REMOVE_NODE else encode_member(member)
        change = ConfChange(kind, member.raft_id, context, self._request_ids.next())
        self._applier.membership.check(change)
        self._propose(change)
        self._last = self._proposals.begin(change.id, lambda index: None)
        self._last.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._last)

    def _member_of(self, node_id: str) -> Member | None:
        members = self._applier.membership.members.values()
        return next((member for member in members if member.node_id == node_id), None)

    def _new_raft_id(self) -> int:
        membership = self._applier.membership
        while True:
            raft_id = self._rng.getrandbits(63) + 1
            if raft_id not in membership.members and raft_id not in membership.removed:
                return raft_id
