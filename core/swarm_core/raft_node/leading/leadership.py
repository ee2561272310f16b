"""Who leads: known as soon as raft knows it, announced when this member is ready for it.

Rules
1. This member's leadership is announced once its own term is applied and nothing older is left to apply.
2. Its loss is announced before the waiting proposals fail.
"""

import asyncio
import logging
from collections.abc import Callable

from swarm_core.raft.types import SoftState, StateRole
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import LostLeadership, ProposalRefused
from swarm_core.raft_node.leading.proposals import Proposals

_log = logging.getLogger(__name__)


def _nobody_listens(is_leader: bool) -> None:
    """The default of `announce_to`."""


class Leadership:
    """`announce_to` is called with whether this member leads, in the order of the log. `is_handing_over`: leadership is on
    its way to another member, and proposals are refused meanwhile."""

    def __init__(self, core: Core, proposals: Proposals) -> None:
        self._core = core
        self._proposals = proposals
        self._state = SoftState()
        self._is_announced = False
        self._changed = asyncio.Event()
        self._leaderless_since = core.clock.monotonic()
        self.is_handing_over = False
        self.announce_to: Callable[[bool], None] = _nobody_listens

    @property
    def leader_id(self) -> int:
        """Raft id of the leader, 0 while none is known."""
        return self._state.lead

    @property
    def role(self) -> StateRole:
        """What raft is now, announced or not."""
        return self._state.role

    @property
    def is_leader(self) -> bool:
        """True between the announcements of leadership and of its loss."""
        return self._is_announced

    @property
    def leaderless_s(self) -> float:
        """For how long no leader is known."""
        return self._core.clock.monotonic() - self._leaderless_since if self._state.lead == 0 else 0.0

    @property
    def changed(self) -> asyncio.Event:
        """Set when leader or leadership are not any more what they are now; the next change has its own event."""
        return self._changed

    # What the loop tells

    def follow(self, state: SoftState) -> None:
        """Raft has another role, or another leader."""
        if state.lead == 0 and self._state.lead != 0:
            self._leaderless_since = self._core.clock.monotonic()
        self._state = state
        own_id, term = self._core.raft_id, self._core.raw.term
        _log.info("term %d: %s %x, leader %x", term, state.role.name.lower(), own_id, state.lead)
        self._tell_changed()
        if state.role is not StateRole.LEADER:
            self._lose(LostLeadership)

    def announce_if_due(self, applied_index: int, applied_term: int) -> None:
        """Entries up to this one are applied."""
        if self._is_announced or self._state.role is not StateRole.LEADER:
            return
        memory = self._core.storage.memory
        if applied_index >= memory.last_index():
            # A leader's role and its first entry come in one Ready, so the last entry is of its own term.
            assert applied_term == memory.initial_state()[0].term
            self._is_announced = True
            self.announce_to(True)
            self._tell_changed()

    def end(self) -> None:
        """This node has stopped."""
        self._lose(self._core.standing.stopped)
        self._tell_changed()

    def _lose(self, make_error: Callable[[], ProposalRefused]) -> None:
        if self._is_announced:
            self._is_announced = False
            self.announce_to(False)
        self._proposals.fail_all(make_error)

    def _tell_changed(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
