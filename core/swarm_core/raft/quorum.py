"""What a majority, or two majorities at once, have acknowledged or voted.

A joint configuration holds two sets of voters; both must agree. An empty set agrees with everything, so a
configuration that is not joint is a joint one whose outgoing half is empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

Voters = frozenset[int]

# What an empty set of voters has committed: it never holds the other half back.
INFINITE_INDEX = (1 << 64) - 1


class VoteResult(IntEnum):
    PENDING = 1
    LOST = 2
    WON = 3

    def __str__(self) -> str:
        return "Vote" + self.name.capitalize()


def text_of(voters: Voters) -> str:
    """Ids in order, in hexadecimal, in parentheses."""
    return "(" + " ".join(f"{voter:x}" for voter in sorted(voters)) + ")"


def majority_committed(voters: Voters, acked: Mapping[int, int]) -> int:
    """The largest index that a majority of the voters have acknowledged; who is missing has index 0."""
    if not voters:
        return INFINITE_INDEX
    indexes = sorted(acked.get(voter, 0) for voter in voters)
    return indexes[(len(indexes) - 1) // 2]


def majority_vote(voters: Voters, votes: Mapping[int, bool]) -> VoteResult:
    """Whether a majority said yes, may still say yes, or no longer can."""
    if not voters:
        return VoteResult.WON
    needed = len(voters) // 2 + 1
    granted = sum(1 for voter in voters if votes.get(voter, False))
    missing = sum(1 for voter in voters if voter not in votes)
    if granted >= needed:
        return VoteResult.WON
    return VoteResult.PENDING if granted + missing >= needed else VoteResult.LOST


@dataclass(frozen=True, slots=True)
class JointVoters:
    """The voters: `incoming` always, `outgoing` too while a joint configuration is being left."""

    incoming: Voters = frozenset()
    outgoing: Voters = frozenset()

    @property
    def ids(self) -> Voters:
        return self.incoming | self.outgoing if self.outgoing else self.incoming

    def committed(self, acked: Mapping[int, int]) -> int:
        """The largest index that both halves have acknowledged."""
        incoming = majority_committed(self.incoming, acked)
        if not self.outgoing:
            return incoming
        return min(incoming, majority_committed(self.outgoing, acked))

    def vote(self, votes: Mapping[int, bool]) -> VoteResult:
        """Won when both halves won, lost when one has lost."""
        results = (majority_vote(self.incoming, votes), majority_vote(self.outgoing, votes))
        if VoteResult.LOST in results:
            return VoteResult.LOST
        return VoteResult.PENDING if VoteResult.PENDING in results else VoteResult.WON

    def __str__(self) -> str:
        incoming = text_of(self.incoming)
        return f"{incoming}&&{text_of(self.outgoing)}" if self.outgoing else incoming
