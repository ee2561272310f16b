"""What the leader knows of one member's log, and how it feeds it.

Probe: where the logs meet is unknown, one append per heartbeat. Replicate: appends are streamed, `next` runs
ahead of the acknowledgements within the window of inflights. Snapshot: appends wait for a snapshot to arrive.
Invariant: match < next.
"""

from dataclasses import dataclass
from enum import IntEnum

from swarm_core.raft.inflights import Inflights


class ProgressState(IntEnum):
    PROBE = 0
    REPLICATE = 1
    SNAPSHOT = 2

    def __str__(self) -> str:
        return "State" + self.name.capitalize()


@dataclass(slots=True)
class Progress:
    """`match` is known to be replicated, `next` is the first index of the next append.

    sent_commit        highest commit index that the member was told, as far as that told it something new
    pending_snapshot   index of the snapshot under way, in state Snapshot
    is_recently_active somebody there answered since the last check of the quorum
    is_flow_paused     no append until something is heard: one was sent in Probe, or the window is full
    """

    next: int
    inflights: Inflights
    match: int = 0
    sent_commit: int = 0
    state: ProgressState = ProgressState.PROBE
    pending_snapshot: int = 0
    is_recently_active: bool = False
    is_flow_paused: bool = False
    is_learner: bool = False

    @property
    def is_paused(self) -> bool:
        return self.is_flow_paused or self.state is ProgressState.SNAPSHOT

    def become_probe(self) -> None:
        """Looks for the meeting point again; after a snapshot right behind it."""
        after = max(self.match, self.pending_snapshot if self.state is ProgressState.SNAPSHOT else 0)
        self._enter(ProgressState.PROBE)
        self.next = after + 1
        self.sent_commit = min(self.sent_commit, after)

    def become_replicate(self) -> None:
        self._enter(ProgressState.REPLICATE)
        self.next = self.match + 1

    def become_snapshot(self, index: int) -> None:
        self._enter(ProgressState.SNAPSHOT)
        self.pending_snapshot = index
        self.next = index + 1
        self.sent_commit = index

    def sent_entries(self, count: int, size: int) -> None:
        """Notes an append of `count` entries; in Probe one with entries pauses the flow."""
        assert self.state is not ProgressState.SNAPSHOT, "no appends while a snapshot is under way"
        if self.state is ProgressState.PROBE:
            self.is_flow_paused = self.is_flow_paused or count > 0
            return
        if count > 0:
            self.next += count
            self.inflights.add(self.next - 1, size)
        self.is_flow_paused = self.inflights.is_full

    def can_bump_commit(self, index: int) -> bool:
        """Whether telling the member of commit `index` lets it commit more of what it was sent."""
        return self.sent_commit < index and self.sent_commit < self.next - 1

    def acknowledged(self, index: int) -> bool:
        """Notes that the log matches up to `index`; False when that was known."""
        if index <= self.match:
            return False
        self.match = index
        self.next = max(self.next, index + 1)
        self.is_flow_paused = False
        return True

    def rejected(self, index: int, hint: int) -> bool:
        """Steps back after a refused append behind `index`; False when the refusal is out of date."""
        if self.state is ProgressState.REPLICATE:
            if index <= self.match:
                return False
            self.next = self.match + 1
        else:
            if self.next - 1 != index:
                return False
            self.next = max(min(index, hint + 1), self.match + 1)
            self.is_flow_paused = False
        self.sent_commit = min(self.sent_commit, self.next - 1)
        return True

    def _enter(self, state: ProgressState) -> None:
        self.is_flow_paused = False
        self.pending_snapshot = 0
        self.state = state
        self.inflights.reset()

    def __str__(self) -> str:
        parts = [f"{self.state} match={self.match} next={self.next}"]
        if self.is_learner:
            parts.append("learner")
        if self.is_paused:
            parts.append("paused")
        if self.pending_snapshot:
            parts.append(f"pendingSnap={self.pending_snapshot}")
        if not self.is_recently_active:
            parts.append("inactive")
        if self.inflights:
            parts.append(f"inflight={len(self.inflights)}" + ("[full]" if self.inflights.is_full else ""))
        return " ".join(parts)
