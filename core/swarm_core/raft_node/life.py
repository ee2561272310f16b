"""The life of a member: how it begins, runs and ends.

Rules
1. A node with a log goes on with it, as the member that it was.
2. A node without a log founds a cluster when it was told of no other manager. Otherwise it asks to be admitted.
3. A joiner that ended before it heard from the leader has a log, but knows no members. It asks again. When it is offered
   another raft id, the member that it was has been removed, and its log is of no use.
4. A node that was removed first sends what the others need to commit its removal. Then it forgets its log and its keys.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from swarm_core.api.proto.raft_pb2 import JoinResponse
from swarm_core.raft_node.errors import NotMember
from swarm_core.raft_node.node import RaftNode

# How long a member that was removed goes on sending what the others need to commit its removal.
DRAIN_S = 2.0

Ask = Callable[[frozenset[int]], Awaitable[JoinResponse]]
"""Asks other managers to admit this node under a raft id that is none of the given ones. Raises JoinFailed."""


class LifeTransport(Protocol):
    """Port: what a life needs of the transport."""

    def add_peer(self, raft_id: int, address: str) -> None:
        """Reach a member."""

    async def drain(self, seconds: float) -> None:
        """Return when everything was sent, or after a while."""


class MemberLife:
    """`begin` comes first, then `run`, both inside `forgotten_if_removed`."""

    def __init__(self, raft: RaftNode, transport: LifeTransport) -> None:
        self._raft = raft
        self._transport = transport

    async def begin(self, ask: Ask | None) -> bool:
        """Start raft; whether that took asking. `ask` is None when no other manager is known.

        Raises JoinFailed, StateUnusable, DiskFailed; NotMember when the log is that of a removed member.
        """
        has_state = await self._raft.has_state()
        if has_state:
            await self._raft.start()
        if ask is None or self._raft.members.all():
            if not has_state:
                await self._raft.start()
            return False
        try:
            answer = await ask(await self._raft.former_raft_ids())
            if has_state and self._raft.members.raft_id != answer.raft_id:
                raise NotMember
        except BaseException:
            if has_state:
                await self._raft.close()
            raise
        if not has_state:
            await self._raft.start(joined_as=answer.raft_id)
        for member in answer.members:
            if member.raft_id != answer.raft_id:
                self._transport.add_peer(member.raft_id, member.addr)
        return True

    async def run(self) -> None:
        """Take part until cancelled. Raises what made raft fail, NotMember once this node was removed."""
        try:
            await self._raft.run()
        except NotMember:
            await self._transport.drain(DRAIN_S)
            raise

    @asynccontextmanager
    async def forgotten_if_removed(self) -> AsyncIterator[None]:
        """Where NotMember leaves this, log and keys are gone. It leaves in an ExceptionGroup."""
        try:
            yield
        except* NotMember:
            await self._raft.erase()
            raise
