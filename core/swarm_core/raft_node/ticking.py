"""Raft's time: a tick after each tick's length."""

import logging
from collections.abc import Callable

from swarm_core.raft.types import StateRole
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.leading.leadership import Leadership
from swarm_core.raft_node.membership import Membership
from swarm_core.raft_node.outgoing import Outgoing
from swarm_core.raft_node.ticks import TickLength

_log = logging.getLogger(__name__)


class Ticking:
    """`is_ours`: whether a member is of our make, None where that is not known."""

    def __init__(
        self,
        core: Core,
        ticks: TickLength,
        leadership: Leadership,
        membership: Membership,
        outgoing: Outgoing,
        *,
        is_ours: Callable[[int], bool | None],
    ) -> None:
        self._core = core
        self._ticks = ticks
        self._leadership = leadership
        self._membership = membership
        self._outgoing = outgoing
        self._is_ours = is_ours

    async def run(self) -> None:
        """Tick until cancelled."""
        clock = self._core.clock
        due = clock.monotonic()
        while True:
            # By the clock, so that a busy member's time does not run slower; what was missed is not made up for.
            due = max(due + self._next_s(), clock.monotonic())
            await clock.sleep(due - clock.monotonic())
            self._core.raw.tick()
            self._outgoing.repeat_vote_requests(self._leadership.role)
            self._core.wake.set()

    def _next_s(self) -> float:
        own_id = self._core.raft_id
        others = [self._is_ours(raft_id) for raft_id in self._membership.members if raft_id != own_id]
        before_s = self._ticks.said_s
        if self._leadership.role is StateRole.LEADER:
            tick_s = self._ticks.lead(others)
        else:
            tick_s = self._ticks.follow(others, has_leader=self._leadership.leader_id != 0)
        if self._ticks.said_s != before_s:
            _log.info("ticks of %g s", self._ticks.said_s)
        return tick_s
