"""Majorities and joint majorities."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from swarm_core.raft.quorum import (
    INFINITE_INDEX,
    JointVoters,
    VoteResult,
    majority_committed,
    majority_vote,
)

_IDS = st.integers(1, 9)
_VOTERS = st.frozensets(_IDS, max_size=7)
_ACKED = st.dictionaries(_IDS, st.integers(0, 12))
_VOTES = st.dictionaries(_IDS, st.booleans())


def _majorities(voters: frozenset[int]) -> list[tuple[int, ...]]:
    return list(combinations(sorted(voters), len(voters) // 2 + 1))


@given(_VOTERS, _ACKED)
def test_committed_is_what_some_majority_holds(voters: frozenset[int], acked: dict[int, int]) -> None:
    """The committed index is the best of all majorities' lowest acknowledgements."""
    lowest = [min(acked.get(voter, 0) for voter in majority) for majority in _majorities(voters) if voters]
    assert majority_committed(voters, acked) == max(lowest, default=INFINITE_INDEX)


@given(_VOTERS, _VOTES)
def test_vote_is_won_lost_or_open_as_completions_say(voters: frozenset[int], votes: dict[int, bool]) -> None:
    """A vote is won if the missing ones cannot lose it, lost if they cannot win it, else open."""

    def wins(missing: bool) -> bool:
        granted = {voter for voter in voters if votes.get(voter, missing)}
        return not voters or any(set(majority) <= granted for majority in _majorities(voters))

    outcomes = {(True, True): VoteResult.WON, (False, True): VoteResult.PENDING}
    expected = outcomes.get((wins(False), wins(True)), VoteResult.LOST)
    assert majority_vote(voters, votes) is expected


@given(_VOTERS, _VOTERS, _ACKED, _VOTES)
def test_joint_voters_need_both_halves(
    incoming: frozenset[int], outgoing: frozenset[int], acked: dict[int, int], votes: dict[int, bool]
) -> None:
    """A joint configuration commits the lower index and takes the worse result of its halves."""
    joint = JointVoters(incoming, outgoing)
    halves = (majority_committed(incoming, acked), majority_committed(outgoing, acked))
    assert joint.committed(acked) == min(halves)
    results = {majority_vote(incoming, votes), majority_vote(outgoing, votes)}
    worse = [result for result in (VoteResult.LOST, VoteResult.PENDING, VoteResult.WON) if result in results]
    assert joint.vote(votes) is worse[0]


def test_text_names_voters_in_hexadecimal_order() -> None:
    """Voters are shown sorted and in hexadecimal, the outgoing half behind the incoming one."""
    assert str(JointVoters(frozenset((11, 2)))) == "(2 b)"
    assert str(JointVoters(frozenset((1,)), frozenset((3, 2)))) == "(1)&&(2 3)"
