"""What the other members send, and what became of messages to them. Implements the transport's port Reports."""

import logging

from swarm_core.raft.errors import ProposalDropped, StepRefused
from swarm_core.raft.types import Message, MessageType
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import NotMember
from swarm_core.raft_node.ticks import TickLength

_log = logging.getLogger(__name__)

# Only the leader of a term sends these, and each comes with the length of its ticks. Snapshots come from it too, but over a
# stream, which does not carry that length.
_OF_LEADER = frozenset((MessageType.APP, MessageType.HEARTBEAT))


class Incoming:
    def __init__(self, core: Core, ticks: TickLength) -> None:
        self._core = core
        self._ticks = ticks

    def step(self, message: Message, *, tick_s: float = 0.0) -> None:
        """A message of a member; the core drops what it must not see. `tick_s`: the length of its sender's ticks, 0 when
        it does not say."""
        core = self._core
        if core.standing.has_ended:
            return
        try:
            core.raw.step(message)
        except (StepRefused, ProposalDropped) as refusal:
            _log.debug("raft message of %x dropped: %s", message.from_, refusal)
        if message.type in _OF_LEADER and message.term == core.raw.term:
            self._ticks.hear(tick_s)
        core.wake.set()

    @property
    def said_tick_s(self) -> float:
        """The length of a tick now, as it is told to others; they heed it while this node leads."""
        return self._ticks.said_s

    def report_unreachable(self, raft_id: int) -> None:
        """A message to this member was lost."""
        if self._core.standing.is_member:
            self._core.raw.report_unreachable(raft_id)

    def report_snapshot(self, raft_id: int, ok: bool) -> None:
        """A snapshot reached this member, or did not."""
        if self._core.standing.is_member:
            self._core.raw.report_snapshot(raft_id, ok)
            self._core.wake.set()

    def report_removed(self) -> None:
        """Another member says that this one was removed."""
        if self._core.standing.is_member:
            self._core.standing.fail(NotMember())
            self._core.wake.set()
