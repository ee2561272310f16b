"""What a member tells about itself, as values that do not change any more."""

from dataclasses import dataclass, field

from swarm_core.raft.machine import Raft
from swarm_core.raft.progress import Progress, ProgressState
from swarm_core.raft.types import ConfState, HardState, SoftState, StateRole


@dataclass(frozen=True, slots=True)
class ProgressStatus:
    """How far one member has come, as its leader knows; `text` is the line that traces show."""

    match: int
    next: int
    state: ProgressState
    pending_snapshot: int
    is_recently_active: bool
    is_paused: bool
    is_learner: bool
    inflight_messages: int
    text: str

    @classmethod
    def of(cls, progress: Progress) -> "ProgressStatus":
        return cls(
            match=progress.match,
            next=progress.next,
            state=progress.state,
            pending_snapshot=progress.pending_snapshot,
            is_recently_active=progress.is_recently_active,
            is_paused=progress.is_paused,
            is_learner=progress.is_learner,
            inflight_messages=len(progress.inflights),
            text=str(progress),
        )


@dataclass(frozen=True, slots=True)
class Status:
    """A member's state; `progress` is empty unless it leads."""

    id: int
    hard_state: HardState
    soft_state: SoftState
    applied: int
    last_index: int
    lead_transferee: int
    conf_state: ConfState
    progress: dict[int, ProgressStatus] = field(default_factory=dict)

    @classmethod
    def of(cls, raft: Raft) -> "Status":
        is_leader = raft.role is StateRole.LEADER
        members = raft.tracker.progress if is_leader else {}
        return cls(
            id=raft.id,
            hard_state=raft.hard_state(),
            soft_state=raft.soft_state(),
            applied=raft.log.applied,
            last_index=raft.log.last_index(),
            lead_transferee=raft.lead_transferee,
            conf_state=raft.tracker.membership.conf_state(),
            progress={id_: ProgressStatus.of(progress) for id_, progress in members.items()},
        )
