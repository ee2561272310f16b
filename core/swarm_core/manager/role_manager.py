"""Carries out what users wish of nodes' roles (docs/design/certificates.md 3.11); runs on the leader.

Rules:
- `spec.desired_role` is the wish, `node.role` what certificates are issued for. A promotion is granted at once.
- A demoted node first leaves raft, then loses the role: nobody counts as a manager who could still vote.
- Nobody is taken out of raft while that could cost the quorum; it is tried again every five seconds.
- A leader that is to go hands leadership over; the next leader finishes the job.
- A raft member without a node object is evicted; so is one whose node is a worker: it may have asked to join, by the
  certificate that it still had, while it was demoted.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from swarm_core.api.proto import objects_pb2, types_pb2
from swarm_core.raft_node.errors import RaftNodeError
from swarm_core.runtime.clock import Clock
from swarm_core.runtime.tasks import Group
from swarm_core.runtime.waiting import event_or_time
from swarm_core.store.events import Commit
from swarm_core.store.memory import MemoryStore
from swarm_core.store.transactions import Transaction
from swarm_core.watch.queue import Subscription

RETRY_S = 5.0
REMOVAL_S = 5.0
_log = logging.getLogger(__name__)
Node = objects_pb2.Node


class RaftMember(Protocol):
    """One member of the raft cluster."""

    @property
    def raft_id(self) -> int: ...

    @property
    def node_id(self) -> str: ...


class RaftMembers(Protocol):
    """Port: the raft cluster as its leader sees and changes it."""

    @property
    def raft_id(self) -> int:
        """Of this manager."""

    def all(self) -> Sequence[RaftMember]:
        """All of them, this manager too."""

    def can_remove(self, raft_id: int) -> bool:
        """Whether enough reachable members would remain."""

    async def remove(self, raft_id: int) -> None:
        """Take a member out. Raises RaftNodeError."""


class RoleManager:
    """The component. `hand_over` gives leadership to another member and returns once that leads; it raises RaftNodeError."""

    name = "role manager"

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        rng: random.Random,
        members: RaftMembers,
        hand_over: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._members = members
        self._hand_over = hand_over
        self._due: set[str] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Reconcile all nodes, then those that change, from gaining leadership until cancelled."""
        with self._store.subscribe(Node) as events:
            nodes = {node.id for node in self._store.find(Node)}
            self._due = nodes | {member.node_id for member in self._members.all()}
            async with Group() as group:
                group.spawn(self._follow(events), name="role events")
                group.spawn(self._reconcile_all(), name="roles")

    async def _follow(self, events: Subscription[Commit]) -> None:
        async for commits in events:
            for commit in commits:
                self._due |= {event.object.id for event in commit.events if isinstance(event.object, Node)}
            self._wake.set()

    async def _reconcile_all(self) -> None:
        while True:
            self._wake.clear()
            due, self._due = self._due, set()
            for node_id in sorted(due):
                if not await self._reconcile(node_id):
                    self._due.add(node_id)
            if not self._wake.is_set():
                await event_or_time(self._clock, self._wake, RETRY_S if self._due else None)

    async def _reconcile(self, node_id: str) -> bool:
        """Do what is due for one node; False when it must be tried again."""
        node = self._store.get(Node, node_id)
        if node is None:
            return await self._leave_raft(node_id)
        if node.spec.desired_role == types_pb2.WORKER and not await self._leave_raft(node_id):
            return False
        if node.role == node.spec.desired_role:
            return True
        await self._store.update(lambda tx: _grant(tx, node))
        return True

    async def _leave_raft(self, node_id: str) -> bool:
        """Whether the node is no raft member, or not any more."""
        member = next((one for one in self._members.all() if one.node_id == node_id), None)
        if member is None:
            return True
        try:
            async with asyncio.timeout(REMOVAL_S):
                if member.raft_id == self._members.raft_id and await self._has_handed_over():
                    return False  # the next leader finishes this
                if not self._members.can_remove(member.raft_id):
                    _log.warning("manager %s is not removed: that may result in loss of quorum", node_id)
                    return False
                await self._members.remove(member.raft_id)
        except (RaftNodeError, TimeoutError) as error:
            _log.warning("manager %s was not removed: %s", node_id, error or "no answer in time")
            return False
        _log.info("manager %s left the consensus", node_id)
        return True

    async def _has_handed_over(self) -> bool:
        try:
            await self._hand_over()
        except RaftNodeError as error:
            _log.warning("leadership was not handed over: %s", error)
            return False
        return True


def _grant(tx: Transaction, seen: Node) -> None:
    """Make the wish the role, unless either has changed meanwhile: then another event is on its way."""
    stored = tx.get(Node, seen.id)
    if stored is None or (stored.role, stored.spec.desired_role) != (seen.role, seen.spec.desired_role):
        return
    node = Node()
    node.CopyFrom(stored)
    node.role = stored.spec.desired_role
    tx.update(node)
