"""The loop around the core: takes one Ready after the other, and carries it out.

Rules
1. Nothing that depends on a write leaves before the write is durable. What a leader sends does not depend on it, and leaves
   while its own disk works. One write and one sync serve all that became ready while the last sync ran.
2. Committed entries that are durable here are applied before the next write begins: a proposal waits for one sync.
3. A proposal that nothing has to wait for is written, synced and applied within the call that makes it: while this loop has
   nothing to do, on a quick disk, and without other members.
"""

from dataclasses import dataclass, field

from swarm_core.raft.types import MessageType, Ready, StateRole
from swarm_core.raft_node.applier import Applier
from swarm_core.raft_node.core import Core
from swarm_core.raft_node.errors import NotMember
from swarm_core.raft_node.leading.handover import Handover
from swarm_core.raft_node.leading.leadership import Leadership
from swarm_core.raft_node.outgoing import Outgoing
from swarm_core.raft_node.persistence import Persistence
from swarm_core.raft_node.upkeep import Upkeep
from swarm_core.runtime.tasks import Group

# A leader may send these before its own disk has what they carry: it counts itself among those who have it only afterwards.
_EARLY = frozenset((MessageType.APP, MessageType.HEARTBEAT, MessageType.SNAP, MessageType.TIMEOUT_NOW))


@dataclass(slots=True, kw_only=True)
class ReadyLoop:
    """Made after the start."""

    core: Core
    applier: Applier
    leadership: Leadership
    outgoing: Outgoing
    persistence: Persistence
    handover: Handover
    upkeep: Upkeep
    _is_idle: bool = field(default=False, init=False)
    # What `at_once` took and could not carry out.
    _left: Ready | None = field(default=None, init=False)

    def replay(self) -> None:
        """Apply what the log knows to be committed."""
        raw, applier = self.core.raw, self.applier
        while (ready := raw.ready()) is not None:
            assert not ready.entries
            assert not ready.messages
            applier.apply(ready.committed_entries)
            raw.advance(ready)
        assert applier.index == self.core.commit_index

    async def run(self, group: Group) -> None:
        """Until cancelled; `group` has a task of its own for snapshots. Raises what made the node fail, NotMember once it was
        removed."""
        core = self.core
        if list(self.applier.membership.members) == [core.raft_id]:
            core.raw.campaign()
        core.at_once = self._at_once
        while True:
            core.wake.clear()
            if core.standing.failure is not None:
                raise core.standing.failure
            ready, self._left = self._left or core.raw.ready(), None
            if ready is not None:
                await self._carry_out(ready)
            if core.standing.is_removed:
                raise NotMember
            self.handover.give_way_if_stuck()
            if ready is None or ready.committed_entries or ready.snapshot is not None:
                await self.upkeep.advance(group)
            if ready is None:
                await self._woken()

    async def _woken(self) -> None:
        self._is_idle = True
        try:
            await self.core.wake.wait()
        finally:
            self._is_idle = False

    def _at_once(self) -> bool:
        """Carry out what is ready within this call. False: `run` has to be woken for it, or for the rest of it."""
        core = self.core
        if not self._is_idle or core.wake.is_set():
            return False
        self._is_idle = False
        try:
            while (ready := core.raw.ready()) is not None:
                if ready.soft_state is not None or ready.messages or not self.persistence.is_at_once(ready):
                    self._left = ready
                    return False
                split = self._begin(ready)
                self.persistence.keep_at_once(ready)
                self._finish(ready, split)
        except Exception as error:  # noqa: BLE001 - `run` raises it
            core.standing.fail(error)
            return False
        self._is_idle = True
        return not (core.standing.is_removed or self.upkeep.is_due())

    async def _carry_out(self, ready: Ready) -> None:
        leadership = self.leadership
        split = self._begin(ready)
        messages, early = ready.messages, []
        if messages and leadership.role is StateRole.LEADER:
            early = [one for one in messages if one.type in _EARLY]
            self.outgoing.send(early)
            messages = tuple(one for one in messages if one.type not in _EARLY)
        await self.persistence.keep(ready, has_sent=bool(early))
        self.outgoing.send(messages)
        self.outgoing.remember_vote_requests(messages)
        self._finish(ready, split)

    def _begin(self, ready: Ready) -> int:
        """What comes before the write. How many of the committed entries are durable already, and applied now."""
        core = self.core
        if ready.soft_state is not None:
            self.leadership.follow(ready.soft_state)
        if ready.hard_state is not None:
            core.commit_index = ready.hard_state.commit
        durable = core.storage.memory.last_index() if ready.snapshot is None else 0
        split = sum(entry.index <= durable for entry in ready.committed_entries)
        self.applier.apply(ready.committed_entries[:split])
        return split

    def _finish(self, ready: Ready, split: int) -> None:
        """What comes after the write."""
        self.applier.apply(ready.committed_entries[split:])
        self.core.raw.advance(ready)
        self.leadership.announce_if_due(self.applier.index, self.applier.term)
