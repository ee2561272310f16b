"""Handing leadership to another member: when somebody asks for it, and when this leader gets nothing done."""

from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import TransferFailed
from swarm_core.raft_node.leading.leadership import Leadership
from swarm_core.raft_node.leading.members import Members
from swarm_core.raft_node.leading.proposals import Proposals
from swarm_core.raft_node.leading.proposing import Proposer
from swarm_core.raft_node.leading.stuck import StuckCheck, log_tasks
from swarm_core.raft_node.ticks import TickLength
from swarm_core.runtime.waiting import event_or_time


class Handover:
    """On the leader."""

    def __init__(
        self,
        core: Core,
        members: Members,
        leadership: Leadership,
        proposer: Proposer,
        proposals: Proposals,
        *,
        ticks: TickLength,
    ) -> None:
        self._core = core
        self._members = members
        self._leadership = leadership
        self._proposer = proposer
        self._proposals = proposals
        self._ticks = ticks
        self._stuck = StuckCheck()

    async def transfer(self) -> None:
        """Hand leadership to the member that answers longest; returns once another one leads.

        Raises NotLeader, TransferFailed.
        """
        self._proposer.check_may_propose()
        heir = self._members.longest_active()
        if heir is None:
            raise TransferFailed("no other manager can be reached to take over the leadership")
        self._core.raw.transfer_leader(heir)
        self._core.wake.set()
        self._leadership.is_handing_over = True
        try:
            await self._wait_for_heir()
        finally:
            self._leadership.is_handing_over = False

    def give_way_if_stuck(self) -> None:
        """Hand leadership on when proposals are stuck here."""
        if not self._leadership.is_leader:
            return
        if not self._stuck.is_due(self._core.clock.monotonic(), self._proposals.oldest_since):
            return
        log_tasks()
        heir = self._members.longest_active()
        if heir is not None:
            self._core.raw.transfer_leader(heir)

    async def _wait_for_heir(self) -> None:
        # Raft gives up after one election timeout; the new leader needs a moment to be heard.
        core, leadership = self._core, self._leadership
        deadline = core.clock.monotonic() + 2 * self._ticks.election_s
        while leadership.leader_id in (0, core.raft_id):
            left = deadline - core.clock.monotonic()
            if core.standing.has_ended or not await event_or_time(core.clock, leadership.changed, left):
                raise TransferFailed("no other manager took over the leadership in time")
