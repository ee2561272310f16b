"""Who the members are, how far each has come, and how they voted.

`Membership` is a value; `ProgressTracker` holds the current one with a Progress for each member. Members are always
visited in order of their ids, so that equal inputs give equal outputs.
"""

from dataclasses import dataclass, field

from swarm_core.raft.inflights import Inflights
from swarm_core.raft.progress import Progress
from swarm_core.raft.quorum import JointVoters, VoteResult, text_of
from swarm_core.raft.types import ConfState


@dataclass(frozen=True, slots=True)
class Membership:
    """The active configuration.

    learners        receive the log and have no vote; never voters of either half
    learners_next   voters of the outgoing half that become learners when the joint configuration is left
    auto_leave      the leader leaves the joint configuration as soon as it is applied
    """

    voters: JointVoters = field(default_factory=JointVoters)
    learners: frozenset[int] = frozenset()
    learners_next: frozenset[int] = frozenset()
    auto_leave: bool = False

    @property
    def is_joint(self) -> bool:
        return bool(self.voters.outgoing)

    def conf_state(self) -> ConfState:
        """The same in the form that snapshots carry."""
        return ConfState(
            voters=tuple(sorted(self.voters.incoming)),
            learners=tuple(sorted(self.learners)),
            voters_outgoing=tuple(sorted(self.voters.outgoing)),
            learners_next=tuple(sorted(self.learners_next)),
            auto_leave=self.auto_leave,
        )

    def __str__(self) -> str:
        text = f"voters={self.voters}"
        if self.learners:
            text += f" learners={text_of(self.learners)}"
        if self.learners_next:
            text += f" learners_next={text_of(self.learners_next)}"
        return text + " autoleave" if self.auto_leave else text


ProgressMap = dict[int, Progress]


@dataclass(slots=True)
class ProgressTracker:
    """The active membership, its progress and the votes of the current election."""

    max_inflight_messages: int
    max_inflight_bytes: int
    membership: Membership = field(default_factory=Membership)
    progress: ProgressMap = field(default_factory=dict)
    votes: dict[int, bool] = field(default_factory=dict)

    def new_inflights(self) -> Inflights:
        return Inflights(self.max_inflight_messages, self.max_inflight_bytes)

    def install(self, membership: Membership, progress: ProgressMap) -> None:
        """Makes a membership the active one."""
        self.membership = membership
        self.progress = dict(sorted(progress.items()))

    @property
    def is_singleton(self) -> bool:
        """One voter alone decides."""
        voters = self.membership.voters
        return len(voters.incoming) == 1 and not voters.outgoing

    def committed(self) -> int:
        """The largest index that the voters have acknowledged."""
        return self.membership.voters.committed({id_: member.match for id_, member in self.progress.items()})

    def is_quorum_active(self) -> bool:
        """Whether enough voters were heard of lately."""
        active = {
            id_: member.is_recently_active for id_, member in self.progress.items() if not member.is_learner
        }
        return self.membership.voters.vote(active) is VoteResult.WON

    def voter_ids(self) -> list[int]:
        return sorted(self.membership.voters.ids)

    def record_vote(self, voter: int, granted: bool) -> None:
        """Only a member's first vote counts."""
        self.votes.setdefault(voter, granted)

    def tally(self) -> tuple[int, int, VoteResult]:
        """Votes granted, votes refused, and what follows."""
        cast = [
            self.votes[id_]
            for id_, member in self.progress.items()
            if not member.is_learner and id_ in self.votes
        ]
        granted = sum(cast)
        return granted, len(cast) - granted, self.membership.voters.vote(self.votes)
