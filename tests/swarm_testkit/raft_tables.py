"""Plays files of data about quorums and memberships, in the form of the reference's.

Quorums: `committed cfg=(1,2,3) cfgj=(4) idx=(10,_,12,11)` and `vote cfg=(1,2) votes=(y,_)`; the values are those of the
voters in the order in which they are named. Memberships: `simple`, `enter-joint autoleave=true`, `leave-joint`, each with its
changes in the line below.
"""

from collections.abc import Mapping

from swarm_core.raft.errors import ConfChangeRefused
from swarm_core.raft.membership import Changed, Draft, enter_joint, leave_joint, simple
from swarm_core.raft.quorum import INFINITE_INDEX, JointVoters, majority_committed, majority_vote
from swarm_core.raft.tracker import ProgressTracker

from swarm_testkit.directives import Directive
from swarm_testkit.script_nodes import parse_changes

_Values = dict[int, str]


class MismatchedInput(Exception):
    """Not one value for each voter; the text is part of the output."""


def quorum_case(directive: Directive) -> tuple[JointVoters, _Values]:
    """The voters of one line, and what each of them acknowledged or voted, where it did."""
    incoming = [int(value) for value in directive.values("cfg")]
    outgoing = [int(value) for value in directive.values("cfgj") if value != "zero"]
    voters = JointVoters(frozenset(incoming), frozenset(outgoing))
    inputs = directive.values("votes" if directive.command == "vote" else "idx")
    if len(voters.ids) != len(inputs):
        ids = " ".join(f"{id_}:{{}}" for id_ in sorted(voters.ids))
        values = " ".join("0" if value == "_" else value for value in inputs)
        raise MismatchedInput(f"mismatched input (explicit or _) for voters map[{ids}]: [{values}]")
    given = dict(zip(dict.fromkeys(incoming + outgoing), inputs, strict=True))
    return voters, {id_: value for id_, value in given.items() if value != "_"}


def play_quorum(directive: Directive) -> str:
    """The committed index or the result of the vote."""
    try:
        voters, given = quorum_case(directive)
    except MismatchedInput as error:
        return f"error: {error}\n"
    if directive.command == "vote":
        return _vote(voters, {id_: value == "y" for id_, value in given.items()})
    return _committed(voters, {id_: int(value) for id_, value in given.items()})


class MembershipTable:
    """A membership, and the changes that one file makes to it; the log grows by one with each."""

    def __init__(self) -> None:
        self._tracker = ProgressTracker(max_inflight_messages=10, max_inflight_bytes=1)
        self._last_index = 0

    def play(self, directive: Directive) -> str:
        """The membership and its progress, or the refusal."""
        tracker = self._tracker
        try:
            tracker.install(*self._change(directive))
        except ConfChangeRefused as refused:
            return f"{refused}\n"
        finally:
            self._last_index += 1
        lines = [str(tracker.membership), *(f"{id_}: {member}" for id_, member in tracker.progress.items())]
        return "".join(f"{line}\n" for line in lines)

    def _change(self, directive: Directive) -> Changed:
        draft = Draft.of(self._tracker, self._last_index)
        changes = parse_changes(directive.input)
        if directive.command == "simple":
            return simple(draft, changes)
        if directive.command == "enter-joint":
            return enter_joint(draft, changes, auto_leave=directive.values("autoleave") == ("true",))
        assert directive.command == "leave-joint"
        assert not changes
        return leave_joint(draft)


def _vote(voters: JointVoters, votes: Mapping[int, bool]) -> str:
    result = voters.vote(votes)
    assert JointVoters(voters.outgoing, voters.incoming).vote(votes) == result, "the halves are symmetrical"
    if not voters.outgoing:
        assert majority_vote(voters.incoming, votes) == result
    return f"{result!s}\n"


def _committed(voters: JointVoters, acked: Mapping[int, int]) -> str:
    index = voters.committed(acked)
    assert JointVoters(voters.outgoing, voters.incoming).committed(acked) == index
    if not voters.outgoing:
        assert majority_committed(voters.incoming, acked) == index
        assert JointVoters(voters.incoming, voters.incoming).committed(acked) == index
    return _picture(voters, acked) + ("∞" if index == INFINITE_INDEX else str(index)) + "\n"


def _picture(voters: JointVoters, acked: Mapping[int, int]) -> str:
    """One bar for each voter, as long as there are voters with lower indexes."""
    if not voters.ids:
        return "<empty majority quorum>"
    size = len(voters.ids)
    lines = [" " * size + "    idx"]
    for id_ in sorted(voters.ids):
        index = acked.get(id_, 0)
        bar = sum(1 for other in voters.ids if acked.get(other, 0) < index)
        drawn = "x" * bar + ">" + " " * (size - bar) if id_ in acked else "?" + " " * size
        lines.append(f"{drawn} {index:5d}    (id={id_:x})")
    return "".join(f"{line}\n" for line in lines)
