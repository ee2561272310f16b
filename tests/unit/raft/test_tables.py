"""Tables of quorums and memberships: each line was argued, and each quorum is counted again in the slowest way there is."""

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from pathlib import Path

import pytest
from swarm_core.raft.quorum import INFINITE_INDEX, JointVoters
from swarm_testkit.directives import compare, parse
from swarm_testkit.raft_tables import MembershipTable, play_quorum, quorum_case

_DATA = Path(__file__).parents[3] / "tests" / "data"
_QUORUMS = sorted((_DATA / "quorum").glob("*.txt"))
_MEMBERSHIPS = sorted((_DATA / "membership").glob("*.txt"))


@pytest.mark.parametrize("path", _QUORUMS, ids=lambda path: path.stem)
def test_quorum_is_as_argued(path: Path) -> None:
    """Every committed index and vote result is what stands beneath it."""
    compare(path, play_quorum)


@pytest.mark.parametrize("path", _MEMBERSHIPS, ids=lambda path: path.stem)
def test_membership_is_as_argued(path: Path) -> None:
    """Every change leads to the membership and progress, or the refusal, that stands beneath it."""
    compare(path, MembershipTable().play)


@pytest.mark.parametrize("path", _QUORUMS, ids=lambda path: path.stem)
def test_quorum_decides_as_counted(path: Path) -> None:
    """The last line of each output is what trying out all majorities, or all votes that are still missing, gives."""
    for directive in parse(path.read_text()):
        voters, given = quorum_case(directive)
        if directive.command == "vote":
            counted = _count_votes(voters, {id_: value == "y" for id_, value in given.items()})
        else:
            counted = _count_commit(voters, {id_: int(value) for id_, value in given.items()})
        shown = directive.expected.splitlines()[-1].removeprefix("<empty majority quorum>")
        assert shown == counted, f"{path.name}:{directive.line}"


def _majorities(voters: frozenset[int]) -> Iterator[tuple[int, ...]]:
    for size in range(len(voters) // 2 + 1, len(voters) + 1):
        yield from combinations(sorted(voters), size)


def _count_commit(voters: JointVoters, acked: Mapping[int, int]) -> str:
    halves = [half for half in (voters.incoming, voters.outgoing) if half]
    if not halves:
        return "∞"
    # Of each half the best majority; an index counts for it once its slowest member has it.
    best = [max(min(acked.get(id_, 0) for id_ in some) for some in _majorities(half)) for half in halves]
    assert min(best) < INFINITE_INDEX
    return str(min(best))


def _count_votes(voters: JointVoters, votes: Mapping[int, bool]) -> str:
    missing = sorted(voters.ids - votes.keys())
    outcomes = {
        _is_won(voters, {**votes, **dict(zip(missing, answers, strict=True))})
        for answers in product((False, True), repeat=len(missing))
    }
    if outcomes == {True}:
        return "VoteWon"
    return "VoteLost" if outcomes == {False} else "VotePending"


def _is_won(voters: JointVoters, votes: Mapping[int, bool]) -> bool:
    halves = [half for half in (voters.incoming, voters.outgoing) if half]
    return all(sum(votes[id_] for id_ in half) > len(half) / 2 for half in halves)
